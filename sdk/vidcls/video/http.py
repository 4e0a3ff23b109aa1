"""Answers of HTTP servers, with no wait that nobody can break off: neither for a connection nor for the next byte.

FFmpeg's own waits for a server last as long as their limit says, whatever becomes of whoever asked.
"""

from __future__ import annotations

import base64
import queue
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection, HTTPMessage, HTTPResponse, HTTPSConnection
from typing import IO, Any, TypeVar
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, OpenerDirector, Request, build_opener

from vidcls.concurrency.cancellation import raise_if_cancelled
from vidcls.video.protocols import FETCHED_PROTOCOLS, normalised_url

Result = TypeVar("Result")

POLL_SECONDS = 0.1
# What a URL may hold as it is; the rest is escaped, as FFmpeg does it.
_ALLOWED_IN_URL = "%/:=&?~#+!$,;'@()*[]"


class Patience:
    """How long one request may still wait; the limit may be set anew while it runs."""

    def __init__(self, seconds: float) -> None:
        self.renew(seconds)

    def renew(self, seconds: float) -> None:
        """Wait so long from now on."""
        self._until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left; less than 0 where it is used up."""
        return self._until - time.monotonic()

    def check(self) -> None:
        """Raise TimeoutError where it is used up, and CancelledError where nobody waits for the answer."""
        raise_if_cancelled()
        if self.left < 0:
            raise TimeoutError("the server does not answer in time")

    def wait_for(self, act: Callable[[], Result]) -> Result:
        """What a socket's call gives, which has a timeout of POLL_SECONDS, tried again until there is no patience."""
        while True:
            self.check()
            try:
                return act()
            except TimeoutError:
                continue


def request(url: str, *, start: int = 0) -> Request:
    """The request for the bytes of `url` from `start` on, as FFmpeg asks for them."""
    parts = urlsplit(quote(normalised_url(url), safe=_ALLOWED_IN_URL))
    credentials, _, host = parts.netloc.rpartition("@")
    # Some servers refuse Python's own name, which they know from robots.
    headers = {"Range": f"bytes={start}-", "Accept": "*/*", "User-Agent": "vidcls"}
    asked = Request(urlunsplit(parts._replace(netloc=host)), headers=headers)  # noqa: S310 - checked: see protocols
    if credentials:
        encoded = base64.b64encode(unquote(credentials).encode()).decode("ascii")
        asked.add_unredirected_header("Authorization", f"Basic {encoded}")
    return asked


def opener(patience: Patience) -> OpenerDirector:
    """Opens http and https URLs, by way of proxies and redirections, and waits no longer than `patience` lets it."""

    class Http(HTTPHandler):
        def http_open(self, req: Request) -> HTTPResponse:
            return self.do_open(_patient(HTTPConnection, patience), req)

    class Https(HTTPSHandler):
        def https_open(self, req: Request) -> HTTPResponse:
            return self.do_open(_patient(HTTPSConnection, patience), req)

    return build_opener(Http, Https, _Redirects)


class _Redirects(HTTPRedirectHandler):
    """Goes on to http and https only, with the password only where the host stays the same."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """The request that follows."""
        target = urlsplit(urljoin(req.full_url, newurl))
        if target.scheme not in FETCHED_PROTOCOLS:
            raise HTTPError(req.full_url, code, "redirected to another protocol", headers, fp)
        followed = super().redirect_request(req, fp, code, msg, headers, newurl)
        password = req.unredirected_hdrs.get("Authorization")
        if followed is not None and password is not None and (target.scheme, target.netloc) == (req.type, req.host):
            followed.add_unredirected_header("Authorization", password)
        return followed


class _PatientSocket(socket.socket):
    """A socket whose waits ask now and then whether they still make sense."""

    patience: Patience

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        return self.patience.wait_for(lambda: super(_PatientSocket, self).recv_into(buffer, nbytes, flags))

    def sendall(self, data: Any, flags: int = 0) -> None:
        _send_all(self, memoryview(data), flags)


class _PatientTLS(ssl.SSLSocket):
    """The same over TLS."""

    patience: Patience

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        return self.patience.wait_for(lambda: super(_PatientTLS, self).recv_into(buffer, nbytes, flags))

    def sendall(self, data: Any, flags: int = 0) -> None:
        _send_all(self, memoryview(data), flags)


def _send_all(opened: _PatientSocket | _PatientTLS, data: memoryview, flags: int) -> None:
    while data:
        data = data[opened.patience.wait_for(partial(opened.send, data, flags)) :]


def _patient(kind: type[HTTPConnection], patience: Patience) -> Any:
    """The class of such connections over patient sockets."""

    class Connection(kind):  # type: ignore[valid-type, misc]
        def connect(self) -> None:
            self.sock: Any = _connect(self.host, self.port, patience)
            if self._tunnel_host:
                self._tunnel()
            if kind is HTTPSConnection:
                self.sock = _tls(self.sock, self._tunnel_host or self.host, patience)

    return Connection


def _connect(host: str, port: int, patience: Patience) -> _PatientSocket:
    """A socket that is connected to one of the host's addresses.

    Raises:
        OSError: to none of them.
    """
    problem = OSError("the host has no address")
    places = _looked_up(host, port, patience)
    for number, (family, kind, protocol, _, address) in enumerate(places):
        try:
            opened = _PatientSocket(family, kind, protocol)
        except OSError as error:  # a family that this machine's kernel lacks
            problem = error
            continue
        opened.patience = patience
        try:
            opened.setblocking(False)
            opened.connect_ex(address)
            # So that a dead one leaves time for the others.
            _wait_until_connected(opened, patience, seconds=patience.left / (len(places) - number))
            opened.settimeout(POLL_SECONDS)
        except OSError as error:
            opened.close()
            problem = error
        except BaseException:
            opened.close()
            raise
        else:
            return opened
    raise problem


def _looked_up(host: str, port: int, patience: Patience) -> list[Any]:
    """A host's addresses, as socket.getaddrinfo gives them.

    Nothing can end a system's search for a name, which may take half a minute: so a daemon thread waits for it.
    """
    found: queue.SimpleQueue[list[Any] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:  # noqa: BLE001 - not swallowed: raised where it is waited for
            found.put(error)

    def take() -> list[Any] | Exception:
        try:
            return found.get(timeout=POLL_SECONDS)
        except queue.Empty:
            raise TimeoutError from None

    patience.check()
    threading.Thread(target=look_up, daemon=True, name="vidcls-lookup").start()
    places = patience.wait_for(take)
    if isinstance(places, Exception):
        raise places
    return places


def _wait_until_connected(opened: socket.socket, patience: Patience, *, seconds: float) -> None:
    until = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(opened, selectors.EVENT_WRITE)
        while not selector.select(POLL_SECONDS):
            patience.check()
            if time.monotonic() > until:
                raise TimeoutError("the host does not answer in time")
    code = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, "cannot be connected to")


def _tls(connected: _PatientSocket, host: str, patience: Patience) -> ssl.SSLSocket:
    # As FFmpeg does: recorders and cameras have certificates that nobody has signed.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.sslsocket_class = _PatientTLS
    secured = context.wrap_socket(connected, server_hostname=host, do_handshake_on_connect=False)
    assert isinstance(secured, _PatientTLS)  # noqa: S101 - it was asked for
    secured.patience = patience
    try:
        patience.wait_for(secured.do_handshake)
    except BaseException:
        secured.close()
        raise
    return secured
