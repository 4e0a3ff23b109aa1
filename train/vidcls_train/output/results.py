"""What a finished run leaves behind: its figures, and the checkpoint folder."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from transformers import Trainer

from vidcls.contract import CHECKPOINT_FILE, Accuracy, Contract, to_json
from vidcls.evaluation.metrics import score_logits, wilson_interval
from vidcls.evaluation.report import write_pictures
from vidcls.prediction import softmax
from vidcls.video.reader import source_name
from vidcls_train.audit.check import Checked
from vidcls_train.data.preparation import Prepared
from vidcls_train.data.sources import SPLITS, Clip
from vidcls_train.model.build import image_processor
from vidcls_train.model.contrast import sees_contrast_alone
from vidcls_train.output.card import model_card
from vidcls_train.output.pictures import write_curves
from vidcls_train.output.scoring import all_logits
from vidcls_train.trainer.selection import best_row

METRICS_FILE = "metrics.json"

# The paper's evaluation: 5 windows of 3 crops each.
_MULTI_VIEWS, _MULTI_CROPS = 5, 3


@dataclass(frozen=True, kw_only=True, eq=False)
class Results:
    """A run's figures, and the answers that its pictures are drawn of.

    metrics: what metrics.json holds. split: of the answers, "test" or, where there is none, "val".
    logits: float32 [clips, labels], of one view per clip.
    """

    metrics: dict[str, Any]
    split: str
    clips: list[Clip]
    logits: npt.NDArray[np.float32]


def measure(
    trainer: Trainer,
    prepared: Prepared,
    contract: Contract,
    checked: Checked,
    *,
    seconds: float,
) -> Results:
    """Accuracy of the kept model, per video; the test videos are looked at here and only here.

    seconds: that the training took.
    """
    crops = 1 if contract.image.resize == "stretch" else _MULTI_CROPS

    def logits_of(clips: Sequence[Clip], *, views: int, crops: int, label: str) -> npt.NDArray[np.float32] | None:
        if not clips:
            return None
        paths = [clip.path for clip in clips]
        return all_logits(trainer.model, paths, contract, views=views, crops=crops, label=label)

    def scores(split: str, logits: npt.NDArray[np.float32] | None, *, views: int, crops: int) -> dict[str, Any] | None:
        if logits is None:
            return None
        fields = {**_scores(getattr(prepared, split), logits, contract), "views": views, "crops": crops}
        copies = set(checked.copies[split])
        apart = [index for index, clip in enumerate(getattr(prepared, split)) if clip.path not in copies]
        if copies and apart:
            without = _scores([getattr(prepared, split)[index] for index in apart], logits[apart], contract)
            fields["without_copies"] = {name: without[name] for name in ("videos", "top1", "top5", "top1_interval")}
        return fields

    val = logits_of(prepared.val, views=1, crops=1, label="scoring val")
    test = logits_of(prepared.test, views=1, crops=1, label="scoring test")
    many = logits_of(
        prepared.test, views=_MULTI_VIEWS, crops=crops, label=f"scoring test, {_MULTI_VIEWS} x {crops} views"
    )
    best = best_row(trainer.state.log_history)
    metrics = {
        "labels": list(contract.labels),
        "val": scores("val", val, views=1, crops=1),
        "test": scores("test", test, views=1, crops=1),
        "test_multiview": scores("test", many, views=_MULTI_VIEWS, crops=crops),
        "baselines": _baselines(prepared, checked),
        "train": {
            "videos": len(prepared.train),
            "epochs": trainer.state.epoch,
            "steps": trainer.state.global_step,
            "best_step": None if best is None else best["step"],
            "seconds": seconds,
            "patch_levels": not sees_contrast_alone(trainer.model),
            "history": trainer.state.log_history,
        },
        "pretraining": None,  # of runs that earlier versions made
        "data": _data(checked),
        "unreadable": [
            *({"video": row["video"], "message": row["message"]} for row in checked.report.unreadable),
            *prepared.unreadable,
        ],
    }
    split, logits = ("test", test) if test is not None else ("val", val)
    assert logits is not None  # noqa: S101 - there is no training without val
    return Results(metrics=metrics, split=split, clips=getattr(prepared, split), logits=logits)


def _scores(clips: Sequence[Clip], logits: npt.NDArray[np.float32], contract: Contract) -> dict[str, Any]:
    return dataclasses.asdict(
        score_logits(logits, [contract.labels.index(clip.label) for clip in clips], contract.labels)
    )


def _baselines(prepared: Prepared, checked: Checked) -> dict[str, Any] | None:
    """What is right on the test clips without looking at a picture; None without test clips.

    majority: always the most frequent label of train. metadata: a random forest on the files' encodings.
    """
    if not prepared.test:
        return None
    common = Counter(clip.label for clip in prepared.train).most_common(1)[0][0]
    guesses = {"majority": [common] * len(checked.splits.test)}
    if checked.guesses is not None:
        guesses["metadata"] = checked.guesses
    return {name: _share_right(checked.splits.test, labels) for name, labels in guesses.items()}


def _share_right(clips: Sequence[Clip], guesses: Sequence[str]) -> dict[str, Any]:
    right = sum(clip.label == guess for clip, guess in zip(clips, guesses, strict=True))
    return {"videos": len(clips), "top1": right / len(clips), "top1_interval": wilson_interval(right, len(clips))}


def _data(checked: Checked) -> dict[str, Any]:
    report = checked.report
    return {
        "counts": report.counts,
        "split_here": report.split_here,
        "groups": report.groups,
        "pairs": report.pair_counts,
        "copies": {split: [str(path) for path in paths] for split, paths in checked.copies.items()},
        "findings": [dataclasses.asdict(finding) for finding in report.findings],
    }


def write_weights(output: Path, trainer: Trainer, contract: Contract, prepared: Prepared) -> Contract:
    """Write weights, configuration and contract into `output`; returns the contract, accuracy still missing."""
    trainer.model.save_pretrained(output)
    image_processor(contract.image).save_pretrained(output)
    counts = {split: len(getattr(prepared, split)) for split in SPLITS}
    weights = (output / "model.safetensors").read_bytes()
    source = dataclasses.replace(contract.source, checkpoint_sha256=hashlib.sha256(weights).hexdigest(), data=counts)
    trained = dataclasses.replace(contract, source=source)
    _write_contract(output, trained)
    return trained


def write_results(output: Path, trainer: Trainer, contract: Contract, results: Results) -> None:
    """Write metrics, predictions, the contract with its accuracy, model card and pictures into `output`."""
    metrics = results.metrics
    (output / METRICS_FILE).write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    test = metrics["test"]
    accuracy = None
    if test is not None:
        accuracy = Accuracy(split="test", **{name: test[name] for name in ("videos", "views", "crops", "top1", "top5")})
    final = dataclasses.replace(contract, accuracy=accuracy)
    _write_contract(output, final)
    (output / "README.md").write_text(model_card(final, metrics, name=output.name), encoding="utf-8")
    _write_predictions(output / "predictions.csv", results, contract)
    write_curves(trainer.state.log_history, output / "curves.png")
    write_pictures(
        output,
        name=results.split,
        videos=[clip.path for clip in results.clips],
        logits=results.logits,
        class_ids=[contract.labels.index(clip.label) for clip in results.clips],
        contract=contract,
    )


def _write_predictions(path: Path, results: Results, contract: Contract) -> None:
    probabilities = softmax(results.logits)
    rows = [
        [results.split, source_name(clip.path), clip.label, contract.labels[row.argmax()], f"{row.max():.6f}"]
        for clip, row in zip(results.clips, probabilities, strict=True)
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["split", "video", "label", "predicted", "score"], *rows])


def _write_contract(output: Path, contract: Contract) -> None:
    (output / CHECKPOINT_FILE).write_text(to_json(contract) + "\n", encoding="utf-8")
