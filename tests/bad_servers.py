"""Live sources on loopback that stop sending: MJPEG over HTTP, HLS and RTSP. What `stall` says happens to all clients.

The RTSP server is GStreamer's, a program of the system: `rtsp` skips the test where that is missing.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import cv2
import pytest

from generated import painted_frame
from loopback import answering, free_port, serving

RATE = 15
WIDTH, HEIGHT = 160, 120
SEGMENT_SECONDS = 1
SYSTEM_PYTHON = "/usr/bin/python3"


@dataclass
class Source:
    """A source that runs. stall: let it send nothing more, and say when, in monotonic seconds. resume: let it."""

    url: str
    stall: Callable[[], float]
    resume: Callable[[], None]
    sizes: list[tuple[int, int]] = field(default_factory=list)


def jpeg(number: int, *, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """A painted frame."""
    return cv2.imencode(".jpg", painted_frame(number % 256, width=width, height=height))[1].tobytes()


@contextmanager
def mjpeg(*, sizes: tuple[tuple[int, int], ...] = ((WIDTH, HEIGHT),), answer_after: float = 0.0) -> Iterator[Source]:
    """JPEG after JPEG; each of the sizes for half a second, in turn. It says nothing at all for `answer_after` s."""
    stalled, ended = threading.Event(), threading.Event()

    def answer(request: BaseHTTPRequestHandler) -> None:
        ended.wait(answer_after)
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
        request.end_headers()
        for number in itertools.count():
            if ended.wait(1 / RATE):
                return
            while stalled.is_set() and not ended.wait(0.05):
                pass
            width, height = sizes[number * 2 // RATE % len(sizes)]
            picture = jpeg(number, width=width, height=height)
            request.wfile.write(b"--next\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture))
            request.wfile.write(picture + b"\r\n")

    with serving(answering(answer)) as url:
        yield Source(f"{url}/", _stall(stalled), stalled.clear)
        ended.set()


@contextmanager
def hls(*, seconds: int) -> Iterator[Source]:
    """Segments of 1 s, three at first, then one more each second; once stalled, the playlist grows no more.

    seconds: how much there is altogether.
    """
    with TemporaryDirectory() as name:
        segments = _segments(Path(name), seconds)
        began, ends = time.monotonic(), [float("inf")]

        def answer(request: BaseHTTPRequestHandler) -> None:
            body = _playlist(began, ends[0]) if request.path.endswith("m3u8") else segments[int(request.path[1:-3])]
            request.send_response(200)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)

        def stall() -> float:
            ends[0] = time.monotonic()
            return ends[0]

        def resume() -> None:
            ends[0] = float("inf")

        with serving(answering(answer)) as url:
            yield Source(f"{url}/live.m3u8", stall, resume)


def _playlist(began: float, ended: float) -> bytes:
    whole = 3 + int((min(time.monotonic(), ended) - began) / SEGMENT_SECONDS)
    first = max(0, whole - 6)
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{SEGMENT_SECONDS}"]
    lines += [f"#EXT-X-MEDIA-SEQUENCE:{first}"]
    for number in range(first, whole):
        lines += [f"#EXTINF:{SEGMENT_SECONDS}.0,", f"{number}.ts"]
    return ("\n".join(lines) + "\n").encode()


def _segments(folder: Path, seconds: int) -> list[bytes]:
    """A pattern that moves, in H.264."""
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size={WIDTH}x{HEIGHT}:rate={RATE}"]
    command += ["-t", str(seconds), "-c:v", "libx264", "-preset", "ultrafast", "-g", str(RATE * SEGMENT_SECONDS)]
    command += ["-f", "segment", "-segment_time", str(SEGMENT_SECONDS), str(folder / "%d.ts")]
    subprocess.run(command, check=True)
    return [(folder / f"{number}.ts").read_bytes() for number in range(len(list(folder.iterdir())))]


@contextmanager
def mpeg_ts(*, interlaced: Literal["interlaced", "progressive"]) -> Iterator[Source]:
    """A broadcast of MPEG-2 over HTTP, at its own pace."""
    stalled, ended = threading.Event(), threading.Event()
    command = ["ffmpeg", "-v", "error", "-re", "-f", "lavfi", "-i", f"testsrc2=size={WIDTH}x{HEIGHT}:rate=25"]
    command += ["-c:v", "mpeg2video", "-g", "12"]
    command += ["-flags", "+ildct+ilme", "-top", "1"] if interlaced == "interlaced" else []

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "video/mp2t")
        request.end_headers()
        with subprocess.Popen([*command, "-f", "mpegts", "-"], stdout=subprocess.PIPE) as film:
            assert film.stdout is not None
            try:
                while not ended.is_set() and (part := os.read(film.stdout.fileno(), 4096)):
                    while stalled.is_set() and not ended.wait(0.05):
                        pass
                    request.wfile.write(part)
            finally:
                film.kill()

    with serving(answering(answer)) as url:
        yield Source(f"{url}/", _stall(stalled), stalled.clear)
        ended.set()


@contextmanager
def rtsp(*, transport: Literal["tcp", "udp"]) -> Iterator[Source]:
    """GStreamer's server, with a ball that moves; once stalled, its process stands still with all connections open."""
    needed = "import gi; gi.require_version('GstRtspServer', '1.0')"
    if subprocess.run([SYSTEM_PYTHON, "-c", needed], capture_output=True, check=False).returncode:
        pytest.skip("there is no GStreamer with its RTSP server for the system's Python")
    script = str(Path(__file__).with_name("rtsp_pattern.py"))
    command = [SYSTEM_PYTHON, script, str(free_port()), transport]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"listening\n"

        def stall() -> float:
            server.send_signal(signal.SIGSTOP)
            return time.monotonic()

        try:
            yield Source(f"rtsp://127.0.0.1:{command[2]}/live", stall, lambda: server.send_signal(signal.SIGCONT))
        finally:
            server.kill()


def _stall(stalled: threading.Event) -> Callable[[], float]:
    def stall() -> float:
        stalled.set()
        return time.monotonic()

    return stall
