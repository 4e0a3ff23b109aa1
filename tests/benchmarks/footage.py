"""Videos to measure decoding with, made with PyAV: short, long, as telephones write them, and as old AVIs are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

Scene = Callable[[float], np.ndarray]  # seconds -> uint8 RGB [H, W, 3]

X264 = {"preset": "veryfast", "crf": "26"}
PHONE_CLOCK = 90_000  # ticks a second of a telephone's MP4


def wander(*, width: int, height: int) -> Scene:
    """A camera that wanders over a coloured noise."""
    noise = np.random.default_rng(0).integers(0, 256, size=(height // 16 + 40, width // 16 + 40, 3), dtype=np.uint8)
    scene = np.asarray(cv2.resize(noise, None, fx=16, fy=16, interpolation=cv2.INTER_CUBIC), np.uint8)

    def picture(seconds: float) -> np.ndarray:
        left, top = (320 + round(300 * wave(seconds * 0.6)) for wave in (np.sin, np.cos))
        return np.ascontiguousarray(scene[top : top + height, left : left + width])

    return picture


def encode(
    path: Path,
    times: Sequence[Fraction],
    *,
    width: int,
    height: int,
    rate: int,
    clock: int | None = None,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    b_frames: int | None = None,
    key_frames: int | None = None,
) -> Path:
    """Write a frame of `wander` at each of `times` (seconds); `clock` in ticks a second, the rate without it.

    b_frames, key_frames: at most so many B-frames in a row, and the frames from one key frame to the next;
        the encoder's own choice without them.
    """
    scene = wander(width=width, height=height)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate, options=X264 if options is None else options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, clock or rate)
        if b_frames is not None:
            stream.codec_context.max_b_frames = b_frames
        if key_frames is not None:
            stream.codec_context.gop_size = key_frames
        for seconds in times:
            frame = av.VideoFrame.from_ndarray(scene(float(seconds)), format="rgb24")
            frame.pts, frame.time_base = round(seconds * (clock or rate)), Fraction(1, clock or rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def steady(*, seconds: int, rate: int) -> list[Fraction]:
    """The times of frames at a constant rate."""
    return [Fraction(number, rate) for number in range(seconds * rate)]


def unsteady(*, seconds: int) -> list[Fraction]:
    """The times of a telephone's frames: about 30 a second, and now and then one that was dropped."""
    random = np.random.default_rng(0)
    steps = 3000 + random.integers(-2, 3, seconds * 30) * 30 + 3000 * (random.random(seconds * 30) < 0.05)
    ticks = np.cumsum(steps) - steps[0]
    return [Fraction(int(tick), PHONE_CLOCK) for tick in ticks[ticks < seconds * PHONE_CLOCK]]


def repeat(footage: Path, path: Path, *, times: int) -> Path:
    """The same packets so many times over, one after the other: a long video without encoding one."""
    with av.open(str(footage)) as source, av.open(str(path), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        span = round(Fraction(stream.frames) / Fraction(stream.average_rate or 1) / Fraction(stream.time_base or 1))
        for turn in range(times):
            source.seek(0)
            for packet in packets(source, stream):
                packet.pts, packet.dts = packet.pts + turn * span, packet.dts + turn * span
                packet.stream = copy
                target.mux(packet)
    return path


def packets(container: Any, stream: Any) -> Iterator[Any]:
    """Its packets without the empty one at the end."""
    return (packet for packet in container.demux(stream) if packet.dts is not None and packet.pts is not None)
