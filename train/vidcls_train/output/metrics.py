"""A trained model -> its figures, as metrics.json holds them."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from transformers import Trainer

from vidcls.contract import Contract
from vidcls.evaluation.intervals import wilson_interval
from vidcls.evaluation.metrics import score_answers
from vidcls.fitting.decision import FittedDecision
from vidcls.progress import Track, untracked
from vidcls.region import Region
from vidcls_train.audit.check import DataCheck
from vidcls_train.data.clip_list import Clip, Footage
from vidcls_train.data.preparation import PreparedClips
from vidcls_train.model.patch_embedding import is_zero_mean
from vidcls_train.output.decision import decision_fields
from vidcls_train.output.history import history_fields
from vidcls_train.output.negatives import Negatives
from vidcls_train.output.scored import Scored, score
from vidcls_train.trainer.selection import best_row

# The paper's evaluation: 5 windows of 3 crops each.
MULTI_VIEWS = 5
_MULTI_CROPS: Literal[3] = 3

_OF_TOP_LABELS = ("top1", "top5", "top1_interval", "top5_interval")
_WITHOUT_COPIES = ("videos", *_OF_TOP_LABELS, "map", "map_interval")


@dataclass(frozen=True, kw_only=True, eq=False)
class Results:
    """A run's figures, and the answers that they are of, with one view per clip.

    metrics: what metrics.json holds. region: of the picture that the answers are of; None for all of it.
    """

    metrics: dict[str, Any]
    val: Scored
    test: Scored | None
    negatives: Negatives | None
    region: Region | None

    @property
    def shown(self) -> tuple[str, Scored]:
        """The split that pictures are drawn of, "test" or, where there is none, "val", and its answers."""
        return ("val", self.val) if self.test is None else ("test", self.test)


def measure(
    trainer: Trainer,
    prepared: PreparedClips,
    contract: Contract,
    checked: DataCheck,
    *,
    val: Scored,
    negatives: Negatives | None,
    fitted: FittedDecision,
    region: Region | None = None,
    all_tokens: dict[str, Any] | None,
    seconds: float,
    track: Track = untracked,
) -> Results:
    """How good the kept model is, per video; the test videos are scored here and only here.

    Args:
        trainer: with the kept weights.
        prepared: the readable clips by split.
        contract: the run's, with its decision.
        checked: what the check of the data found.
        val: the answers to the validation clips.
        negatives: those to videos that show none of the labels.
        fitted: the contract's decision, with what is to be said of it.
        region: of the picture that the clips were cut to; None for all of it.
        all_tokens: how the model answers that is shown all tokens; None for one that always is.
        seconds: that the training took.
        track: shows the progress.

    Raises:
        VideoError: a video that could be read before the training cannot be read any more.
    """
    scored = partial(score, trainer, prepared.test, contract, region=region, track=track)
    test, multiview = _score_test(scored, prepared, contract)
    metrics = {
        "labels": list(contract.labels),
        "region": None if region is None else list(region),
        "val": _fields(val, contract, copies=checked.copies["val"]),
        "test": _fields(test, contract, copies=checked.copies["test"]),
        "test_multiview": _fields(multiview, contract, copies=checked.copies["test"]),
        "decision": decision_fields(fitted, contract, val=val, test=test, negatives=negatives),
        "all_tokens": all_tokens,
        "teacher": None,  # see `output.teacher`
        "baselines": _baselines(prepared, checked, contract),
        "train": _training(trainer, videos=len(prepared.train), seconds=seconds),
        "pretraining": None,  # of runs that earlier versions made
        "data": _data(checked),
        "unreadable": _unreadable(prepared, checked),
    }
    return Results(metrics=metrics, val=val, test=test, negatives=negatives, region=region)


def multi_crops(contract: Contract) -> Literal[1, 3]:
    """The crops of each window of the paper's evaluation; a picture that is stretched has one."""
    return 1 if contract.image.resize == "stretch" else _MULTI_CROPS


def _score_test(
    scored: Callable[..., Scored], prepared: PreparedClips, contract: Contract
) -> tuple[Scored | None, Scored | None]:
    """With one view, and with the paper's; None where there are no test clips."""
    if not prepared.test:
        return None, None
    one = scored(label="scoring test")
    crops = multi_crops(contract)
    label = f"scoring test, {MULTI_VIEWS} x {crops} views"
    return one, scored(label=label, views=MULTI_VIEWS, crops=crops)


def _unreadable(prepared: PreparedClips, checked: DataCheck) -> list[dict[str, str]]:
    """{"video", "message"} of the clips left out, by the check of the data and after it."""
    found = [{"video": row["video"], "message": row["message"]} for row in checked.report.unreadable]
    return [*found, *prepared.unreadable]


def _fields(scored: Scored | None, contract: Contract, *, copies: Sequence[Footage]) -> dict[str, Any] | None:
    """A split's figures, and those without the clips whose footage was trained on, `copies`.

    None without clips that show a label.
    """
    if scored is None or not scored.shows_any(contract.labels):
        return None
    fields = {**_scores(scored, contract), "views": scored.views, "crops": scored.crops}
    without = _fields(scored.without(set(copies)), contract, copies=()) if copies else None
    if without is not None:
        fields["without_copies"] = {name: without[name] for name in _WITHOUT_COPIES}
    return fields


def _scores(scored: Scored, contract: Contract) -> dict[str, Any]:
    """A split's figures: top-1 and the like of softmax, "map" of sigmoid, the others None.

    Where labels may hold together, the most probable one says little, and none has to be right.
    """
    fields = dataclasses.asdict(score_answers(scored.answers(contract.labels), contract.labels, contract.decision))
    mean, interval = fields.pop("average_precision"), fields.pop("average_precision_interval")
    if contract.decision.activation == "sigmoid":
        fields |= {"videos": len(scored.clips), "confusion": None, **dict.fromkeys(_OF_TOP_LABELS)}
    return {**fields, "map": mean, "map_interval": interval}


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
        "history": history_fields(history),
    }


def _baselines(prepared: PreparedClips, checked: DataCheck, contract: Contract) -> dict[str, Any] | None:
    """What is right on the test clips without looking at a picture; None without test clips.

    None too where labels may hold together: no top-1 accuracy is beside it.

    majority: always the most frequent label of train. metadata: a random forest on the files' encodings.
    """
    if not prepared.test or contract.decision.activation == "sigmoid":
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
        "val_here": report.val_here,
        "groups": report.groups,
        "pairs": report.pair_counts,
        "copies": {split: [str(clip) for clip in clips] for split, clips in checked.copies.items()},
        "findings": [dataclasses.asdict(finding) for finding in report.findings],
    }
