"""Random masks over a clip: blocks of space and time that are kept or taken away, with soft edges in space."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

# A block's side is an eighth of the picture, as fine as a few hundred runs can distinguish; its time a quarter of the
# clip. Half of them are kept: then each run says as much of what is gone as of what is there.
BLOCKS = 8
TIMES = 4
KEPT = 0.5
# Masks are kept in memory at this many steps a block, and brought to the picture's size when they are used.
_STEPS = 4


def random_masks(runs: int, *, frames: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Masks as RISE draws them, with time as a third axis.

    A coarse grid of blocks is drawn, each kept with the probability `KEPT`, then enlarged bilinearly and shifted by a
    random part of a block, so that edges lie elsewhere each time: Petsiuk, Das, Saenko, "RISE: Randomized Input
    Sampling for Explanation of Black-box Models", arXiv 1806.07421, section 3.2. Time is cut hard: a frame of which
    half is there belongs to no moment.

    Args:
        runs: how many.
        frames: of the clip, T.
        seed: of the random numbers; the same gives the same masks.

    Returns:
        float32 [runs, T, 32, 32], 1 where the clip is kept, 0 where it is taken away.

    >>> from vidcls.explanation.masks import random_masks
    >>> random_masks(10, frames=8).shape
    (10, 8, 32, 32)
    """
    random = np.random.default_rng(seed)
    side = BLOCKS * _STEPS
    # Middles of the mask's cells, in blocks.
    places = (np.arange(side) + 0.5) / _STEPS
    masks = np.empty((runs, frames, side, side), np.float32)
    for mask in masks:
        blocks = (random.random((TIMES + 1, BLOCKS + 2, BLOCKS + 2)) < KEPT).astype(np.float32)
        x, y = (places + random.random() for _ in range(2))
        columns, rows = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
        spread = [cv2.remap(moment, columns, rows, cv2.INTER_LINEAR) for moment in blocks]
        shift = random.random()
        for number, frame in enumerate(mask):
            frame[:] = spread[math.floor(number * TIMES / frames + shift)]
    return masks


def enlarged(mask: npt.NDArray[np.float32], *, size: int) -> npt.NDArray[np.float32]:
    """A mask or map float32 [T, h, w] at the picture's size, float32 [T, size, size].

    >>> from vidcls.explanation.masks import enlarged
    >>> enlarged(np.ones((2, 32, 32), np.float32), size=64).shape
    (2, 64, 64)
    """
    return np.stack([cv2.resize(frame, (size, size), interpolation=cv2.INTER_LINEAR) for frame in mask])


def blended(
    clip: npt.NDArray[np.uint8], replacement: npt.NDArray[np.float32], mask: npt.NDArray[np.float32]
) -> npt.NDArray[np.uint8]:
    """The clip where `mask` is 1, its replacement where it is 0, uint8 [T, H, W, 3] rounded to whole grey levels.

    Args:
        clip: uint8 [T, H, W, 3].
        replacement: float32 [T, H, W, 3] or [1, H, W, 3].
        mask: float32 [T, h, w].

    >>> from vidcls.explanation.masks import blended
    >>> clip = np.full((1, 2, 2, 3), 200, np.uint8)
    >>> blended(clip, np.zeros((1, 2, 2, 3), np.float32), np.ones((1, 2, 2), np.float32)).max().item()
    200
    """
    kept = enlarged(mask, size=clip.shape[1])[..., None]
    return np.rint(replacement + (clip - replacement) * kept).astype(np.uint8)
