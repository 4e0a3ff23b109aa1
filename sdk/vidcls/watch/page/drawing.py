"""A frame with the answer drawn on it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from vidcls.temporal.record import Record


def draw_answer(
    frame: npt.NDArray[np.uint8], answer: Record | None, *, status: str, boxes: Sequence[tuple[int, int, int, int]]
) -> npt.NDArray[np.uint8]:
    """A copy of uint8 RGB [H, W, 3] with what the model says of it."""
    drawn = frame.copy()
    for left, top, right, bottom in boxes:
        cv2.rectangle(drawn, (left, top), (right - 1, bottom - 1), (255, 255, 255), 1)
    text = status or ("" if answer is None else f"{answer.label} {answer.score:.2f}")
    cv2.putText(drawn, text, (8, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0, 0, 0), 4, cv2.LINE_AA)
    cv2.putText(drawn, text, (8, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2, cv2.LINE_AA)
    return drawn
