"""Windows along a video, each with its probabilities -> segments: what happened from when to when.

A window answers for a stretch of time as a whole, so where the label changes inside it, its answer is
worth little. The time between two starts of windows is a cell; windows start every half a clip, so each
covers two cells. The labels of the cells are those under which all answers together are most probable: a
window is believed by its probability of its cells' label, of the mean of both if they differ, and every
change of label has to be worth its price. (Viterbi's algorithm, with the best path handed out as soon as
no later window can alter it.)
"""

from __future__ import annotations

import csv
import io
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vidcls.errors import ArgumentError
from vidcls.printable import csv_cell

if TYPE_CHECKING:
    from vidcls.temporal.record import Record

CHANGE_ODDS = 7.0

# No single window may rule a label out: what is less probable than this counts as this.
LEAST_PROBABILITY = 1e-4

CSV_HEADER = ("start", "end", "label", "score")


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A stretch of a video under one label.

    Examples:
        >>> Segment(start=0.0, end=2.5, label="jump", score=0.93).label
        'jump'

    Attributes:
        start, end: seconds after the video's first frame; the next segment starts where this one ends.
        score: mean probability of the label in the windows inside, or in those at its borders if none is.
    """

    start: float
    end: float
    label: str
    score: float


def check_change_odds(change_odds: float) -> None:
    """Raise ValueError unless it can be taken."""
    if not 1 <= change_odds < math.inf:
        raise ArgumentError(f"change_odds is {change_odds}, expected at least 1")


def segments(records: Iterable[Record], *, duration: Callable[[], float], change_odds: float) -> Iterator[Segment]:
    """The segments of a whole video, from its windows in order, half a clip apart.

    A segment is handed out as soon as it is sure where it ends.

    Args:
        records: of its windows.
        duration: gives the video's length in seconds, asked with each window: where a file turns out to be damaged,
            it is known only at the end.
        change_odds: how many times more probable a change of label has to make all answers together.
    """
    windows = _tapped_windows(records, duration=duration)
    start = 0.0
    inside: list[float] = []
    border: list[float] = []
    for (middle, labels, probabilities), first, second in most_probable_halves(windows, change_odds=change_odds):
        if first == second:
            inside.append(float(probabilities[first]))
            continue
        border.append(float(probabilities[first]))
        yield _segment(start, middle, labels[first], inside or border)
        start, inside, border = middle, [], [float(probabilities[second])]
    yield _segment(start, duration(), labels[second], inside or border)


Tapped = tuple[float, tuple[str, ...], npt.NDArray[np.float64]]


def most_probable_halves(windows: Iterable[Tapped], *, change_odds: float) -> Iterator[tuple[Tapped, int, int]]:
    """Every window with the class ids of its first and its second half; one window's second is the next one's first."""
    price = math.log(change_odds)
    scores = np.zeros(0)
    undecided: deque[tuple[Tapped, npt.NDArray[np.intp]]] = deque()
    for window in windows:
        probabilities = np.maximum(window[2], LEAST_PROBABILITY)
        classes = np.arange(len(probabilities))
        if len(scores) == 0:
            scores = np.zeros(len(probabilities))
        paths = scores[:, None] + np.log((probabilities[:, None] + probabilities) / 2) - price
        paths[classes, classes] += price
        undecided.append((window, paths.argmax(axis=0)))
        scores = paths.max(axis=0) - paths.max()
        # Back from every label that the newest cell may have: where these paths meet, the past is decided.
        labels = classes
        for index in range(len(undecided) - 1, 0, -1):
            labels = undecided[index][1][labels]
            if (labels == labels[0]).all():
                yield from _trace([undecided.popleft() for _ in range(index)], int(labels[0]))
                break
    if undecided:
        yield from _trace(list(undecided), int(scores.argmax()))


def _trace(decided: list[tuple[Tapped, npt.NDArray[np.intp]]], last: int) -> list[tuple[Tapped, int, int]]:
    found = []
    for window, came_from in reversed(decided):
        first = int(came_from[last])
        found.append((window, first, last))
        last = first
    return found[::-1]


def _tapped_windows(records: Iterable[Record], *, duration: Callable[[], float]) -> Iterator[Tapped]:
    """(middle in seconds, labels, probabilities) of every window: all that is kept of it."""
    for record in records:
        start, end = record.window
        yield (start + min(end, duration())) / 2, record.prediction.labels, record.prediction.probabilities


def _segment(start: float, end: float, label: str, scores: list[float]) -> Segment:
    return Segment(start=start, end=end, label=label, score=sum(scores) / len(scores))


def csv_line(values: Iterable[object]) -> str:
    """One line of a CSV file, of which a spreadsheet runs nothing as a formula."""
    text = io.StringIO()
    csv.writer(text).writerow(map(csv_cell, values))
    return text.getvalue().removesuffix("\r\n")


def srt_entry(segment: Segment, number: int) -> str:
    """The segment as the `number`-th subtitle of an .srt file, counted from 1."""
    text = " ".join(segment.label.split()).replace("-->", "->")  # which would begin another subtitle
    return f"{number}\n{_srt_time(segment.start)} --> {_srt_time(segment.end)}\n{text} ({segment.score:.2f})\n"


def _srt_time(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02},{milliseconds % 1000:03}"


def clock(seconds: float, *, digits: int = 0) -> str:
    """Seconds as people write them: 1:05, or 2:00:07 from an hour on."""
    scale = 10**digits
    whole, fraction = divmod(round(seconds * scale), scale)
    hours, minutes, seconds_left = whole // 3600, whole // 60 % 60, whole % 60
    text = f"{hours}:{minutes:02}:{seconds_left:02}" if hours else f"{minutes}:{seconds_left:02}"
    return f"{text}.{fraction:0{digits}}" if digits else text
