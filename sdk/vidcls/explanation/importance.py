"""How the answer falls with what is taken away -> which parts of the clip it hangs on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vidcls.contract import Decision


def log_odds(logits: npt.NDArray[np.floating], column: int, decision: Decision) -> npt.NDArray[np.float64]:
    """log(p / (1 - p)) of a label's calibrated probability p, float64 [...] of logits [..., labels].

    Of a softmax that is its logit above the logsumexp of the others'; of a sigmoid its logit; each over the
    temperature. Other than the probability, it goes on falling where the answer is certain.

    >>> from dataclasses import replace
    >>> from vidcls.contract import NEUTRAL
    >>> from vidcls.explanation.importance import log_odds
    >>> log_odds(np.log([[0.8, 0.1, 0.1]]), 0, NEUTRAL).round(6).tolist() == [round(float(np.log(4)), 6)]
    True
    """
    scaled = logits.astype(np.float64) / decision.temperature
    if decision.activation == "sigmoid" or scaled.shape[-1] == 1:
        return np.asarray(scaled[..., column])
    others = np.delete(scaled, column, axis=-1)
    highest = others.max(axis=-1)
    return np.asarray(scaled[..., column] - highest - np.log(np.exp(others - highest[..., None]).sum(axis=-1)))


def importance(scores: npt.NDArray[np.float64], masks: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """How much higher the score is for each place that is kept: their covariance over random masks.

    RISE (arXiv 1806.07421, equation 6) sums mask times score; less both means, a score's height and how often a place
    was kept by chance no longer count.

    Args:
        scores: float64 [runs].
        masks: float32 [runs, T, h, w].

    Returns:
        float64 [T, h, w]; below 0 where the answer is surer without.
    """
    centred = scores - scores.mean()  # then the masks' means count as nothing, and no copy of the masks is needed
    return np.asarray(np.einsum("r,r...->...", centred, masks) / len(scores))
