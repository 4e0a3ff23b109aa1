"""A run on clips with any number of labels, from a CSV to the answer of the SDK."""

from __future__ import annotations

import dataclasses
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import VideoMAEForVideoClassification

from answered import answered_prediction
from generated import write_clip
from vidcls.clips import read_clips
from vidcls.contract import Contract, read_checkpoint
from vidcls.prediction import Prediction
from vidcls.preprocessing import normalise
from vidcls.progress import untracked
from vidcls_train.finetune import _plan, _trainer
from vidcls_train.output.checkpoint import write_weights
from vidcls_train.trainer.selection import best_row

# The logits that are known to be 0.638, 0.518, 0.529 and 0.436 as probabilities.
KNOWN = (0.5676, 0.0710, 0.1176, -0.2571), (0.638, 0.518, 0.529, 0.436)
THREE_DIGITS = 5e-4
SINGLE_PRECISION = 1e-6

SETTINGS: dict[str, Any] = {
    "preset": "tiny",
    "epochs": 2,
    "batch_size": 6,
    "learning_rate": 1e-3,
    "frames": 4,
    "image_size": 32,
    "clip_seconds": 0.5,
    "device": "cpu",
    "workers": 0,
    "mixup": 0.8,
    "label_smoothing": 0.1,
    "allow_duplicates": True,  # all clips are of the same painted numbers
}
ROWS = ["a|b", "a", "", "b|c", "c", "a|c", "", "b"]


def write_table(folder: Path, *, column: str, shown: list[str]) -> Path:
    rows = []
    for split in ("train", "val"):
        for number, labels in enumerate(shown):
            clip = write_clip(folder / split / f"{number}.mp4", frames=20 + number, width=64, height=48)
            rows.append(f"{clip.relative_to(folder)},{labels},{split}\n")
    table = folder / "clips.csv"
    table.write_text(f"path,{column},split\n" + "".join(rows), encoding="utf-8")
    return table


def trained(table: Path, output: Path, **changes: Any) -> tuple[Contract, list[dict[str, Any]]]:
    """The contract beside the weights of a run, and its history."""
    plan = _plan({"data": str(table), "output": output, **SETTINGS, **changes}, untracked)
    trainer = _trainer(plan)
    trainer.fit(plan.config, on_epoch=lambda _: None, callbacks=())
    trainer.keep_best()
    return write_weights(output, trainer, plan.contract, plan.prepared, clips=None), trainer.state.log_history


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[dict[str, Any]]]:
    """The CSV, the folder and the history of a run."""
    folder = tmp_path_factory.mktemp("several")
    table = write_table(folder, column="labels", shown=ROWS)
    return table, folder / "run", trained(table, folder / "run", class_weights="balanced")[1]


def test_checkpoint_and_contract_say_that_labels_may_hold_together(run: tuple[Path, Path, Any]) -> None:
    _, output, history = run
    config = json.loads((output / "config.json").read_text(encoding="utf-8"))
    assert config["problem_type"] == "multi_label_classification"
    contract = read_checkpoint(output)
    assert contract.labels == ("a", "b", "c")
    assert (contract.decision.activation, contract.decision.none_label) == ("sigmoid", None)
    validations = [row for row in history if "eval_map" in row]
    assert len(validations) == 2
    assert not any("eval_accuracy" in row for row in history)
    kept = best_row(history)
    assert kept is not None
    assert kept["eval_map"] == max(row["eval_map"] for row in validations)


def test_the_answer_is_the_one_that_transformers_gives(run: tuple[Path, Path, Any]) -> None:
    _, output, _ = run
    contract = read_checkpoint(output)
    model = VideoMAEForVideoClassification.from_pretrained(output).eval()
    clip = output.parent / "val" / "3.mp4"
    clips = read_clips(clip, contract)
    with torch.inference_mode():
        logits = model(pixel_values=torch.from_numpy(normalise(clips.frames, contract.image))).logits[0]
    expected = torch.sigmoid(logits).numpy()
    assert answer(logits.numpy(), contract).probabilities == pytest.approx(expected, abs=SINGLE_PRECISION)


def answer(logits: np.ndarray, contract: Contract) -> Prediction:
    return answered_prediction(logits, labels=contract.labels, decision=contract.decision)


def test_known_logits_give_known_probabilities(run: tuple[Path, Path, Any]) -> None:
    contract = dataclasses.replace(read_checkpoint(run[1]), labels=("a", "b", "c", "d"))
    logits, expected = KNOWN
    prediction = answer(np.array(logits, np.float32), contract)
    assert prediction.probabilities == pytest.approx(expected, abs=THREE_DIGITS)
    assert prediction.labels_present == ("a", "b", "c")


@pytest.mark.usefixtures("without_pictures")
def test_a_base_follows_the_data_and_says_so(
    run: tuple[Path, Path, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="vidcls.train")
    changes = {"base": str(run[1]), "preset": None, "frames": None, "image_size": None, "max_steps": 1}
    trained(run[0], tmp_path / "again", **changes)
    assert "any number" not in caplog.text
    table = write_table(tmp_path / "single", column="label", shown=["a", "b", "c", "_none"])
    contract, history = trained(table, tmp_path / "single run", **changes)
    assert "run: was trained for any number of labels a clip; the data has one each" in caplog.text
    assert (contract.decision.activation, contract.decision.none_label) == ("softmax", "_none")
    config = json.loads((tmp_path / "single run" / "config.json").read_text(encoding="utf-8"))
    assert config["problem_type"] == "single_label_classification"
    assert config["id2label"] == {"0": "_none", "1": "a", "2": "b", "3": "c"}
    assert "eval_accuracy" in history[-2]


@pytest.mark.usefixtures("without_pictures")
def test_one_label_is_trained_from_stretches_of_long_videos(tmp_path: Path) -> None:
    rows = []
    for split in ("train", "val"):
        write_clip(tmp_path / f"{split}.mp4", frames=255, rate=25, width=64, height=48)
        rows += [f"{split}.mp4,{start},{start + 1.5},jump,{split}" for start in (1.5, 5)]
    (tmp_path / "rows.csv").write_text("video,start,end,label,split\n" + "\n".join(rows), encoding="utf-8")
    contract, _ = trained(tmp_path / "rows.csv", tmp_path / "run", max_steps=1)
    assert (contract.labels, contract.decision.none_label) == (("_none", "jump"), "_none")
    assert contract.source.data == {"train": 4, "val": 4, "test": 0}
