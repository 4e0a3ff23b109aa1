"""The page's server: a thread of its own, which ends soon whatever its clients do."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from vidcls.errors import ArgumentError
from vidcls.watch.board import Board
from vidcls.watch.page.app import make_app
from vidcls.watch.page.guard import Guard
from vidcls.watch.page.token import Token
from vidcls.watch.settings import PageSettings

# How long a client may take over its request, and over taking what it was sent.
REQUEST_SECONDS = 5.0
ANSWER_SECONDS = 10.0
MAX_REQUEST_BYTES = 16 << 10
# Above it clients are told that it is full; above twice as many they are hung up on.
MAX_CLIENTS = 128
SEND_BYTES = 128 << 10
CLOSE_SECONDS = 2.0

_logger = logging.getLogger("vidcls")
# What the server itself says is about clients' mistakes, which anyone could fill a disk with.
_http_logger = logging.getLogger("vidcls.page")
_http_logger.setLevel(logging.CRITICAL)


class WatchPage:
    """The page of a board.

    Args:
        settings: where it is served, and the token without which nobody outside this machine may ask for it.
        clip_path: a clip's name -> its file; None where there is none. Called by a daemon thread.
        mark: an event's id and the label that it shows, None for none of them -> noted down; raises VidclsError,
            ValueError or OSError where it cannot be, and the page shows that sentence. Called by a daemon thread.

    Raises:
        ValueError: there is no token where others could ask, or it is too short; or nothing can be served there.
    """

    def __init__(
        self,
        settings: PageSettings,
        board: Board,
        *,
        clip_path: Callable[[str], Path | None],
        mark: Callable[[str, str | None], None],
    ) -> None:
        token = None if settings.token is None else Token(settings.token)
        if token is None and not _is_loopback(settings.host):
            raise ArgumentError(
                f"the page at {settings.host} could be seen by everyone in the network; set a token, "
                "or serve it at 127.0.0.1"
            )
        self._settings = settings
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="vidcls-page-work")
        app = make_app(board, clip_path=clip_path, mark=mark, executor=self._pool)
        guard = Guard(app, names=(settings.host, *settings.names), token=token, token_page=_token_page)
        self._server = _Server(_config(guard))
        self._thread: threading.Thread | None = None
        self.port = settings.port  # the one that it has, once it has started

    def start(self) -> str:
        """Serve the page from now on, and say at which address."""
        listening = _listen(self._settings)
        self.port = listening.getsockname()[1]
        self._thread = threading.Thread(target=self._run, args=(listening,), name="vidcls-page", daemon=True)
        self._thread.start()
        self._server.listens.wait(10)
        return self.url

    @property
    def url(self) -> str:
        """The address of the page, once it has started."""
        return f"http://{_shown_host(self._settings.host)}:{self.port}/"

    def close(self) -> None:
        """Hang up on everyone; takes at most 2 seconds."""
        self._server.should_exit = self._server.force_exit = True
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)
            if self._thread.is_alive():
                _logger.warning("the page's server does not end, and is left behind")
        # Not before: the server gives it work as long as it runs.
        self._pool.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> WatchPage:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, listening: socket.socket) -> None:
        with listening:
            asyncio.run(self._server.serve([listening]))


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say when it listens."""
        await super().startup(sockets)
        self.listens.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Wait for nobody."""
        self._hang_up()
        await super().shutdown(sockets)
        self._hang_up()  # on who came meanwhile

    def _hang_up(self) -> None:
        for connection in list(self.server_state.connections):
            if isinstance(connection, _Protocol):
                connection.transport.abort()


class _Protocol(H11Protocol):
    """A client that has to ask soon, and to take soon what it is sent."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the request."""
        self.logger = _http_logger
        self.access_log = False
        super().connection_made(transport)
        if len(self.connections) > 2 * MAX_CLIENTS:
            transport.abort()
            return
        transport.set_write_buffer_limits(high=0)  # writing pauses whenever something is left to be taken
        self._asks_by = self.loop.call_later(REQUEST_SECONDS, self._hang_up_unless_asked)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._taken()
        if hasattr(self, "_asks_by"):
            self._asks_by.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to wait until it is taken."""
        super().pause_writing()
        self._late = self.loop.call_later(ANSWER_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It was taken."""
        self._taken()
        super().resume_writing()

    def _taken(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _hang_up_unless_asked(self) -> None:
        if self.cycle is None:
            self.transport.abort()


def _config(app: Guard) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # which anyone can send
        server_header=False,
        limit_concurrency=MAX_CLIENTS,
        h11_max_incomplete_event_size=MAX_REQUEST_BYTES,
        timeout_graceful_shutdown=1,
    )


def _listen(settings: PageSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listening = socket.create_server((settings.host, settings.port), family=family, backlog=MAX_CLIENTS)
        # Of each client's: the system's own would hold half a minute of pictures for one that is slow.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        return listening
    except OSError as error:
        raise ArgumentError(
            f"the page cannot be served at {settings.host} port {settings.port} "
            f"({error.strerror or type(error).__name__}); choose another host or port"
        ) from error


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _shown_host(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104 - where it listens is the settings' matter
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


_AFTER = {
    "none": "",
    "wrong": '<p class="bad" role="alert">That is not the token.</p>',
    "wait": '<p class="bad" role="alert">That is not the token. After so many wrong ones it takes some seconds.</p>',
}


def _token_page(after: Literal["none", "wrong", "wait"]) -> bytes:
    text = (Path(__file__).parent / "token.html").read_text(encoding="utf-8")
    return text.replace("<!-- after -->", _AFTER[after]).encode()
