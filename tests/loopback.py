"""Loopback: a free port, and an HTTP server for as long as a `with` block."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# How often a server asks whether it is to end: by default it is up to half a second late, in every test that has one.
POLL_SECONDS = 0.01

# Below those that systems give to whoever asks for any, so that nobody is given one that is to be listened at later:
# Linux begins at 32768, others at 49152.
_FIRST_PORT, _LAST_PORT = 10_000, 32_000
# Processes that run beside each other begin in different places.
_ports = iter(range(_FIRST_PORT + os.getpid() * 97 % 20_000, _LAST_PORT))


def free_port() -> int:
    """A port of loopback that nothing listens at now, nor will before the caller does; each time another."""
    for port in _ports:
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise OSError("every port has been tried")


@contextmanager
def serving(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address, http://127.0.0.1:PORT, of a server with that handler; requests that hang do not hold its end up."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def answering(answer: Callable[[BaseHTTPRequestHandler], None]) -> type[BaseHTTPRequestHandler]:
    """A handler that gives every GET to `answer`, closes after it, and minds nobody who has gone."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with suppress(OSError):
                answer(self)
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def sending(content: bytes) -> type[BaseHTTPRequestHandler]:
    """A handler that answers every GET with the whole of a file, whatever part is asked for."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answering(answer)


@contextmanager
def dead_port() -> Iterator[int]:
    """A port that answers no one who connects, neither yes nor no, as an address that packets do not come back from."""
    with socket.socket() as listening, ExitStack() as waiting:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):  # more than its queue holds
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listening.getsockname())
        yield int(listening.getsockname()[1])


def addresses(*ports: int) -> Callable[..., list[Any]]:
    """In place of socket.getaddrinfo: every name has these addresses of loopback, in this order."""
    return lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]


def with_unknown_family(*ports: int) -> Callable[..., list[Any]]:
    """As `addresses`, and before them one of a family that no kernel has, as IPv6 is where that was left out."""
    return lambda *_, **__: [(12345, socket.SOCK_STREAM, 6, "", ("::1", ports[0])), *addresses(*ports)()]
