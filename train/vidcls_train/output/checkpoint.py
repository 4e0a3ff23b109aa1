"""A trained model and its figures -> the checkpoint folder."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import Trainer

from vidcls.contract import CHECKPOINT_FILE, Accuracy, ClipFingerprints, Contract, Decision, to_json
from vidcls.evaluation.report import write_pictures
from vidcls.files.atomic import whole_files, write_whole
from vidcls.files.run_status import METRICS_FILE
from vidcls.progress import Track, untracked
from vidcls_train.data.clip_list import SPLITS
from vidcls_train.data.preparation import PreparedClips
from vidcls_train.model.image_processor import image_processor
from vidcls_train.output.metrics import Results
from vidcls_train.output.model_card import model_card
from vidcls_train.output.page import write_page
from vidcls_train.output.pictures import write_curves
from vidcls_train.output.predictions import write_predictions


def write_weights(
    output: Path, trainer: Trainer, contract: Contract, prepared: PreparedClips, *, clips: ClipFingerprints | None
) -> Contract:
    """Write weights, configuration and contract into a folder.

    Args:
        output: the folder; made if missing.
        trainer: with the kept weights.
        contract: the run's, whose checkpoint hash and counts of videos are still to be filled in.
        prepared: the readable clips by split.
        clips: fingerprints of training and validation clips.

    Returns:
        the contract with all three, its decision still neutral and its accuracy missing.
    """
    with whole_files(output) as scratch:
        trainer.model.save_pretrained(scratch)
        image_processor(contract.image, trainer.model.config.model_type).save_pretrained(scratch)
    counts = {split: len(getattr(prepared, split)) for split in SPLITS}
    weights = (output / "model.safetensors").read_bytes()
    source = dataclasses.replace(
        contract.source, checkpoint_sha256=hashlib.sha256(weights).hexdigest(), data=counts, clips=clips
    )
    trained = dataclasses.replace(contract, source=source)
    _write_contract(output, trained)
    return trained


def write_decision(output: Path, contract: Contract, decision: Decision) -> Contract:
    """Write the contract anew, with what was fitted; returns it.

    Args:
        output: the folder that `write_weights` has written to.
        contract: as it returned it.
        decision: of that model's answers.
    """
    decided = dataclasses.replace(contract, decision=decision)
    _write_contract(output, decided)
    return decided


def write_results(
    output: Path, trainer: Trainer, contract: Contract, results: Results, *, track: Track = untracked
) -> None:
    """Write metrics, predictions, the contract with its accuracy, model card, pictures and page into `output`.

    Args:
        output: the folder that `write_weights` has written to.
        trainer: for the history of its epochs.
        contract: as `write_decision` returned it.
        results: as `measure` returned them.
        track: shows the progress.
    """
    metrics = results.metrics
    write_whole(output / METRICS_FILE, (json.dumps(metrics, indent=1) + "\n").encode())
    final = dataclasses.replace(contract, accuracy=_accuracy(metrics["test"]))
    _write_contract(output, final)
    write_parts: list[Callable[[], object]] = [
        lambda: (output / "README.md").write_text(model_card(final, metrics, name=output.name), encoding="utf-8"),
        lambda: write_predictions(
            output / "predictions.csv", final, val=results.val, test=results.test, negatives=results.negatives
        ),
        lambda: write_curves(trainer.state.log_history, output / "curves.png"),
        lambda: _write_pictures(output, final, results),
        lambda: write_page(output, final, results),
    ]
    for write_part in track(write_parts, label="writing reports"):
        write_part()


def _accuracy(test: dict[str, Any] | None) -> Accuracy | None:
    """The contract's section; None without test clips, and where labels may hold together."""
    if test is None or test["top1"] is None:
        return None
    return Accuracy(split="test", **{name: test[name] for name in ("videos", "views", "crops", "top1", "top5")})


def _write_pictures(output: Path, contract: Contract, results: Results) -> None:
    if contract.decision.activation != "softmax":
        return  # there is no one label that is taken for another
    split, scored = results.shown
    write_pictures(
        output,
        name=split,
        videos=[clip.path for clip in scored.clips],
        logits=scored.logits,
        class_ids=[contract.labels.index(clip.label) for clip in scored.clips],
        contract=contract,
        stretches=[clip.stretch for clip in scored.clips],
        region=results.region,
    )


def _write_contract(output: Path, contract: Contract) -> None:
    write_whole(output / CHECKPOINT_FILE, (to_json(contract) + "\n").encode())
