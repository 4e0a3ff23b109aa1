"""HTTP servers on loopback that send half a video and then nothing, or a byte now and then, or never answer."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from loopback import answering, serving

_STUCK = ("stalls", "drips", "silent")
# Whose server gives no parts of files.
_PARTLESS = ("partless", "stalls")


@contextmanager
def stuck_server(content: bytes) -> Iterator[dict[str, str]]:
    """The URLs of one video at a server: whole, partless; and stuck: stalls, drips, silent."""
    is_over = threading.Event()
    half = len(content) // 2

    def answer(request: BaseHTTPRequestHandler) -> None:
        how = request.path.rpartition("/")[2].partition(".")[0]
        if how == "silent":
            is_over.wait()
            return
        # Without ranges a decoder does not ask for the end first, and gets stuck in the middle.
        asked = re.match(r"bytes=(\d+)-", request.headers.get("Range", "")) if how not in _PARTLESS else None
        start = int(asked[1]) if asked else 0
        request.send_response(206 if asked else 200)
        request.send_header("Content-Length", str(len(content) - start))
        request.send_header("Accept-Ranges", "none" if how in _PARTLESS else "bytes")
        if asked:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        request.end_headers()
        request.wfile.write(content[start:half] if how in _STUCK else content[start:])
        for place in range(max(start, half), len(content)):
            if how not in _STUCK or is_over.wait(0.2 if how == "drips" else None):
                return
            request.wfile.write(content[place : place + 1])

    with serving(answering(answer)) as address:
        try:
            yield {how: f"{address}/{how}.avi" for how in ("whole", "partless", *_STUCK)}
        finally:
            is_over.set()
