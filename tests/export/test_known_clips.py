"""Evidence and what the model knows: clips of its training apart, negatives measured, the decision kept."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from generated import LABELS, write_scene
from vidcls import ModelError, VideoClassifier
from vidcls.evaluation.calibration import expected_error
from vidcls.evaluation.curves import auroc
from vidcls.evaluation.intervals import wilson_interval
from vidcls.fingerprint import encode, fingerprint_of
from vidcls_export.cli import main
from vidcls_export.exporter import export
from vidcls_export.report import report_fields, report_lines

Edit = Callable[..., None]
NO_RULE = {
    "activation": "softmax",
    "temperature": 0.5,
    "none_label": None,
    "reject": None,
    "operating_points": None,
    "events": None,
    "fitted_on": {"split": "val", "videos": 31, "views": 1, "crops": 1, "precision": "fp32"},
}


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def decide(folder: Path, edit_json: Edit, *, clips: dict[str, list[Path]] | None = None, **decision: Any) -> Path:
    """The checkpoint with these fields of its decision, which knows these clips."""
    path = folder / "vidcls.json"
    source = json.loads(path.read_text(encoding="utf-8"))["source"]
    if clips is not None:
        known = {split: encode([fingerprint_of(clip) for clip in videos]) for split, videos in clips.items()}
        source["clips"] = {"algorithm": "dct-1", **known}
    edit_json(path, source=source, decision=NO_RULE | decision)
    return folder


def rule(threshold: float) -> dict[str, Any]:
    return {"score": "max_probability", "threshold": threshold, "accepted": 0.95, "false_accepted": None}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Eight clips of different places in folders of labels."""
    folder = tmp_path_factory.mktemp("scenes")
    return [
        write_scene(folder / LABELS[place % 4] / f"{place}.mp4", place=place, frames=20, size=(80, 60))
        for place in range(8)
    ]


