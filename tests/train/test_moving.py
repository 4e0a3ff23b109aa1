"""Which patches move: the formula once more, in NumPy, patch by patch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from parity import reference
from vidcls.contract import Image
from vidcls.preprocessing import normalise
from vidcls_train.moving import grey_levels, moving_tokens, patches_of

LARGEST = 2**31


@pytest.mark.parametrize(("patch", "top"), [((2, 8, 8), 256), ((2, 4, 8), 2), ((4, 8, 4), 3), ((2, 16, 16), 1)])
def test_those_that_change_most_are_picked_and_of_those_alike_the_first(patch: tuple[int, int, int], top: int) -> None:
    """Of few levels many patches change alike; of one level alone none changes."""
    clips = np.random.default_rng(top).integers(0, top, (3, 4, 32, 32, 3), np.uint8)
    every = (4 // patch[0]) * (32 // patch[1]) * (32 // patch[2])
    patches = patches_of(torch.from_numpy(clips), patch)
    for count in (1, every // 2, every):
        found = moving_tokens(patches, count=count)
        assert found.dtype == torch.int64
        for clip, picked in zip(clips, found.tolist(), strict=True):
            assert picked == reference.moving_order(clip, patch)[:count]


def test_keys_of_the_largest_clips_fit_int32() -> None:
    """As many patches as a V-JEPA 2 of 64 frames would have, of which one alone changes by less than all it can."""
    patches = torch.zeros(1, 8192, 2, 768, dtype=torch.uint8)
    patches[:, :, 1] = 255
    patches[0, 4000, 1] = 100
    assert 255 * 768 * 8192 < LARGEST < 255 * 768 * 8192 * 2
    for frames in (2, 4):
        picked = moving_tokens(patches.repeat(1, 1, frames // 2, 1), count=8192)[0].tolist()
        assert picked[-1] == 4000
        assert picked[:-1] == [number for number in range(8192) if number != 4000]


@pytest.mark.parametrize("std", [(0.2, 0.3, 0.25), (0.229, 0.224, 0.225), (1.0, 0.01, 7.0)])
def test_grey_levels_are_those_that_pixels_were_made_of(std: tuple[float, float, float]) -> None:
    image = Image(
        resize="stretch",
        resize_size=16,
        crop_size=16,
        interpolation="bilinear",
        antialias=True,
        channels="rgb",
        mean=(0.5, 0.4, 0.3),
        std=std,
    )
    frames = np.arange(3 * 2 * 16 * 16 * 3, dtype=np.int64).reshape(3, 2, 16, 16, 3).astype(np.uint8)
    found = grey_levels(torch.from_numpy(normalise(frames, image)), image)
    np.testing.assert_array_equal(found.numpy(), frames)
