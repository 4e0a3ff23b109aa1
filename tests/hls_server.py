"""A live broadcast in segments (HLS) on loopback: python tests/hls_server.py PORT SEGMENT_SECONDS [RATE [RUN]]

Frame k is filmed k / RATE seconds after the server began, which is THERE segments before it listens, and painted with k
modulo 256. A segment is there once it is whole, and for the five after it. Its times go on from those of the one
before, but begin anew after every RUN segments, as where an encoder is started again.
"""

from __future__ import annotations

import sys
import threading
import time
from fractions import Fraction
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from itertools import islice
from pathlib import Path
from subprocess import Popen
from typing import ClassVar

sys.path.insert(0, str(Path(__file__).parent))

import av

import painted_camera

# Segments that are there when it begins to listen.
THERE = 3


class Broadcast(BaseHTTPRequestHandler):
    """Playlist and segments."""

    segments: ClassVar[list[bytes]] = []
    segment_seconds, run, began = 2, 300, 0.0

    def do_GET(self) -> None:
        name = self.path.strip("/")
        # On a busy machine fewer are encoded by now than were filmed; a segment that is listed is there.
        whole = min(len(self.segments), int((time.monotonic() - self.began) / self.segment_seconds))
        body = self.playlist(whole) if name.endswith("m3u8") else self.segments[int(name.removesuffix(".ts"))]
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.apple.mpegurl" if name.endswith("m3u8") else "video/mp2t")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            return  # the client has gone

    def playlist(self, whole: int) -> bytes:
        first = max(0, whole - 6)
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{self.segment_seconds}"]
        lines += [f"#EXT-X-MEDIA-SEQUENCE:{first}"]
        for number in range(first, whole):
            if number % self.run == 0 and number > first:
                lines += ["#EXT-X-DISCONTINUITY"]
            lines += [f"#EXTINF:{self.segment_seconds}.0,", f"{number}.ts"]
        return ("\n".join(lines) + "\n").encode()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def film(filmed: list[bytes], *, rate: int, segment_seconds: int, run: int) -> None:
    """Append segments of MPEG-TS for five minutes."""
    frames = segment_seconds * rate
    units = painted_camera.encoded(rate, key_frames_every=frames)
    for segment in range(300 // segment_seconds):
        written = BytesIO()
        with av.open(written, "w", format="mpegts", options={"mpegts_copyts": "1"}) as container:
            stream = container.add_stream("libx264", rate=rate)
            stream.width, stream.height = painted_camera.WIDTH, painted_camera.HEIGHT
            for number, unit in enumerate(islice(units, frames), segment * frames):
                packet = av.Packet(unit)
                packet.pts = packet.dts = number % (run * frames)
                packet.time_base, packet.stream = Fraction(1, rate), stream
                packet.is_keyframe = number % frames == 0
                container.mux_one(packet)
        filmed.append(written.getvalue())


def start(port: int, *, segment_seconds: int, rate: int = 15, run: int = 300) -> tuple[Popen[bytes], float]:
    """The server as a process of its own, once it listens, and when it began to film."""
    return painted_camera.start(__file__, port, segment_seconds, rate, run)


if __name__ == "__main__":
    seconds, rate, run = map(int, (sys.argv[2:] + ["15", "300"][len(sys.argv) - 3 :]))
    Broadcast.segment_seconds, Broadcast.run = seconds, run
    film_ahead = partial(film, Broadcast.segments, rate=rate, segment_seconds=seconds, run=run)
    threading.Thread(target=film_ahead, daemon=True).start()
    while len(Broadcast.segments) <= THERE:
        time.sleep(0.05)
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Broadcast) as server:
        Broadcast.began = time.monotonic() - THERE * seconds - 0.5
        painted_camera.say_listening(Broadcast.began)
        server.serve_forever()
