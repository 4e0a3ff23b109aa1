"""What a finished run leaves behind: its figures, and the checkpoint folder."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import Trainer

from vidcls.contract import CHECKPOINT_FILE, Accuracy, Contract, to_json
from vidcls.evaluation import score_logits
from vidcls_train.card import model_card
from vidcls_train.data import SPLITS, Clip
from vidcls_train.evaluation import all_logits
from vidcls_train.model import image_processor
from vidcls_train.pictures import write_confusion, write_curves
from vidcls_train.preparation import Prepared

# The paper's evaluation: 5 windows of 3 crops each.
_MULTI_VIEWS, _MULTI_CROPS = 5, 3


def measure(trainer: Trainer, prepared: Prepared, contract: Contract, *, seconds: float) -> dict[str, Any]:
    """Accuracy of the best epoch's model, per video; the test videos are looked at here and only here."""
    crops = 1 if contract.image.resize == "stretch" else _MULTI_CROPS
    model = trainer.model

    def scores(clips: Sequence[Clip], *, views: int, crops: int, label: str) -> dict[str, Any] | None:
        if not clips:
            return None
        logits = all_logits(model, [clip.path for clip in clips], contract, views=views, crops=crops, label=label)
        scored = score_logits(logits, [contract.labels.index(clip.label) for clip in clips], contract.labels)
        return {**dataclasses.asdict(scored), "views": views, "crops": crops}

    history = trainer.state.log_history
    return {
        "labels": list(contract.labels),
        "val": scores(prepared.val, views=1, crops=1, label="scoring val"),
        "test": scores(prepared.test, views=1, crops=1, label="scoring test"),
        "test_multiview": scores(
            prepared.test, views=_MULTI_VIEWS, crops=crops, label=f"scoring test, {_MULTI_VIEWS} x {crops} views"
        ),
        "train": {
            "videos": len(prepared.train),
            "epochs": trainer.state.epoch,
            "steps": trainer.state.global_step,
            "best_step": _best_step(trainer),
            "seconds": seconds,
            "history": history,
        },
        "unreadable": prepared.unreadable,
    }


def _best_step(trainer: Trainer) -> int | None:
    best = trainer.state.best_model_checkpoint
    return int(best.rpartition("-")[2]) if best else None


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


def write_results(output: Path, trainer: Trainer, contract: Contract, metrics: dict[str, Any]) -> None:
    """Write metrics, the contract with its accuracy, model card and pictures into `output`."""
    (output / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    test = metrics["test"]
    accuracy = None
    if test is not None:
        accuracy = Accuracy(split="test", **{name: test[name] for name in ("videos", "views", "crops", "top1", "top5")})
    final = dataclasses.replace(contract, accuracy=accuracy)
    _write_contract(output, final)
    (output / "README.md").write_text(model_card(final, metrics, name=output.name), encoding="utf-8")
    write_curves(trainer.state.log_history, output / "curves.png")
    name, shown = ("test", test) if test is not None else ("val", metrics["val"])
    title = f"{name}: top-1 {shown['top1']:.3f} on {shown['videos']} videos"
    write_confusion(shown["confusion"], contract.labels, output / "confusion.png", title=title)


def _write_contract(output: Path, contract: Contract) -> None:
    (output / CHECKPOINT_FILE).write_text(to_json(contract) + "\n", encoding="utf-8")
