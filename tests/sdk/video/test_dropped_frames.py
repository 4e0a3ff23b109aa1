"""AVIs of which frames were dropped: packets come at no one rate, and both decoders give the same times."""

from __future__ import annotations

import itertools
import os
import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from vidcls.video.reader import Decoder, iter_frames, open_video, read_times
from videos import paint, painted

OPTIONS: dict[str, dict[str, str]] = {
    "mpeg4": {},
    "libx264": {"preset": "veryfast", "x264-params": "threads=1:b-adapt=0"},
}


def write(path: Path, encoder: str, *, b_frames: int, frames: int, dropped: float) -> list[int]:
    """When the packets of an AVI are decoded, in 25ths of a second."""
    context: Any = av.CodecContext.create(encoder, "w")
    context.width, context.height, context.pix_fmt, context.time_base = 96, 64, "yuv420p", Fraction(1, 25)
    context.framerate, context.gop_size, context.max_b_frames = Fraction(25), 12, b_frames
    context.bit_rate, context.options = 2_000_000, OPTIONS[encoder]
    packets = []
    for number in range(frames):
        frame = av.VideoFrame.from_ndarray(paint(number).copy(), format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, 25)
        packets += context.encode(frame)
    packets += context.encode(None)
    chance = random.Random(frames + b_frames)  # noqa: S311
    steps = [1 + (chance.randint(1, 4) if chance.random() < dropped else 0) for _ in packets[1:]]
    ticks = list(itertools.accumulate(steps, initial=0))
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(encoder, rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for packet, tick in zip(packets, ticks, strict=True):
            copy = av.Packet(bytes(packet))
            copy.pts = copy.dts = tick
            copy.time_base, copy.stream, copy.is_keyframe = Fraction(1, 25), stream, packet.is_keyframe
            container.mux(copy)
    return ticks


FULL = os.environ.get("VIDCLS_FULL_MATRIX") == "1"


@pytest.mark.parametrize("encoder", OPTIONS)
@pytest.mark.parametrize("b_frames", [0, 1, 2, 3])
@pytest.mark.parametrize("frames", [5, 50, 51] if FULL else [5, 51])
@pytest.mark.parametrize("dropped", [0.0, 0.1, 1.0] if FULL else [0.1])
def test_both_decoders_give_the_same_times(
    encoder: str, b_frames: int, frames: int, dropped: float, tmp_path: Path
) -> None:
    path = tmp_path / "dropped.avi"
    ticks = write(path, encoder, b_frames=b_frames, frames=frames, dropped=dropped)
    times = read_times(path, decoder="opencv")
    assert len(times) == frames
    np.testing.assert_allclose(times, read_times(path, decoder="pyav"), atol=1e-6, rtol=0)
    if b_frames == 0:
        np.testing.assert_allclose(times, [tick / 25 for tick in ticks], atol=1e-6, rtol=0)
    decoders: list[Decoder] = ["opencv", "pyav"]
    for decoder in decoders:
        with open_video(path, decoder=decoder) as reader:
            indices = range(len(reader.index.times))
        assert [painted(frame) for frame in iter_frames(path, indices, decoder=decoder)] == list(range(frames))
