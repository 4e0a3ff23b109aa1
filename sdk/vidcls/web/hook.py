"""A web hook: messages to a server, in their order, by a thread of its own, however bad the server is."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Mapping

from vidcls.web.post import Problem, post, read_address

# How long one call may take, to the status of its answer.
CALL_SECONDS = 5.0
# The pause before a call is made again: doubled after each, up to the last.
FIRST_PAUSE_SECONDS = 1.0
LAST_PAUSE_SECONDS = 60.0
# So often a message is sent that the server fails at, which takes six minutes: then it goes on with the next one. A
# server that cannot be reached is waited for.
MAX_FAILURES = 10
# Messages that wait; of more, the oldest are given up.
MAX_WAITING = 1000
# How long `close` waits for the last messages to be taken, and how long it pauses before it sends one again.
LAST_SECONDS = 5.0
LAST_STEPS_SECONDS = 0.5

_logger = logging.getLogger("vidcls")


class WebHook:
    """POSTs messages as JSON, at least once each, in their order.

    Args:
        url: http:// or https://, with user and password if need be. Messages of ours name its server alone.
        token: sent as "Authorization: Bearer ...".

    Raises:
        ValueError: no such URL, or the token cannot be sent.

    What the server answers with 200 to 299 is delivered. With 400 to 499 the message is given up, but for 408, 425
    and 429; after every other answer it is sent again after a pause, MAX_FAILURES times at most, and without end where
    the server cannot be reached or answers 502, 503 or 504.
    """

    def __init__(self, url: str, *, token: str | None = None) -> None:
        self._address = read_address(url, token=token)
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._given_up = 0
        self._end: float | None = None  # monotonic seconds; set by `close`
        self._said: Problem | None = None  # of the calls that failed last
        # A daemon, since nothing can end a system's search for a server's name. All else it does ends by itself.
        self._thread = threading.Thread(target=self._run, daemon=True, name="vidcls-web-hook")
        self._thread.start()

    @property
    def given_up(self) -> int:
        """How many messages were given up."""
        return self._given_up

    def send(self, fields: Mapping[str, object]) -> None:
        """Have the message delivered; returns at once.

        Raises:
            TypeError, ValueError: it cannot be written as JSON.
        """
        body = json.dumps(fields, allow_nan=False).encode()
        with self._changed:
            if self._end is not None:
                raise ValueError("the web hook is closed")
            self._waiting.append(body)
            is_full = len(self._waiting) > MAX_WAITING
            if is_full:
                self._waiting.popleft()
                self._given_up += 1
            self._changed.notify_all()
        if is_full and self._given_up == 1:
            _logger.warning("%s: more than %d messages wait, the oldest are given up", self._address.name, MAX_WAITING)

    def close(self) -> None:
        """Give the messages that still wait LAST_SECONDS, and say how many were not delivered."""
        with self._changed:
            if self._end is not None:
                return
            self._end = time.monotonic() + LAST_SECONDS
            self._changed.notify_all()
        self._thread.join(LAST_SECONDS + 1)
        with self._changed:
            self._given_up += len(self._waiting) + self._thread.is_alive()
            self._waiting.clear()
        if self._given_up:
            _logger.warning("%s: %d messages were not delivered", self._address.name, self._given_up)

    def __enter__(self) -> WebHook:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while (body := self._next()) is not None:
            if not self._deliver(body):
                with self._changed:
                    self._given_up += 1

    def _next(self) -> bytes | None:
        """The message that waits longest, once there is one; None at the end."""
        with self._changed:
            while not self._waiting and self._end is None:
                self._changed.wait()
            return self._waiting.popleft() if self._waiting and self._left() > 0 else None

    def _deliver(self, body: bytes) -> bool:
        failures, pause = 0, FIRST_PAUSE_SECONDS
        while (left := self._left()) > 0:
            problem = post(self._address, body, seconds=min(CALL_SECONDS, left))
            self._say(problem)
            if problem is None:
                return True
            failures += problem.kind == "failed"
            if problem.kind == "refused" or failures == MAX_FAILURES:
                return False
            self._pause(pause)
            pause = min(2 * pause, LAST_PAUSE_SECONDS)
        return False

    def _left(self) -> float:
        return float("inf") if self._end is None else self._end - time.monotonic()

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        with self._changed:
            while self._end is None and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
        if self._end is not None:
            time.sleep(max(0.0, min(LAST_STEPS_SECONDS, until - time.monotonic(), self._left())))

    def _say(self, problem: Problem | None) -> None:
        """Log a problem once, and that it is over."""
        if problem == self._said:
            return
        if problem is None:
            _logger.warning("%s: takes messages again", self._address.name)
        else:
            given_up = "; its message is given up" if problem.kind == "refused" else ""
            _logger.warning("%s: %s%s", self._address.name, problem.words, given_up)
        self._said = problem
