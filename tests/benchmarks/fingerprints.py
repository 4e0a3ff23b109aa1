"""How far fingerprints of clips are apart: of copies, of other clips, and of other clips of one place.

    python tests/benchmarks/fingerprints.py ../shared/data/ucf8 -o /tmp/copies --every 8

Writes copies of every N-th clip in other encodings and cuts, which takes minutes, and prints bits of 128.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import av
import click
import cv2
import numpy as np

from vidcls.fingerprint import MATCHING_BITS, fingerprint_of
from vidcls.video.folders import list_videos
from vidcls.video.reader import iter_frames, open_video
from vidcls_train.data.clip_list import group_by_name

Frames = list[np.ndarray]  # uint8 RGB [H, W, 3]


def even(pixels: float) -> int:
    return int(pixels) // 2 * 2


def at_rate(frames: Frames, rate: float, wanted: float) -> Frames:
    count = max(1, round(len(frames) * wanted / rate))
    return [frames[min(len(frames) - 1, int((number + 0.5) * rate / wanted))] for number in range(count)]


def cropped(frames: Frames, share: float) -> Frames:
    height, width = frames[0].shape[:2]
    rows, columns = even(height * share), even(width * share)
    inner = [frame[rows : height - rows, columns : width - columns] for frame in frames]
    return [cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA) for frame in inner]


def brighter(frames: Frames) -> Frames:
    return [np.clip(frame * 1.15 + 12, 0, 255).astype(np.uint8) for frame in frames]


def grey(frames: Frames) -> Frames:
    return [np.repeat(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2) for frame in frames]


def scaled(frames: Frames, size: tuple[int, int]) -> Frames:
    return [np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8) for frame in frames]


# name: (what becomes of the frames, of their rate, ending, codec, bit rate, options)
Copy = tuple[Callable[[Frames, float], Frames], float | None, str, str, int | None, dict[str, str]]
X264: tuple[str, str, int | None, dict[str, str]] = ("mp4", "libx264", None, {})
COPIES: dict[str, Copy] = {
    "half the size": (lambda f, _: scaled(f, (even(f[0].shape[1] / 2), even(f[0].shape[0] / 2))), None, *X264),
    "twice the size": (lambda f, _: scaled(f, (f[0].shape[1] * 2, f[0].shape[0] * 2)), None, *X264),
    "stretched to 112 x 112": (lambda f, _: scaled(f, (112, 112)), None, *X264),
    "MPEG-4 at 60 kbit/s": (lambda f, _: f, None, "avi", "mpeg4", 60_000, {}),
    "H.264, CRF 35, Matroska": (lambda f, _: f, None, "mkv", "libx264", None, {"crf": "35"}),
    "VP9, WebM": (lambda f, _: f, None, "webm", "libvpx-vp9", 150_000, {"deadline": "realtime", "cpu-used": "8"}),
    "12 frames a second": (lambda f, rate: at_rate(f, rate, 12), 12, *X264),
    "60 frames a second": (lambda f, rate: at_rate(f, rate, 60), 60, *X264),
    "brighter": (lambda f, _: brighter(f), None, *X264),
    "grey": (lambda f, _: grey(f), None, *X264),
    "without its first 5 %": (lambda f, _: f[len(f) // 20 :], None, *X264),
    "without 5 % at either end": (lambda f, _: f[len(f) // 20 : len(f) - len(f) // 20], None, *X264),
    "without its first quarter": (lambda f, _: f[len(f) // 4 :], None, *X264),
    "its middle 2 s": (lambda f, r: f[max(0, len(f) // 2 - int(r)) : len(f) // 2 + int(r)], None, *X264),
    "cropped by 5 % a side": (lambda f, _: cropped(f, 0.05), None, *X264),
    "mirrored": (lambda f, _: [frame[:, ::-1] for frame in f], None, *X264),
}


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True))
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option("--every", type=click.IntRange(min=1), default=8, show_default=True)
def main(data: Path, output: Path, every: int) -> None:
    """Print how many bits differ."""
    clips = list_videos(data)
    prints = {clip: fingerprint_of(clip) for clip in clips}
    others: list[int] = []
    places: list[int] = []
    for first, second in combinations(clips, 2):
        same = (first.parent.name, group_by_name(first)) == (second.parent.name, group_by_name(second))
        (places if same else others).append(difference(prints[first], prints[second]))
    show("pairs of other footage", np.array(others))
    show("pairs of one group of footage", np.array(places))
    for name, kind in COPIES.items():
        found = [
            difference(prints[clip], fingerprint_of(write_copy(clip, output / name, kind))) for clip in clips[::every]
        ]
        show(name, np.array(found))


def difference(first: bytes, second: bytes) -> int:
    return (int.from_bytes(first, "big") ^ int.from_bytes(second, "big")).bit_count()


def show(name: str, bits: np.ndarray) -> None:
    least, median, most = np.percentile(bits, [0, 50, 100])
    share = (bits <= MATCHING_BITS).mean()
    click.echo(f"{name:30} {len(bits):6}: {least:3.0f} to {most:3.0f}, median {median:3.0f}; taken for one {share:.5f}")


def write_copy(clip: Path, folder: Path, kind: Copy) -> Path:
    change, new_rate, ending, codec, bit_rate, options = kind
    with open_video(clip) as reader:
        rate = reader.video.average_rate or 25
        count = len(reader.scan().times)
    frames = change(list(iter_frames(clip, range(count))), rate)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{clip.stem}.{ending}"
    encode(path, frames, rate=new_rate or rate, codec=codec, bit_rate=bit_rate, options=options)
    return path


def encode(path: Path, frames: Frames, *, rate: float, codec: str, bit_rate: int | None, options: Any) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(rate).limit_denominator(1001), options=options)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode())


if __name__ == "__main__":
    main()
