"""Events from records whose probabilities are written out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from answered import BEGIN, answered, answered_record
from vidcls import Event, Record, steady_events
from vidcls.contract import NEUTRAL, Decision, EventRule, OperatingPoint, Reject

LABELS = ("nothing", "jump", "wave")
STEP = 0.5

# Sums of halves and exponentials.
SECONDS = 1e-9
SCORE = 1e-6


def record(number: int, probabilities: list[float], *, gap: float = 0.0, start: float | None = None) -> Record:
    begin = STEP * number if start is None else start
    return answered_record(np.log(probabilities), labels=LABELS, start=begin, gap=gap)


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


def test_an_events_peak_score_is_the_highest_so_far() -> None:
    began, ended = list(steady_events(rows(0.7, 0.9, 0.5, 0.45), smoothing_seconds=0))
    assert (began.peak_score, ended.peak_score) == (began.score, ended.score)
    assert (began.score, ended.score) == (pytest.approx(0.7, abs=SCORE), pytest.approx(0.9, abs=SCORE))


def test_times_are_of_the_middles_of_windows_and_on_the_wall() -> None:
    began, ended = list(steady_events(rows(0.5, 0.7, 0.5, 0.39), smoothing_seconds=0, enter_score=0.65))[:2]
    assert (began.start, began.end, began.end_time) == (1.0, None, None)
    assert began.start_time == BEGIN + timedelta(seconds=1)
    assert (ended.start, ended.end, ended.end_time) == (1.0, 2.0, BEGIN + timedelta(seconds=2))
    assert ended.start_time == began.start_time


@pytest.mark.parametrize("step", [timedelta(hours=-1), timedelta(days=5)])
@pytest.mark.parametrize("stepped", [2, 3, 4])
def test_a_clock_that_is_set_while_an_event_goes_on_does_not_change_how_long_it_was(
    step: timedelta, stepped: int
) -> None:
    """From that record on, also the one that begins the event, or ends it."""
    records = rows(0.5, 0.5, 0.7, 0.7, 0.39, 0.5)
    records[stepped:] = [replace(record, time=record.time + step) for record in records[stepped:]]
    began, ended = list(steady_events(records, smoothing_seconds=0, enter_score=0.65))[:2]
    assert ended.start_time == began.start_time
    assert ended.end_time == ended.start_time + timedelta(seconds=1.0)
    assert (ended.start, ended.end) == (1.5, 2.5)


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
        {"leave_score": 0.4, "enter_score": 0.3},
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


def test_a_mean_score_is_that_of_the_windows_in_which_it_went_on() -> None:
    began, ended, *_ = steady_events(rows(0.45, 0.7, 0.9, 0.5, 0.3), smoothing_seconds=0)
    assert (began.mean_score, ended.mean_score) == (
        pytest.approx(0.7, abs=SCORE),
        pytest.approx(0.7, abs=SCORE),
    )
    assert ended.peak_score == pytest.approx(0.9, abs=SCORE)


def test_an_event_is_provisional_until_it_has_ended_and_says_how_late_it_was_told() -> None:
    flicker = rows(0.45, 0.7, 0.45, 0.7, 0.7, 0.45, 0.7, 0.7, 0.7, 0.45)
    began, ended = steady_events(flicker, smoothing_seconds=0, least_seconds=1.0)
    assert (began.state, ended.state) == ("provisional", "final")
    # From the middle of the seventh window, at 3.5 s, to the end of the ninth, at 5.0 s.
    assert (began.start, began.detection_delay, ended.detection_delay) == (3.5, 1.5, 1.5)


def test_coverage_is_the_share_of_its_time_that_was_answered() -> None:
    # Windows of 1 s; those from 2.0 and 2.5 s on were never answered, so nothing is known from 2.5 to 3.0 s.
    records = [record(number, [0.28, 0.02, 0.7]) for number in (0, 1, 2, 3, 6, 7)]
    began, ended = steady_events(records, smoothing_seconds=0)
    assert (began.coverage, ended.start, ended.end) == (1.0, 0.0, 4.5)
    assert ended.coverage == pytest.approx(1 - 0.5 / 4.5)


@pytest.mark.parametrize("seed", range(20))
def test_each_event_begins_once_and_ends_once_and_none_spans_a_gap(seed: int) -> None:
    """Streams with windows that were dropped, and gaps."""
    random, start = np.random.default_rng(seed), 0.0
    records: list[Record] = []
    gaps: list[tuple[float, float]] = []
    for _ in range(60):
        gap = float(random.choice([0.0, 0.0, 0.0, 0.0, 7.0])) if records else 0.0
        before = start + 1.0 - STEP
        start += gap + STEP * int(random.integers(1, 4))
        if gap:
            gaps.append((before, start))
        wave = float(random.choice([0.1, 0.45, 0.7, 0.95]))
        records.append(record(0, [0.98 - wave, 0.02, wave], start=start, gap=gap))
    going: list[Event] = []
    for event in steady_events(records, smoothing_seconds=0.3, least_seconds=0.5, enter_score=0.6, leave_score=0.4):
        if event.state == "provisional":
            assert not going  # of labels that exclude each other, one at a time
            going.append(event)
            continue
        begun = going.pop()
        assert (event.label, event.start, event.start_time) == (begun.label, begun.start, begun.start_time)
        assert event.detection_delay == begun.detection_delay >= 0.5
        assert event.peak_score >= begun.peak_score
        assert event.mean_score <= event.peak_score
        assert 0 <= event.coverage <= 1
        assert event.end is not None
        assert event.end > event.start
        assert not [gap for gap in gaps if event.start < gap[1] and event.end > gap[0] + STEP]
    assert not going
    assert gaps


def rule(**fields: Any) -> EventRule:
    fields = {"on": 0.5, "off": 0.25, "min_seconds": 0.0, "change_cost": 7.0, "false_alarms_per_hour": None, **fields}
    return EventRule(**fields)


def started(decision: Decision, *waves: float, **options: Any) -> list[tuple[str, float, float | None]]:
    """What is told at these probabilities of "wave"; the rest is shared between nine others, too little for each."""
    labels = ("wave", "fall", *"abcdefgh")
    records = answered([[wave, *[(1 - wave) / 9] * 9] for wave in waves], labels=labels, decision=decision)
    events = steady_events(records, smoothing_seconds=0, **options)
    return [(event.label, event.start, event.end) for event in events]


def test_what_is_not_given_is_the_contracts() -> None:
    waves = (0.3, 0.55, 0.3, 0.2, 0.2)
    by_rule = [("wave", 1.0, None), ("wave", 1.0, 2.0)]
    assert started(replace(NEUTRAL, events=rule()), *waves) == by_rule
    assert started(NEUTRAL, *waves) == []
    assert started(replace(NEUTRAL, events=rule(min_seconds=0.6)), *waves) == []
    assert started(replace(NEUTRAL, events=rule(min_seconds=0.6)), *waves, least_seconds=0.0) == by_rule
    assert started(replace(NEUTRAL, events=rule()), *waves, enter_score=0.6) == []
    assert started(replace(NEUTRAL, events=rule()), *waves, leave_score=0.4) == [
        ("wave", 1.0, None),
        ("wave", 1.0, 1.5),
    ]


def test_a_label_begins_at_its_operating_point_and_ends_in_proportion() -> None:
    points = {"wave": OperatingPoint(probability=0.8, precision=0.9, recall=0.5), "fall": None}
    decision = replace(NEUTRAL, events=rule(), operating_points=points)
    # 0.8 * 0.25 / 0.5 is 0.4.
    assert started(decision, 0.45, 0.75, 0.85, 0.41, 0.39) == [("wave", 1.5, None), ("wave", 1.5, 2.5)]
    # Without a rule in the contract, in the proportion of 0.4 to 0.6.
    without = replace(NEUTRAL, operating_points=points)
    assert started(without, 0.45, 0.75, 0.85, 0.54, 0.53) == [("wave", 1.5, None), ("wave", 1.5, 2.5)]
    # And what is asked for holds for every label.
    assert started(decision, 0.45, 0.75, 0.3, 0.2, enter_score=0.7)[0] == ("wave", 1.0, None)


def test_what_is_not_known_counts_as_nothing_and_none_is_no_event() -> None:
    labels, probabilities = ("fall", "wave", "_none"), [[0.1, 0.8, 0.1]] * 3 + [[0.1, 0.1, 0.8]] * 3
    records = answered(probabilities, labels=labels, decision=replace(NEUTRAL, none_label="_none"))
    events = list(steady_events(records, smoothing_seconds=0, enter_score=0.0, leave_score=0.0))
    assert {event.label for event in events} == {"wave"}
    assert [(event.start, event.end) for event in steady_events(records, smoothing_seconds=0)] == [(0, None), (0, 2.0)]
    reject = Reject(score="max_probability", threshold=0.9, accepted=0.95, false_accepted=None)
    unknown = answered(probabilities, labels=labels, decision=replace(NEUTRAL, reject=reject))
    assert list(steady_events(unknown, smoothing_seconds=0, enter_score=0.0)) == []


def test_labels_that_may_hold_together_have_an_event_each() -> None:
    probabilities = [[0.1, 0.9], [0.9, 0.9], [0.9, 0.9], [0.9, 0.1], [0.1, 0.1]]
    records = answered(probabilities, labels=("fall", "cry"), decision=replace(NEUTRAL, activation="sigmoid"))
    events = [(event.label, event.start, event.end) for event in steady_events(records, smoothing_seconds=0)]
    assert events == [("cry", 0, None), ("fall", 1.0, None), ("cry", 0, 2.0), ("fall", 1.0, 2.5)]
