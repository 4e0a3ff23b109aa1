"""What stands in a clip's place where a part of it is taken away.

What is taken away must not leave a trace that the model takes for something else: a grey block on a beach is a thing
of its own (Fong, Vedaldi, "Interpretable Explanations of Black Boxes by Meaningful Perturbation", arXiv 1704.03296,
section 4). So there are several, from the gentlest to the harshest; the gentlest that takes the answer away is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

# "still": the median over time of each pixel, a picture in which nothing moves. "blurred": that, blurred until only
# large patches of colour are left. "grey": the clip's mean colour.
Replacement: TypeAlias = Literal["still", "blurred", "grey"]

SAID: dict[Replacement, str] = {
    "still": "the picture without what moves (the median over time)",
    "blurred": "the blurred picture without what moves",
    "grey": "the clip's mean colour",
}
# Standard deviation of the blur, as a share of the picture's side: the width of a block of the masks, about.
_BLUR = 1 / 8
_BLURRED: Replacement = "blurred"


def replacements(clip: npt.NDArray[np.uint8]) -> Iterator[tuple[Replacement, npt.NDArray[np.float32]]]:
    """What can stand in the place of a clip, gentlest first: name and float32 [1, H, W, 3], the same in each frame.

    Args:
        clip: uint8 RGB [T, H, W, 3].

    >>> from vidcls.explanation.replacements import replacements
    >>> [(name, picture.shape) for name, picture in replacements(np.zeros((4, 32, 32, 3), np.uint8))]
    [('still', (1, 32, 32, 3)), ('blurred', (1, 32, 32, 3)), ('grey', (1, 32, 32, 3))]
    """
    still = np.median(clip, axis=0).astype(np.float32)
    yield "still", still[None]
    blurred = cv2.GaussianBlur(still, (0, 0), clip.shape[1] * _BLUR, borderType=cv2.BORDER_REFLECT)
    yield "blurred", np.asarray(blurred)[None]
    yield "grey", np.full((1, *clip.shape[1:]), clip.mean(axis=(0, 1, 2)), np.float32)


def content(clip: npt.NDArray[np.uint8], replacement: Replacement) -> npt.NDArray[np.float32]:
    """How much there is of the clip at each pixel that its replacement takes away: float32 [T, H, W], grey levels.

    The distance to the replacement, or to the blurred one where that is less: ground that an object has uncovered is
    far from a median over time that shows the object, and still is nothing that stands out.

    >>> from vidcls.explanation.replacements import content
    >>> float(content(np.full((4, 32, 32, 3), 90, np.uint8), "still").max())
    0.0
    """
    pictures = dict(replacements(clip))
    own, blurred = (np.abs(clip - pictures[name]).mean(axis=-1) for name in (replacement, _BLURRED))
    return np.asarray(np.minimum(own, blurred))
