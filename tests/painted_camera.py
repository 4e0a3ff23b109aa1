"""What the live servers of the tests share: painted video as a camera encodes it, and how a server is started."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction

import av
import numpy as np

from generated import painted_frame, painted_number

# Square, so that a model sees all of it.
WIDTH, HEIGHT = 128, 128


def encoded(rate: int, *, key_frames_every: int) -> Iterator[bytes]:
    """H.264 access units, Annex B, of frames painted with 0, 1, 2 ... modulo 256, one for each, without end."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, rate), Fraction(rate)
    encoder.gop_size = key_frames_every
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "scenecut=0:repeat-headers=1"}
    number = 0
    while True:
        frame = av.VideoFrame.from_ndarray(picture(number), format="bgr24")
        frame.pts, frame.time_base = number, Fraction(1, rate)
        (packet,) = encoder.encode(frame)
        yield bytes(packet)
        number += 1


def picture(number: int) -> np.ndarray:
    """BGR [HEIGHT, WIDTH, 3], painted with a number modulo 256."""
    return painted_frame(number % 256, width=WIDTH, height=HEIGHT)


def unwrapped(pictures: Sequence[np.ndarray]) -> list[int]:
    """The numbers of frames [H, W, 3] that follow each other with fewer than 256 between, not modulo 256."""
    numbers = [painted_number(picture) for picture in pictures]
    return [numbers[0], *(numbers[0] + np.cumsum(np.diff(numbers) % 256)).tolist()]


def start(script: str, *arguments: object) -> tuple[subprocess.Popen[bytes], float]:
    """A server as a process of its own, once it listens, and the monotonic second at which it began to film."""
    command = [sys.executable, script, *map(str, arguments)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout as told:
        word, began = told.readline().split()
    assert word == b"listening"
    return process, float(began)


def say_listening(began: float) -> None:
    """Answer `start`."""
    sys.stdout.write(f"listening {began}\n")
    sys.stdout.flush()
