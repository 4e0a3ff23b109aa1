"""Who knows the page's token: by a header, or by a cookie that a browser got for it."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from vidcls.errors import ArgumentError

# What can be guessed at the rate at which guesses are answered is refused.
LEAST_CHARACTERS = 8
COOKIE_SECONDS = 365 * 24 * 3600
# Wrong tokens that an address may send before it is answered more slowly.
MAX_GUESSES = 10
GUESS_SECONDS = 60.0
_MAX_ADDRESSES = 1000


class Token:
    """Args:
    secret: what users type; letters, digits and signs.

    Raises:
        ValueError: it is too short, or no browser can send it.
    """

    def __init__(self, secret: str) -> None:
        if len(secret) < LEAST_CHARACTERS:
            raise ArgumentError(f"the page's token has {len(secret)} characters, expected at least {LEAST_CHARACTERS}")
        if not (secret.isascii() and secret.isprintable()) or " " in secret:
            raise ArgumentError("the page's token cannot be sent, expected letters, digits and signs")
        self._digest = hashlib.sha256(secret.encode()).digest()
        # Follows from the token, so that a phone stays known when the program starts anew; leads back to it for nobody.
        self._cookie = hmac.new(secret.encode(), b"vidcls page cookie 1", hashlib.sha256).hexdigest()
        # Cookies are shared between the ports of a machine: another program's token has another name.
        self._cookie_name = f"vidcls_{hmac.new(secret.encode(), b'name', hashlib.sha256).hexdigest()[:8]}"

    def matches(self, text: str) -> bool:
        """Whether that is the token; takes as long whatever is wrong with it."""
        return hmac.compare_digest(hashlib.sha256(text.encode("utf-8", "replace")).digest(), self._digest)

    def is_in_cookies(self, header: str) -> bool:
        """Whether a `Cookie` header has what `new_cookie` gave."""
        pairs = (pair.strip().partition("=") for pair in header.split(";"))
        found = [value for name, _, value in pairs if name == self._cookie_name]
        return bool(found) and hmac.compare_digest(found[0].encode("utf-8", "replace"), self._cookie.encode())

    def new_cookie(self) -> str:
        """A `Set-Cookie` header by which a browser is known from now on."""
        return f"{self._cookie_name}={self._cookie}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Strict"


class Guesses:
    """Wrong tokens by the address that they came from, within bounds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def add(self, address: str) -> None:
        """Count a wrong one."""
        times = self._wrong.setdefault(address, deque(maxlen=MAX_GUESSES))
        times.append(self._clock())
        self._wrong.move_to_end(address)
        if len(self._wrong) > _MAX_ADDRESSES:
            self._wrong.popitem(last=False)

    def are_too_many(self, address: str) -> bool:
        """Whether the address is to be answered more slowly."""
        times = self._wrong.get(address)
        return times is not None and len(times) == MAX_GUESSES and self._clock() - times[0] < GUESS_SECONDS
