"""Whether what stands at a URL has an end, asked of its server where the opened video does not say."""

from __future__ import annotations

import base64
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, OpenerDirector, Request, build_opener

from vidcls.video.protocols import FETCHED_PROTOCOLS, is_url, normalised_url, protocol_of
from vidcls.video.source import OPEN_SECONDS

# How far an answer without a stated length is read, to see whether it ends. A camera is watched only after that, so
# few seconds; as many bytes as a fast line brings in them, so that a fast camera costs no more than a short film.
END_SECONDS = 5.0
END_BYTES = 64 << 20
# No film has as many; some cameras state such a length, since they have none.
_NO_LENGTH_BYTES = 1 << 40

_BLOCK_BYTES = 1 << 16
_PLAYLIST = b"#EXTM3U"
# What a URL may hold as it is; the rest is escaped, as FFmpeg does it.
_ALLOWED_IN_URL = "%/:=&?~#+!$,;'@()*[]"


def is_endless(url: str) -> bool:
    """Whether what stands at `url` may go on for ever: a live stream rather than a file.

    A file is what states its length (and is neither a playlist nor pictures that replace each other), or what ends
    within END_SECONDS and END_BYTES. Whatever cannot be found out counts as endless.

    Takes at most OPEN_SECONDS. Never raises.
    """
    if not is_url(url) or protocol_of(url) not in FETCHED_PROTOCOLS:
        return True
    sockets: list[socket.socket] = []
    is_over = threading.Event()
    hang_up = partial(_hang_up, sockets, is_over)
    try:
        with (
            _after(OPEN_SECONDS, hang_up),
            _opener(sockets).open(_request(url), timeout=OPEN_SECONDS) as answer,
            _after(END_SECONDS, hang_up),
        ):
            return _has_no_end(answer) or is_over.is_set()  # what ended because we hung up says nothing
    except HTTPError as error:
        error.close()
    except (OSError, HTTPException, ValueError):  # whose text may hold a password
        pass
    return True


def _has_no_end(answer: HTTPResponse) -> bool:
    kind = answer.headers.get_content_type()
    if kind == "multipart/x-mixed-replace" or kind.endswith("mpegurl"):
        return True
    count = len(beginning := answer.read(len(_PLAYLIST)))
    if beginning == _PLAYLIST:
        return True
    if _has_length(answer.headers):
        return False
    begun = time.monotonic()
    while count < END_BYTES and time.monotonic() - begun < END_SECONDS:
        block = answer.read1(_BLOCK_BYTES)
        if not block:
            return False
        count += len(block)
    return True


def _has_length(headers: HTTPMessage) -> bool:
    whole = re.search(r"/(\d+)\s*$", headers.get("Content-Range", ""))
    stated = whole[1] if whole else headers.get("Content-Length", "")
    return stated.strip().isdecimal() and 0 < int(stated) < _NO_LENGTH_BYTES


def _request(url: str) -> Request:
    parts = urlsplit(quote(normalised_url(url), safe=_ALLOWED_IN_URL))
    credentials, _, host = parts.netloc.rpartition("@")
    # As FFmpeg asks.
    request = Request(urlunsplit(parts._replace(netloc=host)), headers={"Range": "bytes=0-", "Accept": "*/*"})  # noqa: S310
    if credentials:
        encoded = base64.b64encode(unquote(credentials).encode()).decode("ascii")
        request.add_unredirected_header("Authorization", f"Basic {encoded}")
    return request


class _Redirects(HTTPRedirectHandler):
    """Goes on to http and https only, with the password only where the host stays the same."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """The request that follows."""
        target = urlsplit(urljoin(req.full_url, newurl))
        if target.scheme not in FETCHED_PROTOCOLS:
            raise HTTPError(req.full_url, code, "redirected to another protocol", headers, fp)
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        password = req.unredirected_hdrs.get("Authorization")
        if request is not None and password is not None and (target.scheme, target.netloc) == (req.type, req.host):
            request.add_unredirected_header("Authorization", password)
        return request


def _opener(sockets: list[socket.socket]) -> OpenerDirector:
    """Opens URLs, and notes the sockets it opens."""

    def noted(connection: Any) -> Any:
        connect = connection.connect

        def connect_and_note() -> None:
            connect()
            sockets.append(connection.sock)

        connection.connect = connect_and_note
        return connection

    def http(*args: Any, **kwargs: Any) -> Any:
        return noted(HTTPConnection(*args, **kwargs))

    def https(*args: Any, **kwargs: Any) -> Any:
        return noted(HTTPSConnection(*args, **kwargs))

    class Http(HTTPHandler):
        def http_open(self, req: Request) -> HTTPResponse:
            return self.do_open(http, req)

    class Https(HTTPSHandler):
        def https_open(self, req: Request) -> HTTPResponse:
            return self.do_open(https, req)

    return build_opener(Http, Https, _Redirects)


@contextmanager
def _after(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Act after so many seconds: a timeout of the socket begins anew at every byte that comes."""
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _hang_up(sockets: list[socket.socket], is_over: threading.Event) -> None:
    is_over.set()
    for opened in sockets:
        with suppress(OSError):  # it has ended by itself
            socket.socket.shutdown(opened, socket.SHUT_RDWR)  # below TLS, which would say goodbye first
