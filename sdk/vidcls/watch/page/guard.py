"""What stands before the page: who asks, by which name, with which token; and what every answer says of itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from email.message import Message
from http import HTTPStatus
from typing import Any, Literal, TypeAlias
from urllib.parse import parse_qs

from vidcls.watch.page.token import GUESS_SECONDS, Guesses, Token
from vidcls.web.access import check_access

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

# Nothing from elsewhere, nothing within a line, nothing put into another page.
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Each connection has one request, which makes the server's limits of time simple.
    "Connection": "close",
}
# What anyone may have: whether all is well, and what the page that asks for the token consists of.
OPEN_PATHS = frozenset({"/healthz", "/token", "/page.css", "/token.js", "/icon.svg"})
WRONG_SECONDS = 0.5
# How long an address waits that has sent too many wrong ones. Behind a proxy all have one address, so the right token
# still lets in; it waits as long, or an answer that does not come at once would say that a guess was wrong.
SLOW_SECONDS = 3.0
TRUSTED = "vidcls.trusted"  # in a scope: whether the token was given, or none is needed
_NO_STORE = [(b"cache-control", b"no-store")]

_logger = logging.getLogger("vidcls")


class Guard:
    """An ASGI application around another.

    Args:
        names: by which names, beside addresses and this machine's own, browsers may call the page.
        token: None where everyone may see it.
        token_page: what asks for the token, after none, a wrong one, or too many.
    """

    def __init__(
        self,
        app: App,
        *,
        names: Collection[str],
        token: Token | None,
        token_page: Callable[[Literal["none", "wrong", "wait"]], bytes],
    ) -> None:
        self._app, self._names, self._token, self._token_page = app, names, token, token_page
        self._guesses = Guesses()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the application answer."""
        if scope["type"] != "http":
            return
        started: list[bool] = []

        async def send_safely(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                started.append(True)
                message = {**message, "headers": _with_ours(message.get("headers", []))}
            await send(message)

        try:
            await self._answer(scope, receive, send_safely)
        except OSError:
            _logger.debug("a client of the page has gone", exc_info=True)
        except Exception:  # whatever it is, the page goes on
            _logger.exception("the page could not answer a request")
            if not started:
                await refuse(send_safely, HTTPStatus.INTERNAL_SERVER_ERROR)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, path = _message(scope), scope["path"]
        refusal = check_access(headers, path=path, names=self._names)
        if refusal is not None:
            await refuse(send, refusal)
            return
        if self._token is None:
            await self._let_in(scope, receive, send)
            return
        secret = _secret(headers, scope)
        if secret is None and self._token.is_in_cookies(headers.get("Cookie", "")):
            await self._let_in(scope, receive, send)
        elif secret is not None:
            await self._judge(self._token, secret, scope, receive, send)
        elif path == "/token" and scope["method"] == "POST":
            await self._judge(self._token, await _typed(receive), scope, receive, send)
        elif path in OPEN_PATHS:
            await self._app({**scope, TRUSTED: False}, receive, send)
        else:
            await self._ask(scope, send, "none")

    async def _judge(self, token: Token, secret: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Of a token that someone gives: let in, or ask again."""
        address = str((scope.get("client") or ("",))[0])
        is_right, is_slowed = token.matches(secret), self._guesses.are_too_many(address)
        if not is_right:
            self._guesses.add(address)
        if is_slowed:
            await asyncio.sleep(SLOW_SECONDS)
        elif not is_right:
            await asyncio.sleep(WRONG_SECONDS)
        if not is_right:
            await self._ask(scope, send, "wait" if is_slowed else "wrong")
        elif scope["path"] in ("/", "/token"):
            headers = [(b"location", b"/"), (b"set-cookie", token.new_cookie().encode()), *_NO_STORE]
            await _send(send, HTTPStatus.SEE_OTHER, headers, b"")
        else:
            await self._let_in(scope, receive, send)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, TRUSTED: True}, receive, send)

    async def _ask(self, scope: Scope, send: Send, after: Literal["none", "wrong", "wait"]) -> None:
        status = HTTPStatus.TOO_MANY_REQUESTS if after == "wait" else HTTPStatus.UNAUTHORIZED
        headers = [(b"retry-after", b"%d" % GUESS_SECONDS)] if after == "wait" else [(b"www-authenticate", b"Bearer")]
        if scope["path"] not in ("/", "/token"):
            await refuse(send, status, headers)
            return
        # With "no-referrer" a form would not say which page it comes from, and be refused as another site's.
        headers += [(b"content-type", b"text/html; charset=utf-8"), (b"referrer-policy", b"same-origin"), *_NO_STORE]
        await _send(send, status, headers, self._token_page(after))


async def refuse(send: Send, status: HTTPStatus, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    """The status in words, and nothing that the client said."""
    kind = [(b"content-type", b"text/plain; charset=utf-8"), *_NO_STORE]
    await _send(send, status, [*kind, *(headers or [])], f"{status.value} {status.phrase}\n".encode())


async def read_body(receive: Receive, *, limit: int, seconds: float) -> bytes | None:
    """A request's body; None where it is longer, does not come in time, or its client goes."""
    try:
        return await asyncio.wait_for(_body(receive, limit), seconds)
    except asyncio.TimeoutError:
        return None


async def _body(receive: Receive, limit: int) -> bytes | None:
    body = b""
    while len(body) <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body if len(body) <= limit else None
    return None


async def _typed(receive: Receive) -> str:
    body = await read_body(receive, limit=4096, seconds=5.0) or b""
    return parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0].strip()


def _secret(headers: Message, scope: Scope) -> str | None:
    """The token that a request gives by a header, or in the page's address; None where it gives none."""
    kind, _, secret = headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return secret.strip()
    if scope["path"] != "/":
        return None
    found = parse_qs(scope["query_string"].decode("latin-1")).get("token")
    return found[0] if found else None


async def _send(send: Send, status: HTTPStatus, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status.value, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


def _message(scope: Scope) -> Message:
    headers = Message()
    for name, value in scope["headers"]:
        headers[name.decode("latin-1")] = value.decode("latin-1")
    return headers


def _with_ours(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    own = {name.lower() for name, _ in headers}
    ours = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
    return [*headers, *((name, value) for name, value in ours if name not in own)]
