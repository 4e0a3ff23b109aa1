"""What was put up is what is read off, within bounds, whatever the order and the number of threads."""

from __future__ import annotations

import json
import math
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from answered import BEGIN, answered_record
from vidcls import Record
from vidcls.contract import OperatingPoint
from vidcls.watch.board import MAX_EVENTS, Board, ModelFacts
from vidcls.watch.camera_facts import HISTORY_SECONDS
from vidcls.watch.event import CameraEvent

LABELS = ("walk", "fall", "_none")


class Clock:
    """Monotonic seconds that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def record(seconds: float, *, fall: float = 0.7, lag: float = 0.1, **other: Any) -> Record:
    """An answer whose window ended `seconds` after BEGIN."""
    logits = np.log([0.95 - fall, fall, 0.05])
    made = answered_record(logits, labels=LABELS, start=seconds - 1)
    return replace(made, lag_seconds=lag, **other)


def event(number: int, *, camera: str = "door", is_final: bool) -> CameraEvent:
    start = BEGIN + timedelta(seconds=number)
    return CameraEvent(
        id=f"event{number}",
        camera=camera,
        label="fall",
        state="final" if is_final else "provisional",
        start=start,
        end=start + timedelta(seconds=2) if is_final else None,
        start_seconds=float(number),
        end_seconds=number + 2.0 if is_final else None,
        peak_score=0.9,
        mean_score=0.8,
        detection_delay=0.5,
        coverage=1.0,
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(clock: Clock) -> Board:
    return Board(LABELS, ["door", "hall"], clock=clock)


def test_sums_are_those_of_all_records(board: Board) -> None:
    board.put_record("door", record(1, lag=0.3, dropped_windows=2, dropped_frames=9))
    board.put_record("door", record(2, lag=0.05, gap_seconds=1.5))
    board.put_record("door", record(3, lag=40.0, gap_seconds=0.25, dropped_windows=1, dropped_frames=1))
    found = board.counters("door")
    assert (found.windows, found.dropped_windows, found.dropped_frames, found.gaps) == (3, 3, 10, 2)
    assert found.gap_seconds == 1.75
    assert found.lag_seconds == 40.0
    assert dict(found.lags.cumulative()) == {
        "0.1": 1, "0.25": 1, "0.5": 2, "1.0": 2, "2.0": 2, "5.0": 2, "10.0": 2, "30.0": 2, "+Inf": 3,
    }  # fmt: skip
    assert board.counters("hall").windows == 0
    assert math.isnan(board.counters("hall").lag_seconds)


def test_the_state_can_be_put_into_json_before_and_after_the_first_answer(board: Board) -> None:
    before = json.loads(json.dumps(board.state(), allow_nan=False))["cameras"][0]
    assert before["answer"] is None
    assert not before["was_connected"]
    board.put_record("door", record(1))
    after = json.loads(json.dumps(board.state(), allow_nan=False))["cameras"][0]
    assert after["answer"]["label"] == "fall"
    assert after["answer"]["score"] == pytest.approx(0.7, abs=1e-4)
    assert after["answer"]["time"] == "2026-01-01T00:00:01.000+00:00"
    assert after["was_connected"]


def test_a_camera_that_was_lost_is_told_from_one_that_never_came(board: Board) -> None:
    board.put_connected("door", True)
    board.put_connected("door", False)
    board.put_connected("hall", False)
    cameras = board.live()["cameras"]
    assert [(camera["connected"], camera["was_connected"]) for camera in cameras] == [(False, True), (False, False)]


def test_a_late_answer_of_a_lost_camera_does_not_make_it_connected(board: Board) -> None:
    board.put_connected("door", True)
    board.put_connected("door", False)
    board.put_record("door", record(1))
    assert not board.is_connected("door")
    assert not board.counters("door").connected
    assert not board.live()["cameras"][0]["connected"]


def test_the_rate_is_that_of_the_last_ten_seconds(board: Board, clock: Clock) -> None:
    for step in range(200):
        clock.now = 100 + step / 4
        board.put_record("door", record(step / 4))
    assert board.live()["cameras"][0]["records_per_second"] == pytest.approx(4, rel=0.03)
    clock.now += 60
    assert board.live()["cameras"][0]["records_per_second"] == 0


def test_history_holds_ten_minutes_at_two_points_a_second(board: Board, clock: Clock) -> None:
    for step in range(4000):
        clock.now = 100.2 + step / 5
        board.put_record("door", record(step / 5, fall=0.5 + 0.4 * (step % 2), lag=0.2))
    found = board.history("door")
    history = found["points"]
    times = [point[0] for point in history]
    assert found["seconds"] == [pytest.approx(time - BEGIN.timestamp(), abs=0.01) for time in times]
    assert times == sorted(times)
    assert times[-1] - times[0] <= HISTORY_SECONDS
    assert times[-1] == pytest.approx(BEGIN.timestamp() + 799.8, abs=0.6)
    assert len(history) <= 2 * HISTORY_SECONDS + 1
    assert min(later - earlier for earlier, later in zip(times, times[1:])) >= 0.5  # noqa: B905, RUF007 - as of 3.10
    scores = history[-1][1]
    assert list(scores) == ["fall", "walk", "_none"]  # this contract has no label for "none of them"


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_set_changes_no_history(board: Board, clock: Clock, hours: int) -> None:
    """Neither what is kept of the time before it, nor when that was before what came after it."""
    for step in range(1000):
        clock.now = 100.0 + step
        board.put_record("door", record(step + (3600 * hours if step >= 700 else 0), lag=0.0))
    found = board.history("door")
    assert found["seconds"] == list(range(399, 1000))
    assert found["points"][-1][0] == BEGIN.timestamp() + 999 + 3600 * hours
    newest = board.live()["cameras"][0]
    assert (newest["point"], newest["point_seconds"]) == (found["points"][-1], 999)
    assert board.live()["uptime_seconds"] == 999


def test_an_event_ends_once_and_stays_ended(board: Board) -> None:
    board.put_event(event(1, is_final=False))
    assert [going["id"] for going in board.live()["cameras"][0]["going"]] == ["event1"]
    assert board.live()["cameras"][1]["going"] == []
    board.put_event(event(1, is_final=True))
    board.put_event(event(1, is_final=True))
    board.put_event(event(1, is_final=False))
    assert board.live()["cameras"][0]["going"] == []
    assert [found["state"] for found in board.events(10)] == ["final"]
    assert board.counters("door").events == {"fall": 1}


def test_events_come_newest_first_and_the_oldest_are_forgotten(board: Board) -> None:
    board.put_event(event(-5, is_final=False))  # has gone on since before all others
    for number in range(MAX_EVENTS + 50):
        board.put_event(event(number, is_final=True))
    numbers = [int(str(found["id"]).removeprefix("event")) for found in board.events(1000)]
    assert numbers == [*range(MAX_EVENTS + 49, 49, -1), -5]
    assert [found["id"] for found in board.events(2, before="event100")] == ["event99", "event98"]
    assert [found["id"] for found in board.events(1, before="unknown")] == ["event249"]


def test_events_that_come_after_the_clock_was_set_back_are_the_newest(board: Board) -> None:
    for number in range(MAX_EVENTS):
        board.put_event(event(number, is_final=True))
    yesterday = replace(event(0, is_final=False), id="new", start=BEGIN - timedelta(days=1))
    board.put_event(yesterday)
    board.put_event(replace(yesterday, state="final"))
    assert [found["id"] for found in board.events(2)] == ["new", f"event{MAX_EVENTS - 1}"]
    assert len(board.events(1000)) == MAX_EVENTS


def test_an_event_of_before_the_start_is_listed_and_counts_nowhere(board: Board) -> None:
    board.restore_event(event(1, camera="gone", is_final=True))
    assert [found["camera"] for found in board.events(10)] == ["gone"]
    assert board.counters("door").events == {}


def test_a_mark_is_told_and_the_list_has_changed(board: Board) -> None:
    board.put_event(event(1, is_final=True))
    before = board.live()["events_version"]
    assert board.events(1)[0]["marked"] is None
    board.set_marked("event1", None)
    assert board.events(1)[0]["marked"] == {"label": None}
    assert board.live()["events_version"] != before
    board.set_marked("unknown", "walk")
    assert len(board.events(10)) == 1


def test_the_model_is_told_without_its_label_for_none(clock: Clock) -> None:
    points = {"fall": OperatingPoint(probability=0.7, precision=0.9, recall=0.8), "walk": None}
    facts = ModelFacts(file="m.onnx", device="cpu", precision="int8", operating_points=points, none_label="_none")
    model = Board(LABELS, ["door"], model=facts, clock=clock).state()["model"]
    assert model["labels"] == ["walk", "fall"]
    assert model["operating_points"] == {"fall": {"probability": 0.7, "precision": 0.9, "recall": 0.8}}


def test_the_picture_is_the_sources_or_else_that_of_the_newest_answer(board: Board) -> None:
    newest = np.zeros((2, 2, 3), np.uint8)
    assert board.picture("door") is None
    answered = record(1)
    board.put_record("door", answered)
    assert board.picture("door") is answered.picture
    board.set_picture_source("door", lambda: newest)
    assert board.picture("door") is newest


def test_it_says_how_long_ago_the_loop_turned(board: Board, clock: Clock) -> None:
    assert board.seconds_since_alive() is None
    board.put_alive()
    clock.now += 12
    assert board.seconds_since_alive() == 12
    board.put_record("door", record(1))
    assert board.seconds_since_alive() == 0


def test_many_threads_lose_no_count(board: Board) -> None:
    answered = record(1, dropped_frames=1)

    def put() -> None:
        for number in range(300):
            board.put_record("door", answered)
            board.put_event(event(number, is_final=True))
            board.state()

    threads = [threading.Thread(target=put) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = board.counters("door")
    assert (found.windows, found.dropped_frames) == (1200, 1200)
