"""How good predictions are: accuracy, confusion and calibration over whole videos, from logits and class ids."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from vidcls.contract import Decision
from vidcls.decision import probabilities as calibrated

CONFIDENCE = 0.95
CALIBRATION_BINS = 15


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Accuracy of a set of videos, in shares 0..1.

    per_class: {label: {"videos": int, "top1": share, or None for a label without videos}}.
    confusion: counts; the row is the true label, the column the predicted one, in label order.
    top1_interval, top5_interval: see `wilson_interval`.
    calibration: {"error": see `calibration_error`, "bins": how many, "mean_confidence": of the top-1 labels}.
    """

    videos: int
    top1: float
    top5: float
    per_class: dict[str, dict[str, Any]]
    confusion: list[list[int]]
    top1_interval: tuple[float, float]
    top5_interval: tuple[float, float]
    calibration: dict[str, Any]

    @property
    def reliability(self) -> str:
        """How far the figures are to be trusted, in one line."""
        (low, high), error = self.top1_interval, self.calibration["error"]
        return (
            f"top-1 is {low:.2f} to {high:.2f} with 95 % confidence; its mean probability "
            f"{self.calibration['mean_confidence']:.2f}, calibration error {error:.2f}"
        )


def score_logits(
    logits: npt.NDArray[np.floating], class_ids: Sequence[int], labels: Sequence[str], decision: Decision
) -> Scores:
    """Score logits [videos, labels] against the true class ids; at least one video.

    top5 counts a video as right if fewer than five labels score above the true one (with five
    labels or fewer it is therefore 1).

    >>> import numpy as np
    >>> from vidcls.contract import NEUTRAL
    >>> from vidcls.evaluation.metrics import score_logits
    >>> scores = score_logits(np.array([[2.0, 0.0], [1.0, 0.5], [0.0, 3.0]]), [0, 1, 1], ["clap", "wave"], NEUTRAL)
    >>> scores.confusion
    [[1, 0], [1, 1]]
    >>> print(f"{scores.top1:.2f}")
    0.67
    """
    truth = np.asarray(class_ids)
    predicted = logits.argmax(axis=1)
    above = (logits > logits[np.arange(len(truth)), truth][:, None]).sum(axis=1)
    probabilities = calibrated(logits, decision)
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
        top1_interval=wilson_interval(int((predicted == truth).sum()), len(truth)),
        top5_interval=wilson_interval(int((above < 5).sum()), len(truth)),
        calibration={
            "error": calibration_error(probabilities, truth),
            "bins": CALIBRATION_BINS,
            "mean_confidence": float(probabilities.max(axis=1).mean()),
        },
    )


def wilson_interval(right: int, videos: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share of independent videos; also of a few, and of 0 or all of them.

    Wilson's score interval, in the form of Brown, Cai and DasGupta, "Interval Estimation for a Binomial
    Proportion", Statistical Science 16 (2001), eq. 4. Videos of one source are not independent: it is then too narrow.

    >>> from vidcls.evaluation.metrics import wilson_interval
    >>> low, high = wilson_interval(36, 62)
    >>> print(f"{low:.2f} to {high:.2f}")
    0.46 to 0.70
    """
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    share = right / videos
    middle = (share + z * z / (2 * videos)) / (1 + z * z / videos)
    half = z / (1 + z * z / videos) * math.sqrt(share * (1 - share) / videos + z * z / (4 * videos * videos))
    return max(0.0, middle - half), min(1.0, middle + half)


def calibration_error(
    probabilities: npt.NDArray[np.floating], class_ids: Sequence[int] | npt.NDArray[np.integer]
) -> float:
    """How far the top-1 probability is from how often it is right: 0 is perfect, 0.2 is 20 points too high or low.

    The expected calibration error of Guo et al., "On Calibration of Modern Neural Networks" (2017), eq. 3: videos in 15
    bins of equal width by their top-1 probability, |accuracy - mean probability| of each bin, weighted by its videos.
    With few videos it comes out too high: bins of one or two are right or wrong altogether.

    Args:
        probabilities: [videos, labels]; at least one video.
        class_ids: the true one of each video.

    >>> import numpy as np
    >>> from vidcls.evaluation.metrics import calibration_error
    >>> print(f"{calibration_error(np.array([[0.9, 0.1], [0.9, 0.1]]), [0, 1]):.2f}")
    0.40
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == np.asarray(class_ids)
    bins = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(int) - 1, 0, CALIBRATION_BINS - 1)
    surplus = np.bincount(bins, weights=right - confidence, minlength=CALIBRATION_BINS)
    return float(np.abs(surplus).sum() / len(confidence))
