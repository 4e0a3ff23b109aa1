"""What Prometheus is told, read by its own client's parser, compared with what was put up."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from prometheus_client.parser import text_string_to_metric_families

from answered import answered_record
from vidcls.watch.board import Board, ModelFacts
from vidcls.watch.event import CameraEvent
from vidcls.watch.metrics import Metrics

LABELS = ("walk", 'a "fall"\n\\')  # labels come from whoever made the model


def samples(board: Board) -> dict[tuple[str, tuple[str, ...]], float]:
    """{(name, values of its labels, by their names): value}."""
    families = text_string_to_metric_families(Metrics(board).text().decode())
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.fixture
def board() -> Board:
    model = ModelFacts(file="m.onnx", device="cpu", precision="fp16")
    board = Board(LABELS, ["door", "hall"], model=model, temperature=lambda: 61.25)
    made = answered_record([0.0, 3.0], labels=LABELS, start=0.0)
    made.prediction.timing_ms["inference"] = 40.0
    board.put_connected("door", True)
    for lag in (0.2, 0.7, 3.0):
        board.put_record("door", replace(made, lag_seconds=lag, dropped_frames=5, dropped_windows=1, gap_seconds=0.5))
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    event = CameraEvent(
        id="1",
        camera="door",
        label=LABELS[1],
        state="final",
        start=moment,
        end=moment,
        start_seconds=0.0,
        end_seconds=0.0,
        peak_score=1.0,
        mean_score=1.0,
        detection_delay=0.0,
        coverage=1.0,
    )
    board.put_event(event)
    board.put_given_up({"webhook": 3, "mqtt": 0})
    return board


def test_every_count_is_the_boards(board: Board) -> None:
    found = samples(board)
    assert found["vidcls_windows_total", ("door",)] == 3
    assert found["vidcls_windows_total", ("hall",)] == 0
    assert found["vidcls_dropped_windows_total", ("door",)] == 3
    assert found["vidcls_dropped_frames_total", ("door",)] == 15
    assert found["vidcls_gaps_total", ("door",)] == 3
    assert found["vidcls_gap_seconds_total", ("door",)] == 1.5
    assert found["vidcls_events_total", ("door", LABELS[1])] == 1
    assert found["vidcls_given_up_events_total", ("webhook",)] == 3
    assert found["vidcls_given_up_events_total", ("mqtt",)] == 0
    assert found["vidcls_connected", ("door",)] == 1
    assert found["vidcls_connected", ("hall",)] == 0
    assert found["vidcls_lag_seconds", ("door",)] == 3.0
    assert ("vidcls_lag_seconds", ("hall",)) not in found  # nobody knows
    assert found["vidcls_temperature_celsius", ()] == 61.2
    assert found["vidcls_model_info", ("cpu", "m.onnx", "fp16")] == 1


def test_for_how_long_the_model_has_owed_an_answer_is_told() -> None:
    now = [50.0]
    board = Board(LABELS, ["door"], clock=lambda: now[0])
    board.put_unanswered(True)
    now[0] += 30
    board.put_unanswered(True)
    assert samples(board)["vidcls_unanswered_seconds", ()] == 30
    board.put_record("door", answered_record([0.0, 3.0], labels=LABELS, start=0.0))
    assert samples(board)["vidcls_unanswered_seconds", ()] == 0


def test_histograms_are_cumulative(board: Board) -> None:
    found = samples(board)
    lags = [found["vidcls_answer_lag_seconds_bucket", ("door", bound)] for bound in ("0.1", "0.25", "1.0", "5.0")]
    assert lags == [0, 1, 2, 3]
    assert found["vidcls_answer_lag_seconds_bucket", ("door", "+Inf")] == 3
    assert found["vidcls_answer_lag_seconds_count", ("door",)] == 3
    assert found["vidcls_answer_lag_seconds_sum", ("door",)] == pytest.approx(3.9)
    assert found["vidcls_inference_seconds_sum", ("door",)] == pytest.approx(0.12)
    assert found["vidcls_inference_seconds_bucket", ("door", "0.025")] == 0
    assert found["vidcls_inference_seconds_bucket", ("door", "0.05")] == 3


@pytest.mark.skipif(sys.platform != "linux", reason="the client library reads memory on Linux alone")
def test_resident_memory_is_told(board: Board) -> None:
    assert samples(board)["process_resident_memory_bytes", ()] > 10e6


def test_two_boards_do_not_meet(board: Board) -> None:
    other = Board(LABELS, ["door"])
    assert samples(other)["vidcls_windows_total", ("door",)] == 0
    assert samples(board)["vidcls_windows_total", ("door",)] == 3
