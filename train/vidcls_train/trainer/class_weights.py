"""What the clips of rare labels count for in the loss."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt


def class_weights(
    targets: npt.NDArray[np.float32], how: Literal["none", "balanced"], *, activation: Literal["softmax", "sigmoid"]
) -> list[float]:
    """One weight per label.

    Args:
        targets: float32 [clips, labels] of the training clips.
        how: "none" is 1 for each. "balanced", of clips with one label each: the less the more clips of it there are,
            and 1 on average over clips. "balanced", of any number of labels: what a clip that shows the label counts
            for, so that all of these weigh as much as all others, which count for 1 each. A label without clips, or
            without others: 1.
        activation: "sigmoid" where a clip may have any number of labels.

    Example:
        >>> class_weights(np.eye(2, dtype=np.float32)[[0, 0, 0, 1]], "balanced", activation="softmax")
        [0.6666666666666666, 2.0]
        >>> several = np.array([[1, 1], [1, 0], [0, 0], [0, 0]], np.float32)
        >>> class_weights(several, "balanced", activation="sigmoid")
        [1.0, 3.0]
    """
    counts = targets.sum(axis=0, dtype=np.float64)
    if how == "none":
        return [1.0] * len(counts)
    if activation == "sigmoid":
        others = len(targets) - counts
        weights = np.where(others > 0, others, counts) / np.maximum(counts, 1)
    else:
        weights = len(targets) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return [float(weight) if count else 1.0 for weight, count in zip(weights, counts, strict=True)]
