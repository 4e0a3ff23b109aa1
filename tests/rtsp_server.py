"""A camera on the network, by GStreamer's RTSP server: python tests/rtsp_server.py PORT [RATE [LATE_SECONDS]]

Frame k is filmed k / RATE seconds after the server began and painted with k modulo 256; half of them, by chance,
are sent up to LATE_SECONDS later, but in order. rtsp://127.0.0.1:PORT/live, over TCP and UDP. GStreamer's bindings are
a package of the system, so the server is the system's Python with tests/rtsp_server_gst.py, and this its camera.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np

import painted_camera

SYSTEM_PYTHON = "/usr/bin/python3"
_NEEDED = "import gi; gi.require_version('Gst', '1.0'); gi.require_version('GstRtspServer', '1.0')"
_HEADER = struct.Struct("=IIq")


def is_there() -> bool:
    """Whether the system has what it needs."""
    if not Path(SYSTEM_PYTHON).exists():
        return False
    return subprocess.run([SYSTEM_PYTHON, "-c", _NEEDED], stderr=subprocess.DEVNULL, check=False).returncode == 0


def start(port: int, *, rate: int = 15, late_seconds: float = 0) -> tuple[subprocess.Popen[bytes], float]:
    """The server as a process of its own, once it listens, and when it began to film."""
    return painted_camera.start(__file__, port, rate, late_seconds)


def film(pipe: subprocess.Popen[bytes], *, rate: int, late_seconds: float) -> None:
    """Send it what is filmed, until this or that program ends."""
    assert pipe.stdout is not None
    assert pipe.stdin is not None
    units, random = painted_camera.encoded(rate, key_frames_every=rate), np.random.default_rng(1)
    unit = next(units)
    pipe.stdout.readline()  # it listens
    began = time.monotonic()
    painted_camera.say_listening(began)
    number = 0
    while True:
        due = began + number / rate + random.uniform(0, late_seconds) * random.integers(2)
        time.sleep(max(0.0, due - time.monotonic()))
        header = _HEADER.pack(len(unit), number % rate == 0, round(number / rate * 1e9))
        pipe.stdin.write(header + unit)
        pipe.stdin.flush()
        unit, number = next(units), number + 1


if __name__ == "__main__":
    rate, late_seconds = map(float, (sys.argv[2:] + ["15", "0"][len(sys.argv) - 2 :]))
    script = str(Path(__file__).with_name("rtsp_server_gst.py"))
    command = [SYSTEM_PYTHON, script, sys.argv[1]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        film(server, rate=int(rate), late_seconds=late_seconds)
