"""Timelines of models that can say that nothing known happens, and of models whose labels may hold together."""

from __future__ import annotations

import csv
import io
import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from click.testing import CliRunner

from answered import answered, answered_record
from generated import contract_fields, write_clip, write_model
from vidcls import Record, Segment, VideoClassifier
from vidcls.cli.main import main
from vidcls.contract import NEUTRAL, Decision, EventRule, OperatingPoint, Reject
from vidcls.decision import known
from vidcls.temporal.states import known_log_odds, present_probabilities, state_probabilities, states
from vidcls.temporal.timeline import segments

LABELS = ("fall", "walk", "_none")
WITH_NONE = replace(NEUTRAL, none_label="_none")
EVENTS = EventRule(on=0.6, off=0.4, min_seconds=0.0, change_cost=1.0, false_alarms_per_hour=None)

# Logits are float32, whose exponentials are even to about this.
ROUNDING = 1e-6


def reject(threshold: float, *, score: Literal["max_probability", "energy"] = "max_probability") -> Decision:
    return replace(NEUTRAL, reject=Reject(score=score, threshold=threshold, accepted=0.95, false_accepted=None))


def found(records: list[Record], *, seconds: float = 100.0, odds: float | None = None) -> list[Segment]:
    return list(segments(records, duration=lambda: seconds, change_odds=odds))


@pytest.mark.parametrize(
    "decision",
    [
        WITH_NONE,
        reject(0.6),
        reject(1.2, score="energy"),
        replace(reject(0.6), none_label="_none"),
        replace(reject(0.5), temperature=2.5),
        replace(reject(1.2, score="energy"), none_label="_none", temperature=0.4),
    ],
)
def test_none_is_the_most_probable_state_exactly_where_the_answer_is_not_known(decision: Decision) -> None:
    logits = np.random.default_rng(0).normal(0, 1.5, (2000, 3)).astype(np.float32)
    found = state_probabilities(logits, LABELS, decision)
    assert states(LABELS, decision)[-1] is None
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_array_equal(found.argmax(axis=1) != found.shape[1] - 1, known(logits, LABELS, decision))
    assert 0.1 < known(logits, LABELS, decision).mean() < 0.9


def test_a_window_right_at_the_threshold_is_even_between_its_best_label_and_none() -> None:
    logits = np.log([[0.5, 0.3, 0.2]])
    for decision in (reject(0.5), reject(float(np.log(np.exp(logits).sum())), score="energy")):
        best, _, _, none = state_probabilities(logits, LABELS, decision)[0]
        assert none == pytest.approx(best, abs=ROUNDING)
        assert known_log_odds(logits, LABELS, decision) == pytest.approx(0, abs=ROUNDING)


def test_of_a_none_label_the_state_has_its_calibrated_probability() -> None:
    logits = np.log([[0.5, 0.2, 0.3]])
    np.testing.assert_allclose(state_probabilities(logits, LABELS, WITH_NONE), [[0.5, 0.2, 0.3]], atol=ROUNDING)


def test_a_none_label_may_be_surer_than_a_float_can_say() -> None:
    decision = replace(NEUTRAL, none_label="none", temperature=0.05)
    found = state_probabilities(np.array([0.0, 1.0, 40.0]), ("fall", "walk", "none"), decision)
    np.testing.assert_allclose(found, [0, 0, 1], atol=1e-9)


def test_without_a_rule_the_states_are_the_labels_and_their_probabilities_the_models() -> None:
    logits = np.random.default_rng(0).normal(0, 2, (50, 3)).astype(np.float32)
    assert states(LABELS, NEUTRAL) == LABELS
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True).astype(np.float64))
    found = state_probabilities(logits, LABELS, NEUTRAL)
    np.testing.assert_allclose(found, exponentials / exponentials.sum(axis=1, keepdims=True))


def test_a_stretch_in_which_nothing_known_happens_has_no_label_and_leaves_no_gap() -> None:
    rows = [[0.9, 0.05, 0.05]] * 6 + [[0.1, 0.1, 0.8]] * 6 + [[0.1, 0.8, 0.1]] * 6
    for decision, last_score in ((WITH_NONE, 0.8), (replace(reject(0.5), none_label="_none"), 0.8)):
        stretches = found(answered(rows, labels=LABELS, decision=decision))
        assert [segment.label for segment in stretches] == ["fall", None, "walk"]
        assert [segment.known for segment in stretches] == [True, False, True]
        assert all(first.end == second.start for first, second in itertools.pairwise(stretches))
        # What people are given for a label is its calibrated probability, whatever the rule made of it.
        assert [segment.score for segment in stretches][::2] == pytest.approx([0.9, last_score], abs=ROUNDING)


