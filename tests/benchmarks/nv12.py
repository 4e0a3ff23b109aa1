"""Are NV12 frames, as hardware decoders hand them out, the same in RGB? python tests/benchmarks/nv12.py VIDEO...

Decodes by software to planar YUV, lays each frame out as NV12 by hand, which moves bytes and computes nothing, and
converts both to RGB as vidcls does. Then the same once more by way of planar YUV. No hardware is needed or tested.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import click
import numpy as np

FRAMES = 20  # of each video


def planar_frames(path: Path) -> Iterator[Any]:
    """The first frames, where these are 8-bit 4:2:0."""
    try:
        with av.open(str(path)) as container:
            frames: Iterator[Any] = container.decode(video=0)
            for frame in itertools.islice(frames, FRAMES):
                if frame.format.name in ("yuv420p", "yuvj420p"):
                    yield frame
    except (av.FFmpegError, IndexError) as error:
        click.echo(f"{path.name}: {type(error).__name__}", err=True)


def samples(plane: Any) -> np.ndarray:
    """uint8 [height, line size]: a plane with the bytes that pad its lines."""
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)


def as_nv12(frame: Any) -> Any:
    """The same frame with its two chroma planes in one, U and V in turn."""
    copy = frame.reformat(format="nv12")  # its planes are overwritten; what else is known of the frame stays
    luma, chroma = (samples(plane).copy() for plane in copy.planes)
    luma[:, : frame.width] = samples(frame.planes[0])[: len(luma), : frame.width]
    across = frame.planes[1].width
    for offset in (0, 1):
        chroma[:, offset : 2 * across : 2] = samples(frame.planes[1 + offset])[: len(chroma), :across]
    copy.planes[0].update(luma.tobytes())
    copy.planes[1].update(chroma.tobytes())
    return copy


def rgb(frame: Any) -> np.ndarray:
    """As vidcls converts."""
    pixels: np.ndarray = frame.reformat(format="bgr24", interpolation="BICUBIC").to_ndarray()
    return pixels.astype(np.int16)


@click.command()
@click.argument("videos", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(videos: tuple[Path, ...]) -> None:
    """Print how many frames are equal, and how far the others are apart."""
    direct: list[int] = []
    by_planar: list[int] = []
    values: list[float] = []
    read = 0
    for path in videos:
        before = len(direct)
        for frame in planar_frames(path):
            expected, nv12 = rgb(frame), as_nv12(frame)
            difference = np.abs(rgb(nv12) - expected)
            direct.append(int(difference.max()))
            values.append(float((difference > 0).mean()))
            by_planar.append(int(np.abs(rgb(nv12.reformat(format=frame.format.name)) - expected).max()))
        read += len(direct) > before
    click.echo(f"PyAV {av.__version__}: {len(direct)} frames of {read} videos, compared with planar YUV -> RGB")
    for name, found in {"NV12 -> RGB": direct, "NV12 -> planar YUV -> RGB": by_planar}.items():
        click.echo(f"{name:27} {found.count(0)} equal; largest difference {max(found, default=0)} grey levels")
    click.echo(f"NV12 -> RGB: {np.mean(values):.0%} of values differ" if values else "no 8-bit 4:2:0 video")


if __name__ == "__main__":
    main()
