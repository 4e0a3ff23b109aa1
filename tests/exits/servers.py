"""HTTP servers on loopback that send half a video and then nothing, or a byte now and then, or never answer."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_STUCK = ("stalls", "drips", "silent")
# Whose server gives no parts of files.
_PARTLESS = ("partless", "stalls")


@contextmanager
def stuck_server(content: bytes) -> Iterator[dict[str, str]]:
    """The URLs of one video at a server: whole, partless; and stuck: stalls, drips, silent."""
    is_over = threading.Event()
    half = len(content) // 2

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with suppress(OSError):  # whoever asked has gone
                self.answer(self.path.rpartition("/")[2].partition(".")[0])
            self.close_connection = True

        def answer(self, how: str) -> None:
            if how == "silent":
                is_over.wait()
                return
            # Without ranges a decoder does not ask for the end first, and gets stuck in the middle.
            asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", "")) if how not in _PARTLESS else None
            start = int(asked[1]) if asked else 0
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.send_header("Accept-Ranges", "none" if how in _PARTLESS else "bytes")
            if asked:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            self.wfile.write(content[start:half] if how in _STUCK else content[start:])
            for place in range(max(start, half), len(content)):
                if how not in _STUCK or is_over.wait(0.2 if how == "drips" else None):
                    return
                self.wfile.write(content[place : place + 1])

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            address = f"http://127.0.0.1:{server.server_port}"
            yield {how: f"{address}/{how}.avi" for how in ("whole", "partless", *_STUCK)}
        finally:
            is_over.set()
            server.shutdown()
            thread.join()
