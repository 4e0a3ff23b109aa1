"""The last pictures of one camera, small and compressed, and those of events that go on; in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Kept(NamedTuple):
    """A picture. at: seconds after the camera's first frame, in media time."""

    at: float
    jpeg: bytes


class RecentPictures:
    """Those of the last `seconds`, and of stretches of time that are held, in at most `max_bytes`.

    `seconds` may be set anew. Of what would be too much, the oldest go first that nobody holds; where all are held, new
    ones are not kept. None is kept that would be later than the newest.
    """

    def __init__(self, *, seconds: float, max_bytes: int, max_held: int) -> None:
        self.seconds = seconds
        self._max_bytes, self._max_held = max_bytes, max_held
        self._pictures: list[Kept] = []
        self._held: dict[str, tuple[float, float]] = {}
        self._bytes = 0

    @property
    def newest(self) -> float | None:
        """When the newest was taken; None where there is none."""
        return self._pictures[-1].at if self._pictures else None

    @property
    def bytes(self) -> int:
        """The memory that they take."""
        return self._bytes

    def add(self, picture: Kept) -> None:
        """Keep a picture, where there is room for it."""
        horizon = picture.at - self.seconds
        kept = [
            each for each in self._pictures if each.at < picture.at and (each.at >= horizon or self._is_held(each.at))
        ]
        kept.append(picture)
        excess = sum(len(each.jpeg) for each in kept) - self._max_bytes
        if excess > 0:
            kept = self._lessened(kept, excess=excess)
        self._pictures, self._bytes = kept, sum(len(each.jpeg) for each in kept)

    def hold(self, name: str, *, start: float, end: float) -> None:
        """Keep what was taken from `start` to `end` until it is let go; of too many such, the first is let go."""
        self._held[name] = start, end
        while len(self._held) > self._max_held:
            del self._held[next(iter(self._held))]

    def let_go(self, name: str) -> None:
        """Hold it no longer."""
        self._held.pop(name, None)

    def between(self, start: float, end: float) -> Sequence[Kept]:
        """Those that were taken from `start` to `end`, and the one that was the newest at `start`, in order."""
        before = [each for each in self._pictures if each.at < start][-1:]
        return [*before, *(each for each in self._pictures if start <= each.at <= end)]

    def _is_held(self, at: float) -> bool:
        return any(start <= at <= end for start, end in self._held.values())

    def _lessened(self, kept: list[Kept], *, excess: int) -> list[Kept]:
        """Without as many of the oldest as are `excess` bytes, the held ones passed over; at the worst, the newest."""
        left = []
        for each in kept:
            if excess > 0 and not self._is_held(each.at):
                excess -= len(each.jpeg)
            else:
                left.append(each)
        return left if excess <= 0 else left[:-1]
