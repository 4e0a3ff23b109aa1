"""How far probabilities are from what comes true: log loss, Brier score, calibration error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vidcls.contract import Decision
from vidcls.decision import probabilities as calibrated
from vidcls.evaluation.answers import Answers
from vidcls.evaluation.curves import BINS, bin_numbers, reliability

# Calibrated models that are simulated: their mean error is then known to 0.001 on 62 clips. Of many clips fewer do,
# since their errors scatter less.
_SIMULATED, _FEWEST_SIMULATED, _MOST_DRAWN = 1000, 50, 20_000_000


def log_losses(answers: Answers, decision: Decision) -> npt.NDArray[np.float64]:
    """-log(calibrated probability of what is true) of each clip, float64 [clips]; finite where logits are.

    softmax: of the clip's label; a clip must have exactly one. sigmoid: the mean over labels, each of which holds or
    does not.

    >>> import numpy as np
    >>> from vidcls.contract import NEUTRAL
    >>> from vidcls.evaluation.answers import answers_of
    >>> from vidcls.evaluation.calibration import log_losses
    >>> log_losses(answers_of(np.zeros((1, 4), np.float32), [2], "abcd"), NEUTRAL).round(4).tolist()  # log 4
    [1.3863]
    """
    scaled = answers.logits.astype(np.float64) / decision.temperature
    if decision.activation == "sigmoid":
        return np.asarray(np.logaddexp(0.0, np.where(answers.targets, -scaled, scaled)).mean(axis=1))
    scaled -= scaled.max(axis=1, keepdims=True)
    true = scaled[np.arange(len(scaled)), answers.class_ids]
    return np.asarray(np.log(np.exp(scaled).sum(axis=1)) - true)


def brier_scores(answers: Answers, decision: Decision) -> npt.NDArray[np.float64]:
    """The squared distance of calibrated probabilities from what is true, of each clip, float64 [clips].

    softmax: the sum over classes, 0 to 2 (Brier, 1950). sigmoid: the mean over labels, 0 to 1.

    >>> import numpy as np
    >>> from vidcls.contract import NEUTRAL
    >>> from vidcls.evaluation.answers import answers_of
    >>> from vidcls.evaluation.calibration import brier_scores
    >>> brier_scores(answers_of(np.zeros((1, 2), np.float32), [0], "ab"), NEUTRAL).tolist()
    [0.5]
    """
    distances = (calibrated(answers.logits, decision) - answers.targets) ** 2
    return np.asarray(distances.sum(axis=1) if decision.activation == "softmax" else distances.mean(axis=1))


def claims(answers: Answers, decision: Decision) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """The probabilities that a calibration is about, and whether each came true.

    softmax: of the most probable class, [clips]. sigmoid: of every label, [clips x labels].
    """
    found = calibrated(answers.logits, decision)
    if decision.activation == "sigmoid":
        return found.ravel(), answers.targets.ravel()
    top = answers.logits.argmax(axis=1)
    rows = np.arange(len(top))
    return found[rows, top], answers.targets[rows, top]


def calibration_error(
    probabilities: npt.NDArray[np.floating], class_ids: Sequence[int] | npt.NDArray[np.integer]
) -> float:
    """How far the top-1 probability is from how often it is right: 0 is perfect, 0.2 is 20 points too high or low.

    The expected calibration error of Guo et al., "On Calibration of Modern Neural Networks" (2017), eq. 3: videos in 15
    bins of equal width by their top-1 probability, |accuracy - mean probability| of each bin, weighted by its videos.
    With few videos it comes out too high: bins of one or two are right or wrong altogether; `expected_error` says by
    how much.

    Args:
        probabilities: [videos, labels]; at least one video.
        class_ids: the true one of each video.

    >>> import numpy as np
    >>> from vidcls.evaluation.calibration import calibration_error
    >>> print(f"{calibration_error(np.array([[0.9, 0.1], [0.9, 0.1]]), [0, 1]):.2f}")
    0.40
    """
    return binned_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == np.asarray(class_ids))


def binned_error(probabilities: npt.NDArray[np.floating], came_true: npt.NDArray[np.bool_]) -> float:
    """`calibration_error` of probabilities [claims] that came true or did not."""
    bins = reliability(probabilities, came_true)
    return float(sum(row.count * abs(row.share - row.mean_probability) for row in bins) / len(probabilities))


def expected_error(probabilities: npt.NDArray[np.floating], *, seed: int = 0) -> float:
    """The calibration error that a perfectly calibrated model with these very probabilities shows, on average.

    Simulated: each probability [claims], of which there is at least one, comes true as often as it says.

    >>> import numpy as np
    >>> from vidcls.evaluation.calibration import expected_error
    >>> print(f"{expected_error(np.full(62, 0.7)):.2f}")
    0.05
    """
    rng = np.random.default_rng(seed)
    claimed = np.asarray(probabilities, np.float64)
    numbers = bin_numbers(claimed)
    totals = np.bincount(numbers, weights=claimed, minlength=BINS)
    runs = min(_SIMULATED, max(_FEWEST_SIMULATED, _MOST_DRAWN // len(claimed)))
    errors = 0.0
    for _ in range(runs):
        true = np.bincount(numbers[rng.random(len(claimed)) < claimed], minlength=BINS)
        errors += float(np.abs(true - totals).sum())
    return errors / runs / len(claimed)
