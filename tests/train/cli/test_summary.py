"""What a finished training prints of its decision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vidcls_train.cli.summary import print_summary


def split(**changes: Any) -> dict[str, Any]:
    row = {
        "videos": 40,
        "views": 1,
        "crops": 1,
        "top1": 0.75,
        "top1_interval": [0.6, 0.86],
        "top5": 1.0,
        "top5_interval": [0.91, 1.0],
        "map": None,
        "map_interval": None,
        "calibration": {"error": 0.12, "expected_error": 0.1},
    }
    return row | changes


def metrics(**decision: Any) -> dict[str, Any]:
    fields = {"temperature": 1.3, "reject": None, "operating_points": None}
    return {
        "val": split(),
        "test": None,
        "test_multiview": None,
        "baselines": None,
        "decision": {"decision": fields | decision, "temperature_interval": [1.0, 1.7], "negatives": None},
        "unreadable": [],
        "region": None,
    }


def printed(fields: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> str:
    print_summary(fields, Path("out"))
    return capsys.readouterr().out


def test_the_decision_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert "decision, fitted on val: temperature 1.30 (1.00 to 1.70)\n" in printed(metrics(), capsys)
    point = {"probability": 0.8, "precision": 0.9, "recall": 0.5}
    reject = {"score": "max_probability", "threshold": 0.41, "accepted": 0.95, "false_accepted": None}
    told = printed(metrics(reject=reject, operating_points={"jump": point, "wave": None}), capsys)
    assert (
        "decision, fitted on val: temperature 1.30 (1.00 to 1.70), known from max probability 0.41, "
        "operating points for 1 of 2 labels, which on val find 0.50 of their clips at a precision of 0.90 or more\n"
    ) in told


def test_a_region_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert "region" not in printed(metrics(), capsys)
    told = printed(metrics() | {"region": [0.5, 0.0, 1.0, 1.0]}, capsys)
    assert "every clip was cut to the region 0.5,0,1,1, which the model does not remember" in told


def test_negatives_are_told_with_their_interval(capsys: pytest.CaptureFixture[str]) -> None:
    fields = metrics()
    fields["decision"]["negatives"] = {
        "videos": 20,
        "unreadable": [{"video": "a.mp4", "message": "a.mp4: is empty"}],
        "falsely_accepted": 0.25,
        "falsely_accepted_interval": [0.11, 0.47],
    }
    told = printed(fields, capsys)
    assert "of 20 negatives 0.25 (0.11 to 0.47) are taken for one of the labels\n" in told
    assert "1 negatives cannot be read" in told


def test_labels_that_may_hold_together_have_a_mean_average_precision(capsys: pytest.CaptureFixture[str]) -> None:
    fields = metrics()
    fields["val"] = split(top1=None, top5=None, map=0.61, map_interval=[0.5, 0.7])
    fields["val"]["without_copies"] = {"videos": 30, "top1": None, "map": 0.58, "map_interval": [0.41, 0.7]}
    told = printed(fields, capsys)
    assert "val  mean average precision 0.6100 (0.50 to 0.70) on 40 videos" in told
    assert "without clips whose footage was trained on: 0.5800 (0.41 to 0.70) on 30" in told
    assert "top-1" not in told


@pytest.mark.parametrize("point", [None, [0.61, 0.61]])  # the second of earlier versions
def test_an_interval_that_is_not_known_is_left_out(
    point: list[float] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    fields = metrics()
    fields["val"] = split(top1=None, top5=None, map=0.61, map_interval=point)
    both = {"map": 0.61, "interval": point}
    row = {"videos": 40, "student": both, "teacher": both, "agreement": 0.9}
    models = {who: {"megabytes": 1.0, "answer_ms": 5.0} for who in ("student", "teacher")}
    told = printed(fields | {"teacher": {"test": None, "val": row, "models": models}}, capsys)
    assert "val  mean average precision 0.6100 on 40 videos" in told
    assert "mean average precision 0.6100, the student's 0.6100; they agree" in told


def test_every_accuracy_has_its_interval(capsys: pytest.CaptureFixture[str]) -> None:
    fields = metrics()
    fields["val"]["without_copies"] = {"videos": 30, "top1": 0.7, "top1_interval": [0.52, 0.83]}
    fields["baselines"] = {"majority": {"videos": 40, "top1": 0.25, "top1_interval": [0.14, 0.4]}}
    student, teacher = {"top1": 0.75, "interval": [0.6, 0.86]}, {"top1": 0.8, "interval": [0.65, 0.9]}
    row = {"videos": 40, "student": student, "teacher": teacher, "agreement": 0.9}
    models = {who: {"megabytes": 1.0, "answer_ms": 5.0} for who in ("student", "teacher")}
    told = printed(fields | {"teacher": {"test": None, "val": row, "models": models}}, capsys)
    assert "val  top-1 0.7500 (0.60 to 0.86), top-5 1.0000 (0.91 to 1.00) on 40 videos" in told
    assert "without clips whose footage was trained on: 0.7000 (0.52 to 0.83) on 30\n" in told
    assert "test top-1 without looking at pictures: majority 0.2500 (0.14 to 0.40)\n" in told
    assert "top-1 0.8000 (0.65 to 0.90), the student's 0.7500 (0.60 to 0.86); they agree" in told


@pytest.mark.parametrize(
    ("shown_by", "who"),
    [
        ("pipeline", "transformers' own pipeline shows"),
        ("VJEPA2ForVideoClassification", "VJEPA2ForVideoClassification, called by itself, shows"),
    ],
)
def test_what_all_tokens_answer_is_told(shown_by: str, who: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "tokens" not in printed(metrics() | {"all_tokens": None}, capsys)
    compared = {"share": 0.25, "videos": 40, "top1_agreement": 0.9, "mean_abs_logit_diff": 0.123, "shown_by": shown_by}
    told = printed(metrics() | {"all_tokens": compared}, capsys)
    assert (
        f"the encoder sees 0.25 of the tokens; {who} it all of them, and answers otherwise: the same label on " in told
    )
    assert "on 0.90 of 40 val videos, logits off by 0.123 in the mean\n" in told
