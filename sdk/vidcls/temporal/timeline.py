"""Windows along a video, each with its probabilities -> segments: what happened from when to when."""

from __future__ import annotations

import csv
import io
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcls.contract import Decision
from vidcls.decision import label_columns
from vidcls.errors import ArgumentError
from vidcls.printable import csv_cell
from vidcls.temporal.path import Belief, Path, border_seconds, earliest_border
from vidcls.temporal.states import present_probabilities, state_probabilities, states

if TYPE_CHECKING:
    from vidcls.prediction import Prediction
    from vidcls.temporal.record import Record

# What a change of label costs where the model's contract does not say.
CHANGE_ODDS = 7.0

CSV_HEADER = ("start", "end", "label", "score")


@dataclass(frozen=True, kw_only=True, repr=False)
class Segment:
    """A stretch of a video under one label, or one in which nothing that the model knows happens.

    Examples:
        >>> Segment(start=0.0, end=2.5, label="jump", score=0.93).label
        'jump'

    Attributes:
        start, end: seconds after the video's first frame; the next segment starts where this one ends.
        label: None of a stretch in which nothing known happens.
        score: mean probability of the label in the windows inside, or in those at its borders if none is. Without a
            label, that of "nothing known", even with the best label's where the model's rule just accepts it.
    """

    start: float
    end: float
    label: str | None
    score: float

    @property
    def known(self) -> bool:
        """Whether something happens that the model knows.

        Examples:
            >>> Segment(start=0.0, end=2.5, label=None, score=0.93).known
            False
        """
        return self.label is not None

    def to_dict(self) -> dict[str, Any]:
        """What `vidcls timeline --json` prints of it, ready for JSON; with --csv, the columns.

        Examples:
            >>> Segment(start=0.0, end=2.5, label="jump", score=0.93).to_dict()
            {'start': 0.0, 'end': 2.5, 'label': 'jump', 'score': 0.93}
        """
        return {"start": self.start, "end": self.end, "label": self.label, "score": self.score}

    def __repr__(self) -> str:
        return f"Segment(start={self.start:.2f}, end={self.end:.2f}, label={self.label!r}, score={self.score:.4f})"


def check_change_odds(change_odds: float | None) -> None:
    """Raise ValueError unless it can be taken."""
    if change_odds is not None and not 1 <= change_odds < math.inf:
        raise ArgumentError(f"change_odds is {change_odds}, expected at least 1")


def change_cost(decision: Decision) -> float:
    """What a change of label costs by the model's own rule."""
    return CHANGE_ODDS if decision.events is None else decision.events.change_cost


def segments(
    records: Iterable[Record], *, duration: Callable[[], float], change_odds: float | None = None
) -> Iterator[Segment]:
    """The segments of a whole video, from its windows in order, half a clip apart.

    A segment is handed out as soon as it is sure where it ends. Of a model whose labels may hold together, the
    segments are those of each label by itself, so they may overlap, and where none is on there is none.

    Args:
        records: of its windows.
        duration: gives the video's length in seconds, asked with each window: where a file turns out to be damaged,
            it is known only at the end.
        change_odds: how many times more probable a change of label has to make all answers together; None: what the
            model's rule says, else 7.
    """
    for ended, _ in settled_segments(records, duration=duration, change_odds=change_odds):
        yield from ended


def settled_segments(
    records: Iterable[Record], *, duration: Callable[[], float], change_odds: float | None = None
) -> Iterator[tuple[list[Segment], float]]:
    """With each window, the segments that are sure by now, and the second before which no other with a label begins.

    Args: as for `segments`.
    """
    tracks: list[_Track] = []
    for record in records:
        prediction = record.prediction
        tracks = tracks or _tracks(prediction, change_odds=change_odds)
        start, end = record.window[0], min(record.window[1], duration())
        beliefs = zip(tracks, _beliefs(prediction, start=start, end=end), strict=True)
        ended = [segment for track, belief in beliefs for segment in track.add(belief)]
        yield ended, min(track.settled for track in tracks)
    yield [segment for track in tracks for segment in track.finish(duration())], math.inf


