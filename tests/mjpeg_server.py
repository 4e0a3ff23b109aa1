"""A camera that sends JPEG after JPEG over HTTP: python tests/mjpeg_server.py PORT [RATE [LATE_SECONDS]]

Frame k is filmed k / RATE seconds after the server began and painted with k modulo 256; half of them, by chance,
are sent up to LATE_SECONDS later. The server says "listening" and when it began, by the machine's monotonic clock.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import cv2
import numpy as np

import painted_camera


class Camera(BaseHTTPRequestHandler):
    """Sends every client what is filmed until it goes."""

    rate, late_seconds, began = 10.0, 0.0, 0.0

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
        self.end_headers()
        random = np.random.default_rng(1)
        try:
            for number in itertools.count(int((time.monotonic() - self.began) * self.rate) + 1):
                due = self.began + number / self.rate + random.uniform(0, self.late_seconds) * random.integers(2)
                time.sleep(max(0.0, due - time.monotonic()))
                _, jpeg = cv2.imencode(".jpg", painted_camera.picture(number))
                self.wfile.write(b"--next\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg))
                self.wfile.write(jpeg.tobytes() + b"\r\n")
        except OSError:
            return  # the client has gone

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def start(port: int, *, rate: float = 10, late_seconds: float = 0) -> tuple[subprocess.Popen[bytes], float]:
    """The server as a process of its own, once it listens, and when it began."""
    return painted_camera.start(__file__, port, rate, late_seconds)


if __name__ == "__main__":
    rate, late_seconds = map(float, (sys.argv[2:] + ["10", "0"][len(sys.argv) - 2 :]))
    Camera.rate, Camera.late_seconds, Camera.began = rate, late_seconds, time.monotonic()
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Camera) as server:
        painted_camera.say_listening(Camera.began)
        server.serve_forever()
