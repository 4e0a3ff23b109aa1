"""Clips that show none of the labels: how many of them the exported graph takes for one that does."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vidcls.clips import read_clips
from vidcls.contract import Contract
from vidcls.decision import reject_scores
from vidcls.errors import ModelError, VideoError
from vidcls.evaluation.answers import Answers, answers_of, positives
from vidcls.evaluation.apart import false_acceptance
from vidcls.evaluation.curves import auroc
from vidcls.evaluation.origins import origins_of
from vidcls.progress import Track, untracked
from vidcls_export.parity import Videos
from vidcls_export.reference import Classify, check_finite

_logger = logging.getLogger("vidcls.export")


@dataclass(frozen=True, kw_only=True)
class Negatives:
    """What the exported graph makes of clips that show none of the labels.

    videos: how many are counted: those that could be read and that the model does not know.
    known: how many were left out because the model was trained on them, or chosen by them. failed: not readable.
    falsely_accepted, interval: the share that the checkpoint's own rule takes for one of the labels, and the ends of
    its 95 % interval; None where the checkpoint has no rule.
    auroc: where it has none, how often a new clip of --check scores above one of these, by the largest probability;
    None without such clips.
    """

    videos: int
    known: int
    failed: int
    falsely_accepted: float | None
    interval: tuple[float, float] | None
    auroc: float | None


def measure_negatives(
    videos: Videos,
    contract: Contract,
    *,
    exported: Classify,
    labelled: Answers | None,
    track: Track = untracked,
) -> Negatives:
    """Classify clips that show none of the labels, one view in the middle, and count what is taken for known.

    Nothing is fitted on them. A video that cannot be read is logged as a warning and not counted.

    Args:
        videos: which, and of which region.
        contract: the checkpoint's, with its decision.
        exported: the exported graph's logits.
        labelled: its answers to other clips, new to the model, whose labels are known; None without any.
        track: follows the comparison, video by video.

    Raises:
        ModelError: no video could be read, the model knows all of them, or logits are NaN or infinite.
    """
    read, logits = _classify(videos, contract, exported, track)
    if not read:
        raise ModelError(f"not one of the {len(videos.paths)} videos of --negatives could be read; name others")
    origins = origins_of(read, contract.source.clips, track=track)
    new = np.flatnonzero([origin is None for origin in origins])
    if not len(new):
        raise ModelError(
            f"all {len(read)} videos of --negatives are among those that the model was trained on or chosen by, and "
            "say nothing about new ones; name others"
        )
    answers = answers_of(logits[new], [None] * len(new), contract.labels)
    decision = contract.decision
    has_rule = decision.reject is not None or decision.none_label is not None
    figures = false_acceptance(answers, contract.labels, decision) if has_rule else None
    return Negatives(
        videos=len(new),
        known=len(read) - len(new),
        failed=len(videos.paths) - len(read),
        falsely_accepted=None if figures is None else figures["falsely_accepted"],
        interval=None if figures is None else figures["interval"],
        auroc=None if has_rule or labelled is None else _auroc(labelled, answers, contract),
    )


def with_false_acceptance(contract: Contract, negatives: Negatives | None) -> Contract:
    """The contract whose reject rule, where it has one, says what it falsely accepts."""
    reject = contract.decision.reject
    if negatives is None or reject is None:
        return contract
    measured = dataclasses.replace(reject, false_accepted=negatives.falsely_accepted)
    return dataclasses.replace(contract, decision=dataclasses.replace(contract.decision, reject=measured))


def _classify(
    videos: Videos, contract: Contract, exported: Classify, track: Track
) -> tuple[list[Path], npt.NDArray[np.float32]]:
    """The videos that could be read, and their logits [videos, labels]."""
    read, logits = [], [np.empty((0, len(contract.labels)), np.float32)]
    for path in track(videos.paths, label="checking negatives"):
        try:
            frames = read_clips(path, contract, region=videos.region).frames
        except VideoError as error:
            _logger.warning("not counted: %s", error)
            continue
        logits.append(exported(frames))
        check_finite(logits[-1], of="the exported graph")
        read.append(path)
    return read, np.concatenate(logits)


def _auroc(labelled: Answers, negatives: Answers, contract: Contract) -> float | None:
    labels, decision = contract.labels, contract.decision
    shown = labelled[positives(labelled, labels, decision)]
    if not len(shown):
        return None
    logits = np.concatenate([shown.logits, negatives.logits])
    scores = reject_scores(logits, labels, decision, score="max_probability")
    return auroc(scores, np.arange(len(logits)) < len(shown))
