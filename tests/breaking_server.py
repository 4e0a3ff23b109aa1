"""HTTP servers on loopback whose answers break off, and proxies that send less of a file than was asked for."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from loopback import answering, serving

KINDS = ("whole", "once", "capped", "always", "changed", "partless")
_CAPPED_BYTES = 50_000


@contextmanager
def breaking_server(content: bytes, *, ending: str) -> Iterator[dict[str, str]]:
    """The URLs of one file, by what becomes of whoever reads it.

    whole: all is well. once: the first connection to come there is closed at 60 % of the file. capped: no answer has
    more than 50,000 bytes. always: no answer goes on beyond 60 %. changed: as once, and then the file is another.
    partless: no answer goes on beyond 60 %, and the server gives no parts.
    """
    cut = len(content) * 6 // 10
    has_cut = {kind: threading.Event() for kind in KINDS}

    def answer(request: BaseHTTPRequestHandler) -> None:
        kind = request.path[1:].partition(".")[0]
        asked = re.match(r"bytes=(\d+)-", request.headers["Range"]) if kind != "partless" else None
        start, stop, length = int(asked[1]) if asked else 0, len(content), len(content)
        if kind == "capped":
            stop = min(stop, start + _CAPPED_BYTES)
        if kind == "changed" and has_cut[kind].is_set():
            stop = length = length - 1
        request.send_response(206 if asked else 200)
        request.send_header("Content-Length", str(stop - start))
        if asked:
            request.send_header("Content-Range", f"bytes {start}-{stop - 1}/{length}")
        request.end_headers()
        is_cut = kind in ("always", "partless") or (kind in ("once", "changed") and not has_cut[kind].is_set())
        if is_cut and start < cut:
            stop = cut
        elif is_cut and kind == "always":
            stop = start
        request.wfile.write(content[start:stop])  # raises where nobody reads that far
        if stop == cut:
            has_cut[kind].set()

    with serving(answering(answer)) as address:
        yield {kind: f"{address}/{kind}.{ending}" for kind in KINDS}
