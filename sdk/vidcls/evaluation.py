"""How good predictions are: accuracy and confusion over whole videos, from logits and class ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Accuracy of a set of videos, in shares 0..1.

    per_class: {label: {"videos": int, "top1": share, or None for a label without videos}}.
    confusion: counts; the row is the true label, the column the predicted one, in label order.
    """

    videos: int
    top1: float
    top5: float
    per_class: dict[str, dict[str, Any]]
    confusion: list[list[int]]


def score_logits(logits: npt.NDArray[np.floating], class_ids: Sequence[int], labels: Sequence[str]) -> Scores:
    """Score logits [videos, labels] against the true class ids; at least one video.

    top5 counts a video as right if fewer than five labels score above the true one (with five
    labels or fewer it is therefore 1).
    """
    truth = np.asarray(class_ids)
    predicted = logits.argmax(axis=1)
    above = (logits > logits[np.arange(len(truth)), truth][:, None]).sum(axis=1)
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(confusion, (truth, predicted), 1)
    totals, right = confusion.sum(axis=1), confusion.diagonal()
    return Scores(
        videos=len(truth),
        top1=float((predicted == truth).mean()),
        top5=float((above < 5).mean()),
        per_class={
            label: {"videos": int(total), "top1": float(hits / total) if total else None}
            for label, total, hits in zip(labels, totals, right, strict=True)
        },
        confusion=confusion.tolist(),
    )
