"""Events from records whose probabilities are written out by hand."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from vidcls import Event, Prediction, Record, steady_events
from vidcls.contract import NEUTRAL

LABELS = ("nothing", "jump", "wave")
BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
STEP, CLIP = 0.5, 1.0

# Sums of halves and exponentials.
SECONDS = 1e-9
SCORE = 1e-6


def record(number: int, probabilities: list[float], *, gap: float = 0.0, start: float | None = None) -> Record:
    begin = STEP * number if start is None else start
    logits = np.log(np.array(probabilities, np.float32))
    prediction = Prediction(
        labels=LABELS,
        logits=logits,
        decision=NEUTRAL,
        windows=[(begin, begin + CLIP)],
        timestamps=np.zeros((1, 1)),
        decoded_share=None,
        device="cpu",
        timing_ms={},
    )
    return Record(
        prediction=prediction,
        window=(begin, begin + CLIP),
        time=BEGIN + timedelta(seconds=begin + CLIP),
        lag_seconds=0.1,
        dropped_frames=0,
        dropped_windows=0,
        gap_seconds=gap,
        picture=np.zeros((1, 1, 3), np.uint8),
    )


def rows(*waves: float) -> list[Record]:
    """A record per value: the probability of "wave"; the rest is "nothing"'s, but for a little."""
    return [record(number, [0.98 - wave, 0.02, wave]) for number, wave in enumerate(waves)]


def told(records: list[Record], **options: Any) -> list[tuple[str, float, float | None]]:
    options = {"smoothing_seconds": 0, "enter_score": 0.6, "leave_score": 0.4, **options}
    return [(event.label, event.start, event.end) for event in steady_events(records, **options)]


def test_an_event_is_told_when_it_starts_and_when_it_ends() -> None:
    assert told(rows(0.45, 0.45, 0.7, 0.9, 0.7, 0.45, 0.3, 0.3)) == [
        ("wave", 1.5, None),
        ("wave", 1.5, 3.5),
        ("nothing", 3.5, None),
        ("nothing", 3.5, 4.5),  # with the end of the last window
    ]


def test_between_the_two_scores_nothing_flickers() -> None:
    assert told(rows(0.7, 0.55, 0.65, 0.41, 0.59, 0.7)) == [("wave", 0, None), ("wave", 0, 3.5)]
    assert told(rows(0.45, 0.55, 0.59, 0.41, 0.59, 0.45)) == []


def test_a_score_just_reached_starts_an_event_and_does_not_end_it() -> None:
    records = rows(0.7, 0.7, 0.7)
    exactly = float(records[0].prediction.probabilities[2])
    assert told(records, enter_score=exactly, leave_score=exactly) == [("wave", 0, None), ("wave", 0, 2)]


def test_an_events_score_is_the_highest_so_far() -> None:
    began, ended = list(steady_events(rows(0.7, 0.9, 0.5, 0.45), smoothing_seconds=0))
    assert (began.score, ended.score) == (pytest.approx(0.7, abs=SCORE), pytest.approx(0.9, abs=SCORE))


def test_times_are_of_the_middles_of_windows_and_on_the_wall() -> None:
    began, ended = list(steady_events(rows(0.5, 0.7, 0.5, 0.39), smoothing_seconds=0, enter_score=0.65))[:2]
    assert (began.start, began.end, began.end_time) == (1.0, None, None)
    assert began.start_time == BEGIN + timedelta(seconds=1)
    assert (ended.start, ended.end, ended.end_time) == (1.0, 2.0, BEGIN + timedelta(seconds=2))
    assert ended.start_time == began.start_time


def test_an_event_has_to_last_to_be_believed_and_then_started_where_it_began() -> None:
    flicker = rows(0.45, 0.7, 0.45, 0.7, 0.7, 0.45, 0.7, 0.7, 0.7, 0.45)
    assert told(flicker, least_seconds=1.0) == [("wave", 3.5, None), ("wave", 3.5, 5.5)]
    assert told(flicker, least_seconds=1.1) == []


def test_smoothing_follows_with_its_time_constant() -> None:
    records = rows(0.0001, *[0.9] * 12)
    began = [event for event in steady_events(records, smoothing_seconds=1.0) if event.label == "wave"]
    # 0.9 * (1 - exp(-t / 1 s)) passes 0.6 at t = 1.1 s: at the third middle after the change's window.
    assert began[0].start == pytest.approx(0.5 + 3 * STEP, abs=SECONDS)
    assert began[0].score == pytest.approx(0.9 * (1 - np.exp(-1.5)), abs=0.001)
    assert began[-1].score == pytest.approx(0.9 * (1 - np.exp(-6)), abs=0.001)
    # Twice as many records in the same time smooth no more.
    dense = [record(0, [0.98, 0.02, 0.0001], start=0.0)]
    dense += [record(0, [0.08, 0.02, 0.9], start=STEP + number * STEP / 4) for number in range(12)]
    (first, *_) = [event for event in steady_events(dense, smoothing_seconds=1.0) if event.label == "wave"]
    assert first.start == pytest.approx(0.5 + 1.125, abs=SECONDS)


def test_one_label_takes_over_from_another() -> None:
    records = [record(number, [0.1, p, 0.9 - p]) for number, p in enumerate([0.8, 0.8, 0.1, 0.1])]
    assert told(records) == [("jump", 0, None), ("jump", 0, 1.5), ("wave", 1.5, None), ("wave", 1.5, 2.5)]


def test_a_gap_ends_an_event_and_forgets_what_was_smoothed() -> None:
    records = [*rows(0.7, 0.7), record(0, [0.28, 0.02, 0.7], gap=8.0, start=10.0)]
    assert told(records, smoothing_seconds=5.0) == [
        ("wave", 0, None),
        ("wave", 0, 1.5),
        ("wave", 10, None),
        ("wave", 10, 11),
    ]


def test_no_records_no_events() -> None:
    assert told([]) == []


@pytest.mark.parametrize(
    "options",
    [
        {"enter_score": 0.3, "leave_score": 0.4},
        {"enter_score": 1.1},
        {"leave_score": -0.1},
        {"smoothing_seconds": -1},
        {"least_seconds": float("inf")},
    ],
)
def test_numbers_out_of_range_are_refused_at_once(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        steady_events([], **options)


def test_events_come_as_they_happen() -> None:
    taken = []

    def records() -> Any:
        for each in rows(0.7, 0.7, 0.7):
            taken.append(each)
            yield each

    events = steady_events(records(), smoothing_seconds=0)
    assert isinstance(next(events), Event)
    assert len(taken) == 1
