"""Make the clips that every decoder is compared on: python tests/reference_clips.py

sdk/vidcls/video/reference_clips: a few small frames of each kind of video that decoders have been found to differ on,
and of each codec that OpenCV's and PyAV's wheels both decode. reference.json says what has to come out of them: every
frame's time, its SHA-256, and its mean colours in 8 x 6 parts, which say how far off another decoder is. All of that
is PyAV's and FFmpeg's, by `parity.reference` and `videos.reference_pixels`; no line of vidcls is used.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

FOLDER = Path(__file__).parent.parent / "sdk" / "vidcls" / "video" / "reference_clips"
FRAMES, RATE = 6, 25
COLUMNS, ROWS = 8, 6
# FFmpeg's numbers: the colours of HD video, and levels from 0 to 255 instead of 16 to 235.
BT709, FULL_RANGE = 1, 2

_X264 = {"preset": "slow", "crf": "30", "x264-params": "threads=1"}
_X265 = {"crf": "32", "x265-params": "log-level=none:pools=1:frame-threads=1"}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How one clip is written. `shows` is what messages call it."""

    shows: str
    codec: str
    encoder: str
    pixels: str = "yuv420p"
    width: int = 64
    height: int = 48
    options: dict[str, str] = field(default_factory=dict)
    b_frames: int = 0
    rotation: int = 0
    space: int | None = None
    range: int | None = None


KINDS = {
    "h264.mp4": Kind(shows="H.264", codec="h264", encoder="libx264", b_frames=2, options=_X264),
    "bt709.mp4": Kind(shows="BT.709 H.264", codec="h264", encoder="libx264", b_frames=2, options=_X264, space=BT709),
    "full_range.mp4": Kind(
        shows="full-range H.264",
        codec="h264",
        encoder="libx264",
        pixels="yuvj420p",
        b_frames=2,
        options=_X264,
        space=BT709,
        range=FULL_RANGE,
    ),
    "rotated.mp4": Kind(shows="rotated H.264", codec="h264", encoder="libx264", b_frames=2, options=_X264, rotation=90),
    "ten_bit.mp4": Kind(shows="10-bit HEVC", codec="hevc", encoder="libx265", pixels="yuv420p10le", options=_X265),
    "b_frames.avi": Kind(
        shows="MPEG-4 with B-frames in AVI", codec="mpeg4", encoder="mpeg4", b_frames=2, options={"qmin": "12"}
    ),
    "odd_sides.webm": Kind(
        shows="VP9 with odd sides", codec="vp9", encoder="libvpx-vp9", width=63, height=47, options={"crf": "40"}
    ),
    "mjpeg.mp4": Kind(shows="Motion JPEG", codec="mjpeg", encoder="mjpeg", pixels="yuvj420p", options={"qmin": "8"}),
}


def scene(number: int, *, width: int, height: int) -> npt.NDArray[np.uint8]:
    """Every colour in waves, and a red and a blue block that move: uint8 RGB [height, width, 3]."""
    y, x = np.ogrid[:height, :width]
    y, x = y / height, x / width
    waves = (6 * x + 0 * y + 0.7 * number, 5 * y + 0 * x - 0.5 * number + 1, 4 * (x + y) + 0.9 * number + 2)
    picture = np.stack([127.5 + 127.5 * np.sin(wave) for wave in waves], axis=-1)
    picture[height // 4 : height // 2, width // 8 + 2 * number : width // 3 + 2 * number] = (250, 10, 10)
    picture[height // 2 : 3 * height // 4, width // 2 - 2 * number : 3 * width // 4 - 2 * number] = (10, 10, 250)
    return picture.astype(np.uint8)


def write_clip(path: Path, kind: Kind) -> None:
    """`FRAMES` frames of `scene`, upright as players show them."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(kind.encoder, rate=RATE, options=kind.options)
        assert isinstance(stream, av.VideoStream)
        on_side = kind.rotation % 180 == 90
        stream.width, stream.height = (kind.height, kind.width) if on_side else (kind.width, kind.height)
        stream.pix_fmt = kind.pixels
        context = stream.codec_context
        context.bit_rate = 0 if "crf" in kind.options else 200_000
        context.gop_size, context.max_b_frames = 12, kind.b_frames
        if kind.space is not None:
            context.colorspace = context.color_primaries = context.color_trc = kind.space
        if kind.range is not None:
            context.color_range = kind.range
        if kind.rotation:
            stream.set_display_rotation(-kind.rotation)  # FFmpeg turns counterclockwise
        for number in range(FRAMES):
            upright = scene(number, width=kind.width, height=kind.height)
            stored = np.ascontiguousarray(np.rot90(upright, kind.rotation // 90))
            frame = av.VideoFrame.from_ndarray(stored, format="rgb24").reformat(
                format=kind.pixels, dst_colorspace=kind.space, dst_color_range=kind.range
            )
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def thumbnail(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The mean colours of `ROWS` x `COLUMNS` parts of a frame: uint8 RGB [ROWS, COLUMNS, 3]."""
    height, width = frame.shape[:2]
    parts = np.empty((ROWS, COLUMNS, 3))
    for row in range(ROWS):
        for column in range(COLUMNS):
            part = frame[
                row * height // ROWS : (row + 1) * height // ROWS,
                column * width // COLUMNS : (column + 1) * width // COLUMNS,
            ]
            parts[row, column] = part.reshape(-1, 3).mean(axis=0)
    return np.floor(parts + 0.5).astype(np.uint8)


def describe(path: Path) -> dict[str, Any]:
    """What has to come out of a clip, by PyAV: size, times, hashes and thumbnails of all frames."""
    from parity.reference import frame_times
    from videos import reference_pixels

    with av.open(str(path)) as container:
        frames = [np.ascontiguousarray(reference_pixels(frame)) for frame in container.decode(video=0)]
    return {
        "width": frames[0].shape[1],
        "height": frames[0].shape[0],
        "times": [float(time) for time in frame_times(path)],
        "sha256": [hashlib.sha256(frame.tobytes()).hexdigest() for frame in frames],
        "thumbnails": [thumbnail(frame).tobytes().hex() for frame in frames],
    }


def describe_all() -> dict[str, dict[str, Any]]:
    """What reference.json holds, by the clips' names."""
    return {name: {"shows": kind.shows, "codec": kind.codec, **describe(FOLDER / name)} for name, kind in KINDS.items()}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, kind in KINDS.items():
        write_clip(FOLDER / name, kind)
    (FOLDER / "reference.json").write_text(json.dumps(describe_all(), indent=1) + "\n", encoding="utf-8")
    sys.stdout.write("".join(f"{path.name} {path.stat().st_size}\n" for path in sorted(FOLDER.iterdir())))
