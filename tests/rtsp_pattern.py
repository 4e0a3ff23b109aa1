"""GStreamer's RTSP server with a moving ball: /usr/bin/python3 tests/rtsp_pattern.py PORT tcp|udp

rtsp://127.0.0.1:PORT/live, over that transport alone. It ends with the process that started it.
"""

from __future__ import annotations

import os
import sys
import threading
import time

import gi  # type: ignore[import-not-found]

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # type: ignore[import-not-found]  # noqa: E402

_LAUNCH = (
    "( videotestsrc is-live=true pattern=ball ! video/x-raw,width=160,height=120,framerate=15/1"
    " ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! rtph264pay name=pay0 pt=96 config-interval=1 )"
)


def end_with_parent() -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(0)


Gst.init(None)
server, factory = GstRtspServer.RTSPServer(), GstRtspServer.RTSPMediaFactory()
server.set_address("127.0.0.1")
server.set_service(sys.argv[1])
factory.set_launch(_LAUNCH)
factory.set_shared(True)
factory.set_protocols({"tcp": GstRtsp.RTSPLowerTrans.TCP, "udp": GstRtsp.RTSPLowerTrans.UDP}[sys.argv[2]])
server.get_mount_points().add_factory("/live", factory)
server.attach(None)
threading.Thread(target=end_with_parent, daemon=True).start()
sys.stdout.write("listening\n")
sys.stdout.flush()
GLib.MainLoop().run()
