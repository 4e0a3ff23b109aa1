"""How good a model is on the validation clips: what is written into the history, and what an epoch is chosen by."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import average_precision_score
from transformers import EvalPrediction


def accuracy(prediction: EvalPrediction) -> dict[str, float]:
    """{"accuracy": share of clips whose largest logit is their label's, "clips": how many there are}.

    Args:
        prediction: predictions: float32 [clips, labels], logits; label_ids: [clips, labels], 1 for the clip's label.
    """
    right = prediction.predictions.argmax(axis=1) == prediction.label_ids.argmax(axis=1)
    return {"accuracy": float(right.mean()), "clips": len(right)}


def mean_average_precision(prediction: EvalPrediction) -> dict[str, float]:
    """{"map": the mean over labels of average precision, "clips": how many there are}.

    Labels that no clip shows, or all do, have none and are left out; where all are, and of logits that are not finite,
    it is 0.

    Args:
        prediction: predictions: float32 [clips, labels], logits; label_ids: [clips, labels], 1 for each label shown.
    """
    logits, shown = prediction.predictions, prediction.label_ids > 0
    measurable = shown.any(axis=0) & ~shown.all(axis=0)
    if not measurable.any() or not np.isfinite(logits).all():  # NaN: what ends the run says so itself
        return {"map": 0.0, "clips": len(logits)}
    value = average_precision_score(shown[:, measurable], logits[:, measurable], average="macro")
    return {"map": float(value), "clips": len(logits)}
