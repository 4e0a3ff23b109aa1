"""Clips -> what a model is to answer of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vidcls_train.data.clip_list import Clip


def targets_of(clips: Sequence[Clip], labels: Sequence[str]) -> npt.NDArray[np.float32]:
    """float32 [clips, labels]: 1 for each label that a clip shows.

    Example:
        >>> from pathlib import Path
        >>> targets_of([Clip(path=Path("a.mp4"), labels=("jump", "wave"), group="a")], ("hop", "jump", "wave"))
        array([[0., 1., 1.]], dtype=float32)
    """
    return np.array([[label in clip.labels for label in labels] for clip in clips], np.float32).reshape(
        len(clips), len(labels)
    )
