"""Events on their way to one receiver, a web hook or a broker: in order, by a thread of its own, until they are taken.

A finished event that was taken is noted in the journal, so each is sent at least once, with the same id, also across
crashes; and exactly once but where the program is killed, or an answer lost, between the taking and the note. A
beginning is sent at once and noted nowhere; where its end waits too, it is left out.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from vidcls.watch.event import CameraEvent
from vidcls.watch.journal import MAX_WAITING, Entry, Journal
from vidcls.web.post import Address, Problem, post

# How long one attempt may take.
CALL_SECONDS = 5.0
# The pause before an event is sent again: doubled after each, up to the last.
FIRST_PAUSE_SECONDS = 1.0
# So often an event is sent that the receiver fails at: then the next one has its turn. One that cannot be reached is
# waited for.
MAX_FAILURES = 10
_POLL_SECONDS = 0.1

_logger = logging.getLogger("vidcls")

# Sends a message of JSON within so many seconds; None once it is taken.
Send: TypeAlias = Callable[[bytes, float], Problem | None]


@dataclass(frozen=True, kw_only=True)
class _Message:
    entry: Entry
    is_final: bool


class Delivery:
    """Takes events, never waits for the receiver.

    Args:
        name: of the receiver, in the journal.
        shown: in messages; without secrets.
        send: called by one thread.
        last_pause_seconds: the longest pause between two attempts.
    """

    def __init__(self, name: str, journal: Journal, send: Send, *, shown: str, last_pause_seconds: float) -> None:
        self.name, self._journal, self._send, self._shown = name, journal, send, shown
        self._last_pause_seconds = last_pause_seconds
        self._lock = threading.Lock()
        self._waiting = deque(_Message(entry=entry, is_final=True) for entry in journal.waiting(name))
        self._given_up = self._lost = 0  # finished events; since the start, and since it took one last
        self._end = float("inf")  # monotonic seconds; set by `end`
        self._said: Problem | None = None  # of the attempts that failed last
        self._is_noted = True
        # A daemon, since nothing can end a system's search for a server's name. All else it does ends by itself.
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"vidcls-{name}")
        self._thread.start()

    @property
    def given_up(self) -> int:
        """How many finished events were given up."""
        return self._given_up

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return len(self._waiting)

    def put_begun(self, event: CameraEvent) -> None:
        """Send the beginning of an event."""
        body = json.dumps(event.to_dict(), allow_nan=False).encode()
        self._put(_Message(entry=Entry(event.id, body), is_final=False))

    def put_final(self, entry: Entry) -> None:
        """Send a finished event, which is in the journal."""
        self._put(_Message(entry=entry, is_final=True))

    def end(self, *, seconds: float) -> None:
        """Give what waits so many seconds from now on, and then send no more; returns at once."""
        self._end = time.monotonic() + seconds

    def close(self) -> None:
        """Wait for the end, which is now where `end` has not set it, and say how many are left for the next start.

        Where events were given up, and none was taken after them, that is said too.
        """
        if self._end == float("inf"):
            self.end(seconds=0)
        self._thread.join(max(0.0, self._end - time.monotonic()) + 0.5)
        with self._lock:
            left, lost = sum(message.is_final for message in self._waiting), self._lost
        if lost:
            _logger.warning("%s: %d events were given up", self._shown, lost)
        if left:
            _logger.warning("%s: %d events wait, and are sent at the next start", self._shown, left)

    def _put(self, message: _Message) -> None:
        with self._lock:
            if message.is_final:
                begun = [waits for waits in list(self._waiting)[1:] if waits.entry.id == message.entry.id]
                for waits in begun:  # but the first, which may be on its way
                    self._waiting.remove(waits)
            self._waiting.append(message)
            is_too_many = len(self._waiting) > MAX_WAITING
        if is_too_many:
            self._give_up(self._waiting[1], "since too many wait; so are the next that are too many")

    def _run(self) -> None:
        while self._left() > 0:
            if not self._waiting:
                if self._end < float("inf"):
                    return
                time.sleep(_POLL_SECONDS)
                continue
            message = self._waiting[0]
            if self._deliver(message):
                self._done(message)

    def _deliver(self, message: _Message) -> bool:
        """Whether it was taken, or was given up; else the time is up."""
        failures, pause = 0, FIRST_PAUSE_SECONDS
        while (left := self._left()) > 0:
            problem = self._send(message.entry.body, min(CALL_SECONDS, left))
            self._say(problem)
            if problem is None:
                return True
            failures += problem.kind == "failed"
            if problem.kind == "refused" or failures == MAX_FAILURES:
                tried = f"after {failures} such answers" if problem.kind == "failed" else "which it refuses"
                self._count_given_up(message, tried)
                return True
            self._pause(min(pause, self._last_pause_seconds))
            pause *= 2
        return False

    def _done(self, message: _Message) -> None:
        with self._lock:
            if message in self._waiting:  # and was not given up meanwhile
                self._waiting.remove(message)
        if message.is_final:
            self._note(message.entry)

    def _give_up(self, message: _Message, reason: str) -> None:
        with self._lock:
            if message not in self._waiting:
                return
            self._waiting.remove(message)
        self._count_given_up(message, reason)

    def _count_given_up(self, message: _Message, reason: str) -> None:
        """Count it, and say of the first one that it is; of a beginning, whose end is still to come, nothing."""
        if not message.is_final:
            return
        with self._lock:
            self._given_up += 1
            self._lost += 1
            is_first = self._lost == 1
        if is_first:
            _logger.warning("%s: the event %s is given up, %s", self._shown, message.entry.id, reason)

    def _note(self, entry: Entry) -> None:
        try:
            self._journal.note(self.name, entry.id)
        except OSError as error:
            if self._is_noted:
                _logger.error("%s: that it took an event cannot be written down (%s)", self._shown, error)
            self._is_noted = False
        else:
            self._is_noted = True

    def _left(self) -> float:
        return self._end - time.monotonic()

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := min(until - time.monotonic(), self._left())) > 0:
            if self._end < float("inf"):  # the last attempts come closer together
                time.sleep(min(left, 5 * _POLL_SECONDS))
                return
            time.sleep(min(left, _POLL_SECONDS))

    def _say(self, problem: Problem | None) -> None:
        """Log a problem once, and that it is over, with how many events were given up meanwhile."""
        if problem == self._said:
            return
        if problem is None:
            with self._lock:
                lost, self._lost = self._lost, 0
            given_up = f"; given up meanwhile: {lost}" if lost else ""
            _logger.warning("%s: takes events again%s", self._shown, given_up)
        else:
            _logger.warning("%s: %s", self._shown, problem.words)
        self._said = problem


def to_hook(address: Address) -> Send:
    """What sends to a web hook."""
    return lambda body, seconds: post(address, body, seconds=seconds)