def test_by_a_threshold_alone_windows_of_low_probability_are_nothing_known() -> None:
    rows = [[0.9, 0.05, 0.05]] * 6 + [[0.4, 0.3, 0.3]] * 6 + [[0.9, 0.05, 0.05]] * 6
    records = answered(rows, labels=("fall", "walk", "jump"), decision=reject(0.6))
    assert [segment.label for segment in found(records)] == ["fall", None, "fall"]
    assert [segment.label for segment in found(answered(rows, labels=("fall", "walk", "jump")))] == ["fall"]
    assert [record.known for record in records] == [True] * 6 + [False] * 6 + [True] * 6


def test_the_change_cost_is_the_contracts_unless_another_is_asked_for() -> None:
    rows = [[0.8, 0.1, 0.1]] * 4 + [[0.1, 0.8, 0.1]] * 3 + [[0.8, 0.1, 0.1]] * 4
    labels = ("fall", "walk", "jump")
    for events, count in (
        (replace(EVENTS, change_cost=1e6), 1),
        (EVENTS, 3),
        (None, 3),
    ):
        records = answered(rows, labels=labels, decision=replace(NEUTRAL, events=events))
        assert len(found(records)) == count
        assert len(found(records, odds=1e6)) == 1
        assert len(found(records, odds=1)) == 3


def sigmoid(**fields: Any) -> Decision:
    return replace(NEUTRAL, activation="sigmoid", **fields)


def test_labels_that_may_hold_together_have_segments_of_their_own() -> None:
    rows = np.full((24, 2), 0.05)
    rows[4:16, 0], rows[10:20, 1] = 0.9, 0.8
    stretches = found(answered(rows, labels=("fall", "cry"), decision=sigmoid()), seconds=12.5)
    # Window k is from k / 2 to k / 2 + 1 s: those of "fall" have their middles from 2.5 to 8.0 s.
    assert [(segment.label, segment.score) for segment in stretches] == [
        ("fall", pytest.approx(0.9, abs=ROUNDING)),
        ("cry", pytest.approx(0.8, abs=ROUNDING)),
    ]
    assert [segment.start for segment in stretches] == pytest.approx([2.25, 5.25], abs=0.25)
    assert [segment.end for segment in stretches] == pytest.approx([8.25, 10.25], abs=0.25)


def test_a_label_is_on_from_its_operating_point_and_never_where_the_answer_is_not_known() -> None:
    points = {"fall": OperatingPoint(probability=0.7, precision=0.9, recall=0.8), "cry": None}
    logits = np.array([[np.log(0.7 / 0.3), 0.0], [4.0, 3.0]])
    even = present_probabilities(logits, ("fall", "cry"), sigmoid(operating_points=points))
    np.testing.assert_allclose(even[0], [0.5, 0.5], atol=ROUNDING)
    rule = Reject(score="energy", threshold=9.0, accepted=0.95, false_accepted=None)
    assert (present_probabilities(logits, ("fall", "cry"), sigmoid(reject=rule)) < 0.5).all()
    # And with that for a while, nothing is found at all.
    assert found([answered_record([4.0, 3.0], labels=("fall", "cry"), decision=sigmoid(reject=rule), start=0)]) == []


@pytest.fixture(scope="module")
def rejecting(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model that knows nothing of a video, and the video."""
    folder = tmp_path_factory.mktemp("rejecting")
    fields = contract_fields()
    fields["decision"]["reject"] = {
        "score": "energy",
        "threshold": 1000.0,
        "accepted": 0.95,
        "false_accepted": None,
    }
    return write_model(folder / "model.onnx", fields), write_clip(folder / "clip.mp4", frames=60, rate=30)


def test_the_command_prints_such_a_stretch_in_every_form(rejecting: tuple[Path, Path], tmp_path: Path) -> None:
    model, video = rejecting

    def said(*options: str) -> str:
        result = CliRunner().invoke(main, ["timeline", str(model), str(video), *options])
        assert result.exit_code == 0, result.output
        return result.stdout

    (segment,) = VideoClassifier(model, device="cpu").timeline(video)
    assert segment.label is None
    assert json.loads(said("--json")) == {"start": 0, "end": segment.end, "label": None, "score": segment.score}
    (row,) = csv.DictReader(io.StringIO(said("--csv")))
    assert row["label"] == ""
    assert said("--srt") == ""
    assert said("--plot", str(tmp_path / "plot.png")).split()[-1] == "-"
    assert (tmp_path / "plot.png").is_file()
