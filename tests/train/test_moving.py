"""Which patches move: the formula once more, in NumPy, patch by patch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from parity import reference
from vidcls.contract import Image
from vidcls.preprocessing import normalise
from vidcls_train.moving import grey_levels, moving_tokens, patches_of

LARGEST = 2**24  # up to which float32, in which OpenVINO computes them, knows every whole number


@pytest.mark.parametrize(("patch", "top"), [((2, 8, 8), 256), ((2, 4, 8), 2), ((4, 8, 4), 3), ((2, 16, 16), 1)])
def test_those_that_change_most_are_picked_and_of_those_alike_the_first(patch: tuple[int, int, int], top: int) -> None:
    """Of few levels many patches change alike; of one level alone none changes."""
    clips = np.random.default_rng(top).integers(0, top, (3, 4, 32, 32, 3), np.uint8)
    every = (4 // patch[0]) * (32 // patch[1]) * (32 // patch[2])
    beside = np.full((3, 5, 35, 35, 3), 255, np.uint8)  # and what fills no patch, which a convolution leaves out
    beside[:, :4, :32, :32] = clips
    patches = patches_of(torch.from_numpy(beside), patch)
    for count in (1, every // 2, every):
        found = moving_tokens(patches, count=count)
        assert found.dtype == torch.int64
        for clip, picked in zip(clips, found.tolist(), strict=True):
            assert picked == reference.moving_order(clip, patch)[:count]


@pytest.mark.parametrize(("every", "values"), [(784, 192), (1568, 768), (8192, 768), (21931, 768)])
def test_keys_of_the_largest_changes_stay_where_float32_is_exact(
    every: int, values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All patches change by all they can, but one."""
    patches = torch.zeros(1, every, 2, values, dtype=torch.uint8)
    patches[:, :, 1] = 255
    patches[0, 400, 1] = 100
    keys: list[int] = []
    topk = torch.Tensor.topk

    def watched(self: torch.Tensor, count: int, dim: int) -> object:
        keys.append(int(self.max()))
        return topk(self, count, dim)

    monkeypatch.setattr(torch.Tensor, "topk", watched)
    picked = moving_tokens(patches, count=every)[0].tolist()
    assert picked == [*(number for number in range(every) if number != 400), 400]
    assert LARGEST // 2 < keys[0] < LARGEST


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
