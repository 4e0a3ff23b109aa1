"""A trained model and its figures -> the checkpoint folder."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
from pathlib import Path

from transformers import Trainer

from vidcls.contract import CHECKPOINT_FILE, Accuracy, Contract, to_json
from vidcls.decision import probabilities
from vidcls.evaluation.report import write_pictures
from vidcls.files.atomic import whole_files, write_whole
from vidcls.printable import csv_cell
from vidcls.video.source import source_name
from vidcls_train.data.clip_list import SPLITS
from vidcls_train.data.preparation import PreparedClips
from vidcls_train.model.image_section import image_processor
from vidcls_train.output.metrics import Results
from vidcls_train.output.model_card import model_card
from vidcls_train.output.pictures import write_curves

METRICS_FILE = "metrics.json"


def write_weights(output: Path, trainer: Trainer, contract: Contract, prepared: PreparedClips) -> Contract:
    """Write weights, configuration and contract into a folder.

    Args:
        output: the folder; made if missing.
        trainer: with the kept weights.
        contract: the run's, whose checkpoint hash and counts of videos are still to be filled in.
        prepared: the readable clips by split.

    Returns:
        the contract with both, its accuracy still missing.
    """
    with whole_files(output) as scratch:
        trainer.model.save_pretrained(scratch)
        image_processor(contract.image).save_pretrained(scratch)
    counts = {split: len(getattr(prepared, split)) for split in SPLITS}
    weights = (output / "model.safetensors").read_bytes()
    source = dataclasses.replace(contract.source, checkpoint_sha256=hashlib.sha256(weights).hexdigest(), data=counts)
    trained = dataclasses.replace(contract, source=source)
    _write_contract(output, trained)
    return trained


def write_results(output: Path, trainer: Trainer, contract: Contract, results: Results) -> None:
    """Write metrics, predictions, the contract with its accuracy, model card and pictures into `output`.

    Args:
        output: the folder that `write_weights` has written to.
        trainer: for the history of its epochs.
        contract: as `write_weights` returned it.
        results: as `measure` returned them.
    """
    metrics = results.metrics
    write_whole(output / METRICS_FILE, (json.dumps(metrics, indent=1) + "\n").encode())
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
    shares = probabilities(results.logits, contract.decision)
    rows = [
        [results.split, source_name(clip.path), clip.label, contract.labels[row.argmax()], f"{row.max():.6f}"]
        for clip, row in zip(results.clips, shares, strict=True)
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        header = ["split", "video", "label", "predicted", "score"]
        csv.writer(file).writerows([header, *([csv_cell(value) for value in row] for row in rows)])


def _write_contract(output: Path, contract: Contract) -> None:
    write_whole(output / CHECKPOINT_FILE, (to_json(contract) + "\n").encode())
