"""One POST to an address that was checked before, within a time, and what came of it in words without secrets.

Straight to the server and nowhere else: no redirect is followed, since it would carry the token to another machine,
and no proxy is asked. Of the answer only the status is waited for: what follows may drip for ever.
"""

from __future__ import annotations

import base64
import re
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Literal
from urllib.parse import SplitResult, quote, unquote, urlsplit

from vidcls.errors import ArgumentError

# What a URL may hold as it is; the rest is escaped.
_ALLOWED_IN_URL = "%/:=&?~+!$,;'@()*[]"
_PORTS = {"http": 80, "https": 443}
_STATUS_LINE = re.compile(rb"HTTP/\d\.\d (\d{3})[ \r\n]")
_MAX_STATUS_BYTES = 16 << 10
# What else a server has to say is taken for so long, so that it does not find the line dead as it says it.
_GOODBYE_SECONDS = 0.5
# Answers below 500 that say: not now. The others will be the same next time.
_LATER = (408, 425, 429)
# What a proxy says while the server behind it is away, or the server itself while it starts.
_AWAY = (502, 503, 504)


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where to POST to. `name` is all that messages say of it: paths, queries and users are often secrets."""

    name: str
    scheme: str
    host: str
    port: int
    target: str = field(repr=False)
    authorization: str | None = field(repr=False)


@dataclass(frozen=True)
class Problem:
    """Why a message was not taken.

    kind: "unreachable", the server or the way to it, also where a proxy says so; "failed", it has a fault; "refused",
        it will never take it.
    """

    kind: Literal["unreachable", "failed", "refused"]
    words: str


def read_address(url: str, *, token: str | None = None) -> Address:
    """What the URL of a web hook says, checked; no error shows it, nor the token.

    Args:
        url: http:// or https://, with user and password if need be.
        token: sent as "Authorization: Bearer ...".

    Raises:
        ValueError: no such URL, or the token cannot be sent.

    Example:
        >>> read_address("https://hooks.example/T0/secret?key=1").name
        'https://hooks.example'
    """
    parts = _parts(url)
    host = parts.hostname or ""
    in_brackets = f"[{host}]" if ":" in host else host
    query = f"?{quote(parts.query, safe=_ALLOWED_IN_URL)}" if parts.query else ""
    return Address(
        name=f"{parts.scheme}://{in_brackets}{f':{parts.port}' if parts.port else ''}",
        scheme=parts.scheme,
        host=host,
        port=parts.port or _PORTS[parts.scheme],
        target=quote(parts.path or "/", safe=_ALLOWED_IN_URL) + query,
        authorization=_authorization(parts, token),
    )


def post(address: Address, body: bytes, *, seconds: float) -> Problem | None:
    """POST JSON; None once it is taken.

    Takes at most `seconds`, and as long as the system looks for the server's name. Never raises.
    """
    until = time.monotonic() + seconds
    try:
        with _connected(address, until=until) as connection:
            connection.settimeout(_left(until))
            connection.sendall(_head(address, len(body)) + body)
            status = _status(connection, until=until)
            _take_the_rest(connection)
    except ssl.SSLCertVerificationError as error:
        return Problem("unreachable", f"its certificate is not accepted ({error.verify_message})")
    except socket.gaierror:
        return Problem("unreachable", "no address is known for its name")
    except TimeoutError:
        return Problem("unreachable", "does not answer in time")
    except OSError as error:
        return Problem("unreachable", f"cannot be reached ({error.strerror or type(error).__name__})")
    return _problem(status)


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        host, is_port = parts.hostname, parts.port != 0
        if host and is_port and parts.scheme in _PORTS and not re.search(r"[\x00-\x20\x7f\\]", url):
            host.encode("idna")
            (parts.path + parts.query).encode()
            return parts
    except ValueError:  # whose text may hold a password; UnicodeError is one
        pass
    raise ArgumentError("the web hook's address cannot be called, expected http://HOST[:PORT]/PATH or https://...")


def _authorization(parts: SplitResult, token: str | None) -> str | None:
    if token is not None:
        if not re.fullmatch(r"[\x21-\x7e]+", token):
            raise ArgumentError("the web hook's token cannot be sent, expected letters, digits and signs")
        return f"Bearer {token}"
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"


def _head(address: Address, length: int) -> bytes:
    host = address.host.encode("idna").decode("ascii") if ":" not in address.host else f"[{address.host}]"
    fields: Mapping[str, str | None] = {
        "Host": host if address.port == _PORTS[address.scheme] else f"{host}:{address.port}",
        "User-Agent": "vidcls",
        "Authorization": address.authorization,
        "Content-Type": "application/json",
        "Content-Length": str(length),
        "Connection": "close",
    }
    lines = [f"POST {address.target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items() if value)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _connected(address: Address, *, until: float) -> socket.socket:
    problem: OSError = ConnectionError()
    places = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    for number, (family, kind, protocol, _, place) in enumerate(places):
        try:
            plain = socket.socket(family, kind, protocol)
        except OSError as error:  # a family that this machine's kernel lacks
            problem = error
            continue
        try:
            plain.settimeout(_left(until) / (len(places) - number))  # so that a dead one leaves time for the others
            plain.connect(place)
        except OSError as error:
            plain.close()
            problem = error
            continue
        if address.scheme == "http":
            return plain
        try:
            plain.settimeout(_left(until))  # of all of the handshake
            return _tls().wrap_socket(plain, server_hostname=address.host)
        except OSError:
            plain.close()
            raise
    raise problem


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _status(connection: socket.socket, *, until: float) -> int:
    """The status that the server answers with; 0 where it speaks another language."""
    answer = b""
    while len(answer) < _MAX_STATUS_BYTES:
        connection.settimeout(_left(until))  # of this piece
        block = connection.recv(4096)
        answer += block
        while b"\n" in answer:
            found = _STATUS_LINE.match(answer)
            if found is None or not found[1].startswith(b"1"):
                return int(found[1]) if found else 0
            _, ended, rest = answer.partition(b"\r\n\r\n")  # only a word before the answer
            if not ended:
                break
            answer = rest
        if not block:
            raise ConnectionAbortedError(None, "it hung up without an answer")
    return 0


def _take_the_rest(connection: socket.socket) -> None:
    until = time.monotonic() + _GOODBYE_SECONDS
    with suppress(OSError):
        for _ in range(16):
            connection.settimeout(_left(until))
            if not connection.recv(4096):
                return


def _problem(status: int) -> Problem | None:
    if 200 <= status < 300:
        return None
    if status == 0:
        return Problem("failed", "does not answer in HTTP")
    if 300 <= status < 400:
        return Problem("failed", f"answers {status}, a redirect, which is not followed; name where it leads to")
    if status in _AWAY:
        return Problem("unreachable", f"answers {status}")
    return Problem("refused" if 400 <= status < 500 and status not in _LATER else "failed", f"answers {status}")
