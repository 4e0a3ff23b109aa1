"""A camera on the network that a test can start, kill and start again: python tests/live_server.py PORT [RATE]

Serves an endless MPEG-TS stream, muxed by FFmpeg through PyAV, over HTTP on 127.0.0.1. Every frame is
painted with the time at which it was filmed, in CLOCK_SECONDS of the machine's monotonic clock, so that
whoever receives it can tell how old it is.
"""

from __future__ import annotations

import subprocess
import sys
import time
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import av
import numpy as np

from generated import painted_frame, painted_number

CLOCK_SECONDS = 1 / 30
WIDTH, HEIGHT = 160, 120


def filmed_seconds_ago(picture: np.ndarray) -> float:
    """Age of a frame of this server; up to 8.5 s, after which the clock painted on it starts over."""
    return (time.monotonic() / CLOCK_SECONDS - painted_number(picture)) % 256 * CLOCK_SECONDS


class Camera(BaseHTTPRequestHandler):
    """Films for every client until it goes."""

    rate = 30

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "video/mp2t")
        self.end_headers()
        try:
            self.film()
        except (OSError, av.error.FFmpegError):
            return  # the client has gone

    def film(self) -> None:
        with av.open(self.wfile, "w", format="mpegts", options={"flush_packets": "1"}) as container:
            stream = container.add_stream("mpeg2video", rate=self.rate)
            stream.width, stream.height, stream.pix_fmt, stream.gop_size = WIDTH, HEIGHT, "yuv420p", self.rate
            stream.codec_context.max_b_frames = 0
            stream.bit_rate = 1_500_000
            started = time.monotonic()
            for number in range(sys.maxsize):
                time.sleep(max(0.0, started + number / self.rate - time.monotonic()))
                painted = painted_frame(int(time.monotonic() / CLOCK_SECONDS) % 256, width=WIDTH, height=HEIGHT)
                frame = av.VideoFrame.from_ndarray(painted, format="bgr24")
                frame.pts, frame.time_base = number, Fraction(1, self.rate)
                container.mux(stream.encode(frame))

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def start(port: int, *, rate: int = 30) -> subprocess.Popen[bytes]:
    """The server as a process of its own, once it listens."""
    process = subprocess.Popen([sys.executable, __file__, str(port), str(rate)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout as told:
        assert told.readline() == b"listening\n"
    return process


if __name__ == "__main__":
    Camera.rate = int(sys.argv[2]) if len(sys.argv) > 2 else 30
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Camera) as server:
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        server.serve_forever()