@pytest.fixture(scope="module")
def none(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Five clips of other places, at any depth of a folder."""
    folder = tmp_path_factory.mktemp("none")
    return [
        write_scene(folder / str(place % 2) / f"{place}.mp4", place=place, frames=20, size=(80, 60))
        for place in range(20, 25)
    ]


def test_a_check_gives_the_accuracy_and_calibration_of_new_clips_alone(
    copied: Path, edit_json: Edit, scenes: list[Path], tmp_path: Path
) -> None:
    decide(copied, edit_json, clips={"train": scenes[:3], "val": scenes[3:4]})
    report = export(copied, tmp_path / "model.onnx", check=scenes[0].parents[1])
    classifier = VideoClassifier(report.path, device="cpu")
    predictions = [classifier.predict(clip) for clip in scenes]
    right = np.array(
        [prediction.label == clip.parent.name for prediction, clip in zip(predictions, scenes, strict=True)]
    )
    parity, fields = report.contract.parity, report_fields(report)
    assert parity is not None
    assert (parity.videos, fields["clips"]) == (8, {"new": 4, "trained_on": 3, "chosen_by": 1})
    assert parity.accuracy_onnx == fields["accuracy_onnx"] == right[4:].mean()
    assert report.parts is not None
    assert report.parts.trained_on is not None
    assert report.parts.trained_on.top1 == right[:3].mean()
    chances = np.stack([prediction.probabilities for prediction in predictions[4:]])
    true = chances[np.arange(4), [LABELS.index(clip.parent.name) for clip in scenes[4:]]]
    assert fields["calibration"]["log_loss"] == pytest.approx(-np.log(true).mean())
    assert fields["calibration"]["expected_error"] == pytest.approx(expected_error(chances.max(axis=1)))
    assert classifier.contract.decision.temperature == 0.5
    assert classifier.contract.source.clips == report.contract.source.clips is not None


def test_where_no_clip_is_new_there_is_no_accuracy(
    copied: Path, edit_json: Edit, scenes: list[Path], tmp_path: Path
) -> None:
    decide(copied, edit_json, clips={"train": scenes, "val": []})
    result = run(copied, "-o", tmp_path / "model.onnx", "--check", scenes[0].parents[1])
    assert re.search(r"accuracy +unknown  no video is new to the model", result.stdout)
    assert "counted apart: 8 videos that the model was trained on, accuracy " in result.stdout
    parity = VideoClassifier(tmp_path / "model.onnx", device="cpu").contract.parity
    assert parity is not None
    assert (parity.accuracy_pytorch, parity.accuracy_onnx, parity.top1_agreement) == (None, None, 1.0)


def test_negatives_are_measured_by_the_checkpoints_rule_and_stored(
    copied: Path, edit_json: Edit, scenes: list[Path], none: list[Path], tmp_path: Path
) -> None:
    classifier = VideoClassifier(export(decide(copied, edit_json), tmp_path / "plain.onnx").path, device="cpu")
    scores = sorted(classifier.predict(clip).score for clip in none)
    decide(copied, edit_json, clips={"train": scenes, "val": []}, reject=rule((scores[1] + scores[2]) / 2))
    report = export(copied, tmp_path / "model.onnx", negatives=none[0].parents[1])
    low, high = wilson_interval(3, 5)
    expected = {"videos": 5, "known": 0, "failed": 0, "falsely_accepted": 0.6, "interval": (low, high), "auroc": None}
    assert report_fields(report)["negatives"] == expected
    reject = VideoClassifier(tmp_path / "model.onnx", device="cpu").contract.decision.reject
    assert reject is not None
    assert (reject.false_accepted, reject.accepted) == (0.6, 0.95)
    text = "\n".join(report_lines(report, checked=None))
    assert f"of 5 videos that show none of the labels, 0.6000 ({low:.2f} to {high:.2f}) are taken for one" in text


def test_negatives_of_a_model_with_a_class_for_them(
    copied: Path, edit_json: Edit, none: list[Path], tmp_path: Path
) -> None:
    decide(copied, edit_json, none_label="wave")
    report = export(copied, tmp_path / "model.onnx", negatives=none[0].parents[1])
    classifier = VideoClassifier(report.path, device="cpu")
    accepted = np.mean([classifier.predict(clip).logits.argmax() != LABELS.index("wave") for clip in none])
    assert report.negatives is not None
    assert report.negatives.falsely_accepted == accepted
    assert report.contract.decision.reject is None  # nothing is fitted


def test_without_a_rule_nothing_is_stored_and_the_scores_are_compared(
    copied: Path, edit_json: Edit, scenes: list[Path], none: list[Path], tmp_path: Path
) -> None:
    decide(copied, edit_json, clips={"train": scenes[:3], "val": none[:1]})
    options = ["--check", scenes[0].parents[1], "--negatives", none[0].parents[1]]
    text = run(copied, "-o", tmp_path / "model.onnx", *options).stdout
    classifier = VideoClassifier(tmp_path / "model.onnx", device="cpu")
    scores = np.array([classifier.predict(clip).score for clip in [*scenes[3:], *none[1:]]])
    area = auroc(scores, np.arange(9) < 5)
    assert f"a clip with a label scores above one without in {area:.4f} of pairs (AUROC)" in text
    assert "the file has no rule against that; vidcls-train fits one" in text
    assert "1 videos without a label are not counted: the model knows them" in text
    assert classifier.contract.decision.reject is None


def test_negatives_that_the_model_knows_or_that_cannot_be_read_are_refused(
    copied: Path, edit_json: Edit, none: list[Path], tmp_path: Path
) -> None:
    decide(copied, edit_json, clips={"train": none, "val": []})
    with pytest.raises(ModelError, match="all 5 videos of --negatives are among those that the model was trained on"):
        export(copied, tmp_path / "model.onnx", negatives=none[0].parents[1])
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.mp4").write_bytes(b"not a video")
    with pytest.raises(ModelError, match="not one of the 1 videos of --negatives could be read"):
        export(copied, tmp_path / "model.onnx", negatives=tmp_path / "broken")
    assert not (tmp_path / "model.onnx").exists()
    run(copied, "-o", tmp_path / "model.onnx", "--negatives", tmp_path / "nowhere", code=2)


def test_clips_of_none_of_the_labels_among_those_to_check_on_have_no_class(
    copied: Path, edit_json: Edit, scenes: list[Path], none: list[Path], tmp_path: Path
) -> None:
    decide(copied, edit_json)
    folder = tmp_path / "clips"
    for clip, label in [(scenes[0], LABELS[0]), (none[0], "_none")]:
        (folder / label).mkdir(parents=True)
        (folder / label / "clip.mp4").write_bytes(clip.read_bytes())
    report = export(copied, tmp_path / "model.onnx", check=folder)
    assert report.parts is not None
    new = report.parts.new
    assert (new.scores and new.scores.videos, new.negatives and new.negatives["videos"]) == (1, 1)
    assert report.counts is None