def _tracks(prediction: Prediction, *, change_odds: float | None) -> list[_Track]:
    """One over all states of a softmax model, or one for each label of a sigmoid model, which is on or off."""
    labels, decision = prediction.labels, prediction.decision
    cost = change_cost(decision) if change_odds is None else change_odds
    if decision.activation == "softmax":
        return [_Track(states(labels, decision), shown=states(labels, decision), change_cost=cost)]
    return [_Track((label, None), shown=(label,), change_cost=cost) for label in labels]


def _beliefs(prediction: Prediction, *, start: float, end: float) -> list[Belief]:
    """What the answer says for each of the tracks."""
    logits, labels, decision = prediction.logits, prediction.labels, prediction.decision
    if decision.activation == "softmax":
        found = state_probabilities(logits, labels, decision)
        calibrated = prediction.probabilities[label_columns(labels, decision)]
        scores = np.concatenate([calibrated, found[len(calibrated) :]])  # and None's, which has no other
        return [Belief(start=start, end=end, probabilities=found, scores=scores)]
    present = present_probabilities(logits, labels, decision)
    return [
        Belief(start=start, end=end, probabilities=np.array([on, 1 - on]), scores=np.array([score, 1 - score]))
        for on, score in zip(present, prediction.probabilities, strict=True)
    ]


class _Track:
    """Windows of one path -> its segments.

    names: of its states. shown: those of them whose segments are handed out.
    """

    def __init__(self, names: tuple[str | None, ...], *, shown: tuple[str | None, ...], change_cost: float) -> None:
        self._names, self._shown = names, shown
        self._path = Path(change_cost=change_cost)
        self._undecided: deque[Belief] = deque()
        self._before: Belief | None = None
        self._current: tuple[Belief, int, int] | None = None
        self._start = 0.0
        self._inside: list[float] = []
        self._border: list[float] = []

    @property
    def settled(self) -> float:
        """Seconds before which no other segment with a label begins."""
        if self._current is None:
            return 0.0
        window, first, _ = self._current
        return self._start if self._names[first] is not None else earliest_border(window, before=self._before)

    def add(self, window: Belief) -> Iterator[Segment]:
        """Take the next window; give the segments that have surely ended."""
        self._undecided.append(window)
        for first, second in self._path.add(window.probabilities):
            yield from self._decided(self._undecided.popleft(), first, second)

    def finish(self, duration: float) -> Iterator[Segment]:
        """The segments that are left, of a video that ends there."""
        for first, second in self._path.finish():
            yield from self._decided(self._undecided.popleft(), first, second)
        if self._current is not None:
            yield from self._passed(*self._current, after=None)
            yield from self._segment(duration, self._current[2])

    def _decided(self, window: Belief, first: int, second: int) -> Iterator[Segment]:
        """A border lies where the window after it says, too, so each waits for the next one."""
        if self._current is not None:
            yield from self._passed(*self._current, after=window)
        self._current = window, first, second

    def _passed(self, window: Belief, first: int, second: int, *, after: Belief | None) -> Iterator[Segment]:
        if first == second:
            self._inside.append(float(window.scores[first]))
        else:
            self._border.append(float(window.scores[first]))
            at = border_seconds(window, before=self._before, after=after, first=first, second=second)
            yield from self._segment(at, first)
            self._start, self._inside, self._border = at, [], [float(window.scores[second])]
        self._before = window

    def _segment(self, end: float, state: int) -> Iterator[Segment]:
        scores, label = self._inside or self._border, self._names[state]
        if label in self._shown:
            yield Segment(start=self._start, end=end, label=label, score=sum(scores) / len(scores))


def csv_line(values: Iterable[object]) -> str:
    """One line of a CSV file, of which a spreadsheet runs nothing as a formula."""
    text = io.StringIO()
    # Of a line break in a cell the writer quotes what is in its own terminator: so both kinds, also before Python 3.13.
    csv.writer(text, lineterminator="\r\n").writerow(map(csv_cell, values))
    return text.getvalue().removesuffix("\r\n")


def clock(seconds: float, *, digits: int = 0) -> str:
    """Seconds as people write them: 1:05, or 2:00:07 from an hour on."""
    scale = 10**digits
    whole, fraction = divmod(round(seconds * scale), scale)
    hours, minutes, seconds_left = whole // 3600, whole // 60 % 60, whole % 60
    text = f"{hours}:{minutes:02}:{seconds_left:02}" if hours else f"{minutes}:{seconds_left:02}"
    return f"{text}.{fraction:0{digits}}" if digits else text
