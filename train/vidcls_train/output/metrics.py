"""A trained model -> its figures, as metrics.json holds them."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from transformers import Trainer

from vidcls.contract import Contract
from vidcls.evaluation.metrics import score_logits, wilson_interval
from vidcls.progress import Track, untracked
from vidcls_train.audit.check import DataCheck
from vidcls_train.data.clip_list import Clip
from vidcls_train.data.preparation import PreparedClips
from vidcls_train.model.patch_embedding import is_zero_mean
from vidcls_train.output.scoring import all_logits
from vidcls_train.trainer.selection import best_row

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


@dataclass(frozen=True, kw_only=True, eq=False)
class _Scored:
    """A split's clips with the model's logits, float32 [clips, labels], of so many views and crops."""

    clips: list[Clip]
    logits: npt.NDArray[np.float32]
    views: int
    crops: int


def measure(
    trainer: Trainer,
    prepared: PreparedClips,
    contract: Contract,
    checked: DataCheck,
    *,
    seconds: float,
    track: Track = untracked,
) -> Results:
    """Accuracy of the kept model, per video; the test videos are scored here and only here.

    Args:
        trainer: with the kept weights.
        prepared: the readable clips by split.
        contract: the run's.
        checked: what the check of the data found.
        seconds: that the training took.
        track: shows the progress.

    Raises:
        VideoError: a video that could be read before the training cannot be read any more.
    """
    val = _score(trainer, prepared.val, contract, label="scoring val", track=track)
    test = _score(trainer, prepared.test, contract, label="scoring test", track=track)
    multiview = _score(
        trainer,
        prepared.test,
        contract,
        views=_MULTI_VIEWS,
        crops=1 if contract.image.resize == "stretch" else _MULTI_CROPS,
        label="scoring test, {views} x {crops} views",
        track=track,
    )
    metrics = {
        "labels": list(contract.labels),
        "val": _fields(val, contract, copies=checked.copies["val"]),
        "test": _fields(test, contract, copies=checked.copies["test"]),
        "test_multiview": _fields(multiview, contract, copies=checked.copies["test"]),
        "baselines": _baselines(prepared, checked),
        "train": _training(trainer, videos=len(prepared.train), seconds=seconds),
        "pretraining": None,  # of runs that earlier versions made
        "data": _data(checked),
        "unreadable": _unreadable(prepared, checked),
    }
    split, shown = ("test", test) if test is not None else ("val", val)
    assert shown is not None  # noqa: S101 - there is no training without val
    return Results(metrics=metrics, split=split, clips=shown.clips, logits=shown.logits)


def _unreadable(prepared: PreparedClips, checked: DataCheck) -> list[dict[str, str]]:
    """{"video", "message"} of the clips left out, by the check of the data and after it."""
    found = [{"video": row["video"], "message": row["message"]} for row in checked.report.unreadable]
    return [*found, *prepared.unreadable]


def _score(
    trainer: Trainer, clips: list[Clip], contract: Contract, *, label: str, track: Track, views: int = 1, crops: int = 1
) -> _Scored | None:
    """The logits of a split's clips; None where it has none."""
    if not clips:
        return None
    paths = [clip.path for clip in clips]
    label = label.format(views=views, crops=crops)
    logits = all_logits(trainer.model, paths, contract, views=views, crops=crops, label=label, track=track)
    return _Scored(clips=clips, logits=logits, views=views, crops=crops)


def _fields(scored: _Scored | None, contract: Contract, *, copies: Sequence[Path]) -> dict[str, Any] | None:
    """A split's figures, and those without the clips whose footage is in train as well, `copies`."""
    if scored is None:
        return None
    fields = {**_accuracy(scored.clips, scored.logits, contract), "views": scored.views, "crops": scored.crops}
    apart = [index for index, clip in enumerate(scored.clips) if clip.path not in set(copies)]
    if copies and apart:
        without = _accuracy([scored.clips[index] for index in apart], scored.logits[apart], contract)
        fields["without_copies"] = {name: without[name] for name in ("videos", "top1", "top5", "top1_interval")}
    return fields


def _training(trainer: Trainer, *, videos: int, seconds: float) -> dict[str, Any]:
    history = trainer.state.log_history
    best = best_row(history)
    return {
        "videos": videos,
        "epochs": trainer.state.epoch,
        "steps": trainer.state.global_step,
        "best_step": None if best is None else best["step"],
        "seconds": seconds,
        "patch_levels": not is_zero_mean(trainer.model),
        "history": history,
    }


def _accuracy(clips: Sequence[Clip], logits: npt.NDArray[np.float32], contract: Contract) -> dict[str, Any]:
    return dataclasses.asdict(
        score_logits(logits, [contract.labels.index(clip.label) for clip in clips], contract.labels, contract.decision)
    )


def _baselines(prepared: PreparedClips, checked: DataCheck) -> dict[str, Any] | None:
    """What is right on the test clips without looking at a picture; None without test clips.

    majority: always the most frequent label of train. metadata: a random forest on the files' encodings.
    """
    if not prepared.test:
        return None
    common = Counter(clip.label for clip in prepared.train).most_common(1)[0][0]
    predictions = {"majority": [common] * len(checked.splits.test)}
    if checked.encoding_predictions is not None:
        predictions["metadata"] = checked.encoding_predictions
    return {name: _share_right(checked.splits.test, labels) for name, labels in predictions.items()}


def _share_right(clips: Sequence[Clip], labels: Sequence[str]) -> dict[str, Any]:
    right = sum(clip.label == label for clip, label in zip(clips, labels, strict=True))
    return {"videos": len(clips), "top1": right / len(clips), "top1_interval": wilson_interval(right, len(clips))}


def _data(checked: DataCheck) -> dict[str, Any]:
    report = checked.report
    return {
        "counts": report.counts,
        "split_here": report.split_here,
        "groups": report.groups,
        "pairs": report.pair_counts,
        "copies": {split: [str(path) for path in paths] for split, paths in checked.copies.items()},
        "findings": [dataclasses.asdict(finding) for finding in report.findings],
    }
