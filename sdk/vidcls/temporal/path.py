"""The most probable path of states along windows that overlap by half, and where in a window it changes.

A window answers for a stretch of time as a whole, so where the state changes inside it, its answer is worth little.
The time between two starts of windows is a cell; windows start every half a clip, so each covers two cells. The states
of the cells are those under which all answers together are most probable: a window is believed by its probability of
its cells' state, of the mean of both if they differ, and every change of state has to be worth its price. (Viterbi's
algorithm, with the best path handed out as soon as no later window can alter it.)
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# No single window may rule a state out: what is less probable than this counts as this.
LEAST_PROBABILITY = 1e-4

# States that a path may change from, tried together for all that it may change to: 10,000 of these take 4 MB.
_ORIGINS = 16

# How far from a window's middle its border may lie, as a share of the way to the next window's: two windows next to
# each other that both hold a border then leave a fifth of that way to what is between.
_REACH = 0.4


@dataclass(frozen=True, kw_only=True, eq=False)
class Belief:
    """A window, and how probable each state is in it.

    start, end: seconds. probabilities: float64 [states]. scores: float64 [states], what people are given for them.
    """

    start: float
    end: float
    probabilities: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]

    @property
    def middle(self) -> float:
        """In seconds."""
        return (self.start + self.end) / 2


class Path:
    """The most probable path, window by window.

    change_cost: how many times more probable a change of state has to make all answers together.
    """

    def __init__(self, *, change_cost: float) -> None:
        self._price = math.log(change_cost)
        self._scores: npt.NDArray[np.float64] | None = None
        self._undecided: deque[npt.NDArray[np.intp]] = deque()

    def add(self, probabilities: npt.NDArray[np.float64]) -> list[tuple[int, int]]:
        """Take the next window, probabilities float64 [states]; give what is now sure of the first that were not.

        That is, of each such window in turn, the states of its first and of its second half.
        """
        believed = np.maximum(probabilities, LEAST_PROBABILITY)
        states = np.arange(len(believed))
        scores = np.zeros(len(believed)) if self._scores is None else self._scores
        # Both are rounded alike: a last digit decides between paths that are equally probable, as of answers that jump.
        stays = (scores + np.log(believed) - self._price) + self._price
        changes, origins = _best_changes(scores, believed, price=self._price)
        # Of what is equally probable the first state counts, so that there is one answer.
        is_change = (changes > stays) | ((changes == stays) & (origins < states))
        self._undecided.append(np.where(is_change, origins, states))
        best = np.maximum(stays, changes)
        self._scores = best - best.max()
        # Back from every state that the newest cell may have: where these paths meet, the past is decided.
        back = states
        for index in range(len(self._undecided) - 1, 0, -1):
            back = self._undecided[index][back]
            if (back == back[0]).all():
                return _trace([self._undecided.popleft() for _ in range(index)], int(back[0]))
        return []

    def finish(self) -> list[tuple[int, int]]:
        """The same of all windows that are left: no more will come."""
        if self._scores is None:
            return []
        return _trace(list(self._undecided), int(self._scores.argmax()))


def _best_changes(
    scores: npt.NDArray[np.float64], believed: npt.NDArray[np.float64], *, price: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    """For each state the score of the best path that comes to it from any state, and from which, [states] each.

    What a change scores depends on both of its states. But of two origins of which one has the greater score and is
    believed no less, the other is never better: few are left, some ten of 10,000, and each is tried for every state.
    """
    order = np.lexsort((-believed, -scores))  # of what is equal in both the first state comes first
    rises = believed[order] > np.concatenate([[-np.inf], np.maximum.accumulate(believed[order])[:-1]])
    left = np.sort(order[rises])
    best, origins = np.full(len(scores), -np.inf), np.zeros(len(scores), np.intp)
    for start in range(0, len(left), _ORIGINS):  # so that memory is bounded also where many are left
        some = left[start : start + _ORIGINS]
        tried = scores[some, None] + np.log((believed[some, None] + believed) / 2) - price
        first = tried.argmax(axis=0)
        found = np.take_along_axis(tried, first[None], axis=0)[0]
        is_better = found > best
        best, origins = np.where(is_better, found, best), np.where(is_better, some[first], origins)
    return best, origins


def _trace(came_from: list[npt.NDArray[np.intp]], last: int) -> list[tuple[int, int]]:
    found = []
    for previous in reversed(came_from):
        first = int(previous[last])
        found.append((first, last))
        last = first
    return found[::-1]


def border_seconds(window: Belief, *, before: Belief | None, after: Belief | None, first: int, second: int) -> float:
    """Where in a window the state `first` gives way to `second`.

    Of a window that holds both, the more probable the first is, the more of it lies before the border: its
    probability, as a share of both, is taken for that part. It is so of the windows before and after, which overlap
    this one by half; the border is put where these parts come to the same time altogether. So errors of the three make
    up for each other, and even answers that jump from one state to the other place it within a quarter of a window.

    Args:
        window: the one whose halves differ. before, after: its neighbours; None at the start and at the end.
    """
    windows = [each for each in (before, window, after) if each is not None]
    starts = np.array([each.start for each in windows])
    lengths = np.maximum(np.array([each.end for each in windows]) - starts, np.finfo(float).tiny)
    parts = sum(_share(each.probabilities, first, second) for each in windows)
    times = np.unique(np.concatenate([starts, starts + lengths]))
    parts_at = np.clip((times[:, None] - starts) / lengths, 0, 1).sum(axis=1)
    border = float(np.interp(parts, parts_at, times))
    earliest = earliest_border(window, before=before)
    latest = window.middle + _REACH * ((window.end if after is None else after.middle) - window.middle)
    return min(max(border, earliest), latest)


def earliest_border(window: Belief, *, before: Belief | None) -> float:
    """The second before which a window has no border; nor has any that comes after it."""
    return window.middle - _REACH * (window.middle - (window.start if before is None else before.middle))


def _share(probabilities: npt.NDArray[np.float64], first: int, second: int) -> float:
    believed = np.maximum(probabilities[[first, second]], LEAST_PROBABILITY)
    return float(believed[0] / believed.sum())
