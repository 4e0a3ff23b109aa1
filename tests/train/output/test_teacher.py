"""A student beside its teacher: shares by hand, and a card that fits the kind of model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from generated import write_checkpoint, write_clip
from random_models import MAKERS
from vidcls.contract import Contract
from vidcls.evaluation.intervals import wilson_interval
from vidcls_train.data.clip_list import Clip, Footage
from vidcls_train.model.teacher import Teacher
from vidcls_train.output.card_teacher import teacher_section
from vidcls_train.output.scored import Scored
from vidcls_train.output.teacher import compare, cost
from vidcls_train.teacher_file import read_teacher

Make = Callable[..., Contract]

LABELS = ("jump", "swim", "wave")
MODEL = {
    "parameters": 1_230_000,
    "megabytes": 4.92,
    "engine": "PyTorch",
    "frames": 8,
    "crop_size": 112,
    "answer_ms": 7.0,
}


def scored(shown: list[tuple[str, ...]], logits: list[list[float]]) -> Scored:
    clips = [Clip(path=Path(f"{number}.mp4"), labels=labels, group=str(number)) for number, labels in enumerate(shown)]
    return Scored(clips=clips, logits=np.array(logits, np.float32), views=1, crops=1)


def metrics(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    fields = {
        "name": "large",
        "sha256": "ab" * 32,
        "base": None,
        "base_license": None,
        "weight": 0.9,
        "temperature": 2.0,
        "calibration_temperature": 1.5,
        "models": {"student": MODEL, "teacher": {**MODEL, "parameters": None, "engine": "onnxruntime"}},
        "val": row,
        "test": None,
    }
    return {"teacher": {**fields, **changes}}


def test_shares_and_their_difference_are_those_of_the_clips(contract: Make) -> None:
    answers = scored([("jump",), ("swim",), ("wave",), ("wave",)], [[2, 0, 0], [0, 2, 0], [0, 0, 2], [2, 0, 0]])
    taught = np.array([[2, 0, 0], [2, 0, 0], [0, 0, 2], [0, 0, 2]], np.float32)
    row = compare(answers, taught, contract(LABELS), temperature=1.5)
    assert row["videos"] == 4
    assert row["student"] == {"top1": 0.75, "interval": wilson_interval(3, 4)}
    assert row["teacher"] == {"top1": 0.75, "interval": wilson_interval(3, 4)}
    assert row["agreement"] == 0.5
    assert row["difference"][0] == 0.0
    assert row["difference"][1] < 0 < row["difference"][2]
    text = "\n".join(teacher_section(metrics(row, base_license="cc-by-nc-4.0")))
    assert "| student | 0.750 (0.30 to 0.95) | 8 x 112 px | 1.23 million | 4.9 | 7.0 | PyTorch |" in text
    assert "| teacher | 0.750 (0.30 to 0.95) | 8 x 112 px |  | 4.9 | 7.0 | onnxruntime |" in text
    assert "make 90% of the loss, softened by 2" in text
    assert "they give the same label to 0.500" in text
    assert "cc-by-nc-4.0; find out whether that rules out commercial use" in text


def test_labels_that_may_hold_together_are_compared_one_by_one(contract: Make) -> None:
    shown = [("jump", "wave"), ("swim",), (), ("jump",)]
    answers = scored(shown, [[2, -1, 1], [-1, 2, -2], [-1, -1, -1], [1, -1, -1]])
    taught = np.array([[2, -1, -1], [1, 2, -2], [-1, -1, -1], [-1, -1, 1]], np.float32)
    row = compare(answers, taught, contract(LABELS, activation="sigmoid"), temperature=1.5)
    targets = np.array([[label in labels for label in LABELS] for labels in shown])
    assert row["teacher"]["map"] == pytest.approx(average_precision_score(targets, taught))
    assert row["student"]["map"] == pytest.approx(average_precision_score(targets, answers.logits))
    assert row["agreement"] == pytest.approx(8 / 12)
    assert row["student"]["interval"] is None  # all right, however they are drawn
    assert row["teacher"]["interval"] is not None
    text = "\n".join(teacher_section(metrics(row)))
    assert "| | val mean average precision | input |" in text
    assert "they agree on 0.667 of all labels" in text


@pytest.mark.parametrize("family", MAKERS)
def test_a_student_of_each_family_is_timed_beside_its_teacher(family: str, contract: Make, tmp_path: Path) -> None:
    labels = contract().labels
    file = read_teacher(str(write_checkpoint(tmp_path / "teacher", labels=labels)))
    student, _ = MAKERS[family]()
    video = Footage(write_clip(tmp_path / "clip.mp4", frames=24, width=64, height=48))
    models = cost(student, Teacher(file, labels, device="cpu"), video, contract(), region=None)
    assert models["student"]["parameters"] == sum(weight.numel() for weight in student.parameters())
    assert min(model["answer_ms"] for model in models.values()) > 0


def test_without_a_teacher_a_card_says_nothing_of_one() -> None:
    assert teacher_section({"teacher": None}) == teacher_section({}) == []
