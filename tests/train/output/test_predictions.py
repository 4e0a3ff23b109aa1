"""predictions.csv holds every answer exactly, so that a decision can be fitted anew from it."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from vidcls.contract import Contract, OperatingPoint, Reject
from vidcls_train.data.clip_list import Clip
from vidcls_train.output.negatives import Negatives
from vidcls_train.output.predictions import write_predictions
from vidcls_train.output.scored import Scored

Make = Callable[..., Contract]
Score = Callable[..., Scored]

LABELS = ("jump", "swim", "wave")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_answer_is_there_with_its_exact_logits(
    contract: Make, scored: Score, negatives: Negatives, tmp_path: Path
) -> None:
    val, test = scored(LABELS, 4), scored(LABELS, 2, seed=1)
    own = contract()
    rule = Reject(score="max_probability", threshold=0.6, accepted=0.95, false_accepted=None)
    decided = dataclasses.replace(own, decision=dataclasses.replace(own.decision, temperature=2.0, reject=rule))
    path = tmp_path / "predictions.csv"
    write_predictions(path, decided, val=val, test=test, negatives=negatives)
    rows = rows_of(path)
    assert list(rows[0]) == ["split", "video", "label", "predicted", "score", "known", "logits"]
    assert [row["split"] for row in rows] == ["val"] * 12 + ["test"] * 6 + ["negatives"] * 40
    logits = np.array([json.loads(row["logits"]) for row in rows], np.float32)
    np.testing.assert_array_equal(logits, np.concatenate([val.logits, test.logits, negatives.logits]))
    for row, own_logits in zip(rows, logits.astype(float), strict=True):
        shares = np.exp(own_logits / 2) / np.exp(own_logits / 2).sum()
        assert (row["predicted"], row["score"]) == (LABELS[shares.argmax()], f"{shares.max():.6f}")
        assert row["known"] == ("true" if shares.max() >= 0.6 else "false")
    assert [row["label"] for row in rows[:12]] == [clip.label for clip in val.clips]
    assert {row["label"] for row in rows[18:]} == {""}
    assert {row["known"] for row in rows} == {"true", "false"}


def test_of_labels_that_hold_together_all_that_reach_their_threshold_are_predicted(
    contract: Make, tmp_path: Path
) -> None:
    own = contract(activation="sigmoid")
    points = {"jump": OperatingPoint(probability=0.9, precision=0.9, recall=0.5), "swim": None}
    decided = dataclasses.replace(own, decision=dataclasses.replace(own.decision, operating_points=points))
    logits = np.array([[2.0, 0.1, 3.0], [2.5, -0.1, -3.0], [-1, -1, -1]], np.float32)
    clips = [Clip(path=Path(f"{number}.mp4"), labels=("jump",), group="") for number in range(3)]
    val = Scored(clips=clips, logits=logits, views=1, crops=1)
    path = tmp_path / "predictions.csv"
    write_predictions(path, decided, val=val, test=None, negatives=None)
    assert [row["predicted"] for row in rows_of(path)] == ["swim|wave", "jump", ""]


def test_names_that_a_spreadsheet_would_run_are_harmless(contract: Make, tmp_path: Path) -> None:
    labels = ("=1+1", "jump")
    clips = [Clip(path=Path("@a.mp4"), labels=("=1+1",), group="")]
    val = Scored(clips=clips, logits=np.array([[1.0, 0.0]], np.float32), views=1, crops=1)
    path = tmp_path / "predictions.csv"
    write_predictions(path, contract(labels), val=val, test=None, negatives=None)
    (row,) = rows_of(path)
    assert (row["label"], row["predicted"], row["video"]) == ("'=1+1", "'=1+1", "'@a.mp4")
