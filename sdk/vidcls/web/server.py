"""A few pages for a few browsers: what a camera sees, as long as the program runs.

Nothing here is written by whoever asks, and nobody who asks can hold anything up: requests are short and have to
come soon, answers have to be taken soon, clients are counted, and all of them are hung up on when the server closes.
"""

from __future__ import annotations

import io
import logging
import os
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from vidcls.web.access import check_access

# How long a client may take over its request, and over taking an answer or one part of a stream.
REQUEST_SECONDS = 5.0
ANSWER_SECONDS = 5.0
MAX_REQUEST_BYTES = 16 << 10
# Clients that are answered at one time, and how many of them may hold a stream; as many again are told that it is full.
MAX_CLIENTS = 16
MAX_STREAMS = 8

# Nothing from elsewhere, nothing put into another page; scripts and styles are the page's own.
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
_FULL = b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n"

_logger = logging.getLogger("vidcls")


@dataclass(frozen=True)
class Content:
    """An answer that is there at once."""

    kind: str  # as in Content-Type
    content: bytes


@dataclass(frozen=True)
class Parts:
    """An answer that goes on: `next_part` is asked every `pause_seconds`, until it gives None or the client goes."""

    kind: str
    next_part: Callable[[], bytes | None]
    pause_seconds: float


class PageServer:
    """Serves pages from the moment it is made until it is closed.

    Args:
        pages: what answers a GET of each path. Called by threads of the server, and to return at once.
        host: the address to listen at; "127.0.0.1" can be reached from this machine only.
        port: 0 takes any that is free.
        names: by which names, beside addresses and this machine's own, browsers may call it.

    Raises:
        OSError: nothing can be served at that address.

    Example:
        >>> import urllib.request
        >>> with PageServer({"/": lambda: Content("text/plain", b"all is well")}) as server:
        ...     urllib.request.urlopen(server.url).read()
        b'all is well'
    """

    def __init__(
        self,
        pages: Mapping[str, Callable[[], Content | Parts]],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        names: Collection[str] = (),
    ) -> None:
        self._http = _Http(pages, host=host, port=port, names=[host, *names])
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._http.server_address[1]}/"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.1,), name="vidcls-page")
        self._thread.start()

    def close(self) -> None:
        """Hang up on everyone, and wait until that is done: well below a second."""
        self._http.close()
        self._thread.join()

    def __enter__(self) -> PageServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Http(ThreadingHTTPServer):
    daemon_threads = False  # they end when they are hung up on
    request_queue_size = 2 * MAX_CLIENTS
    allow_reuse_address = os.name == "posix"  # elsewhere it would let another program take the port as well

    def __init__(
        self, pages: Mapping[str, Callable[[], Content | Parts]], *, host: str, port: int, names: Collection[str]
    ) -> None:
        self.pages, self.names = pages, names
        self.closing = threading.Event()
        self.streams = threading.BoundedSemaphore(MAX_STREAMS)
        self._lock = threading.Lock()
        self._clients: set[socket.socket] = set()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Without asking for the name of the address, which may take long."""
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, as long as there are not too many."""
        with self._lock:
            is_full = len(self._clients) >= 2 * MAX_CLIENTS
            if not is_full:
                self._clients.add(request)
        if is_full:
            request.setblocking(False)
            with suppress(OSError):
                request.send(_FULL)
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the client."""
        with self._lock:
            self._clients.discard(request)
        super().shutdown_request(request)

    def is_full(self) -> bool:
        """Whether there are more clients than are answered."""
        with self._lock:
            return len(self._clients) > MAX_CLIENTS

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as the base class has it
        """Of a client that has gone there is nothing to say; a page that fails is a fault of this program."""
        level = logging.DEBUG if isinstance(sys.exc_info()[1], OSError) else logging.ERROR
        _logger.log(level, "a page could not be given", exc_info=True)

    def close(self) -> None:
        """Stop listening and hang up on everyone."""
        self.closing.set()
        self.shutdown()
        with self._lock:
            for client in self._clients:
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: _Http
    server_version, sys_version = "vidcls", ""

    def setup(self) -> None:
        """Read the whole request first, within bounds."""
        super().setup()
        self.rfile.close()
        self.rfile = io.BytesIO(_read_request(self.connection))
        self.connection.settimeout(ANSWER_SECONDS)

    def do_GET(self) -> None:
        """Answer with the page of that path."""
        refusal = check_access(self.headers, path=self.path, names=self.server.names)
        page = self.server.pages.get(self.path.partition("?")[0])
        if refusal is not None:
            self.send_error(refusal)
        elif page is None:
            self.send_error(HTTPStatus.NOT_FOUND)
        elif self.server.is_full():
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            self._send(page())

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """The code in words, and nothing that the client said."""
        status = HTTPStatus(code)
        fields = {"Retry-After": "5"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
        self._send_whole(status, Content("text/plain", f"{status.value} {status.phrase}\n".encode()), fields)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def _send(self, answer: Content | Parts) -> None:
        if isinstance(answer, Content):
            self._send_whole(HTTPStatus.OK, answer, {})
        elif self.server.streams.acquire(blocking=False):
            try:
                self._send_parts(answer)
            finally:
                self.server.streams.release()
        else:
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE)

    def _send_whole(self, status: HTTPStatus, answer: Content, fields: Mapping[str, str]) -> None:
        length = str(len(answer.content))
        own = {"Content-Type": answer.kind, "Content-Length": length, "X-Content-Type-Options": "nosniff"}
        self._send_head(status, {**own, **fields})
        self.wfile.write(answer.content)

    def _send_parts(self, answer: Parts) -> None:
        self._send_head(HTTPStatus.OK, {"Content-Type": answer.kind})
        while not self.server.closing.is_set() and (part := answer.next_part()) is not None:
            self.wfile.write(part)
            self.server.closing.wait(answer.pause_seconds)

    def _send_head(self, status: HTTPStatus, fields: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, **fields, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()


def _read_request(connection: socket.socket) -> bytes:
    """A request's head, as far as it comes within REQUEST_SECONDS and MAX_REQUEST_BYTES: else nothing."""
    until = time.monotonic() + REQUEST_SECONDS
    head = b""
    for block in iter(partial(_receive, connection, until), b""):
        head += block
        if b"\r\n\r\n" in head or b"\n\n" in head:
            return head
        if len(head) > MAX_REQUEST_BYTES:
            break
    return b""


def _receive(connection: socket.socket, until: float) -> bytes:
    left = until - time.monotonic()
    if left <= 0:
        return b""
    connection.settimeout(left)  # of this piece; a client that drips would begin it anew each time
    try:
        return connection.recv(4096)
    except OSError:
        return b""
