"""GStreamer's RTSP server: /usr/bin/python3 tests/rtsp_server_gst.py PORT, for tests/rtsp_server.py, which feeds it.

It reads access units of H.264 from standard input, each after its length, whether it is a key frame, and its time in
nanoseconds, and sends them to whoever watches. It ends with its input.
"""

from __future__ import annotations

import os
import struct
import sys
import threading
from typing import Any

import gi  # type: ignore[import-not-found]

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # type: ignore[import-not-found]  # noqa: E402

_HEADER = struct.Struct("=IIq")
_LAUNCH = (
    "( appsrc name=camera is-live=true format=time do-timestamp=false max-bytes=0"
    " caps=video/x-h264,stream-format=byte-stream,alignment=au ! h264parse ! rtph264pay name=pay0 pt=96 )"
)


class Watched:
    """Whoever is watched by, and from which time on."""

    def __init__(self) -> None:
        self.sources: dict[Any, int | None] = {}

    def on_configure(self, _factory: object, media: GstRtspServer.RTSPMedia) -> None:
        source = media.get_element().get_by_name("camera")
        self.sources[source] = None
        media.connect("unprepared", lambda *_: self.sources.pop(source, None))

    def feed(self) -> None:
        """Send everything on, from a key frame on, until the input ends."""
        while header := sys.stdin.buffer.read(_HEADER.size):
            size, is_key, time_ns = _HEADER.unpack(header)
            unit = sys.stdin.buffer.read(size)
            for source, first_ns in list(self.sources.items()):
                if first_ns is None and not is_key:
                    continue
                since_ns = self.sources[source] = time_ns if first_ns is None else first_ns
                buffer = Gst.Buffer.new_wrapped(unit)
                buffer.pts = buffer.dts = time_ns - since_ns
                source.emit("push-buffer", buffer)
        os._exit(0)


Gst.init(None)
server, factory, watched = GstRtspServer.RTSPServer(), GstRtspServer.RTSPMediaFactory(), Watched()
server.set_address("127.0.0.1")
server.set_service(sys.argv[1])
factory.set_launch(_LAUNCH)
factory.set_shared(False)
factory.set_latency(0)
factory.connect("media-configure", watched.on_configure)
server.get_mount_points().add_factory("/live", factory)
server.attach(None)
threading.Thread(target=watched.feed, daemon=True).start()
sys.stdout.write("listening\n")
sys.stdout.flush()
GLib.MainLoop().run()
