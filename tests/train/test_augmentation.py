from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from vidcls.contract import Contract, read_checkpoint
from vidcls_train.augmentation import RandomColour, RandomScale, directional_labels, training_transform


@pytest.fixture
def contract(checkpoint) -> Contract:
    return read_checkpoint(checkpoint)  # 4 frames of 32 x 32


def clip(*, frames: int = 10, height: int = 60, width: int = 90) -> torch.Tensor:
    values = np.random.default_rng(0).integers(0, 256, (3, frames, height, width), dtype=np.uint8)
    return torch.from_numpy(values)


def test_scaling_is_pillows_bilinear_within_the_range(contract: Contract) -> None:
    frames = clip()
    scale = RandomScale(contract.image)
    sizes = set()
    for seed in range(40):
        torch.manual_seed(seed)
        scaled = scale(frames)
        assert scaled.dtype == torch.uint8
        height, width = scaled.shape[2:]
        sizes.add(height)
        first = Image.fromarray(frames[:, 0].permute(1, 2, 0).numpy())
        expected = np.asarray(first.resize((width, height), Image.Resampling.BILINEAR))
        assert np.array_equal(scaled[:, 0].permute(1, 2, 0).numpy(), expected)
        assert width == height * 48 // 32  # 90 x 60 at 32 is 48 x 32
    assert min(sizes) == 32
    assert max(sizes) == round(32 * 320 / 224)


def test_colours_stray_alike_in_all_frames_of_a_clip() -> None:
    still = clip(frames=1).expand(3, 5, 60, 90)
    means = set()
    for seed in range(10):
        torch.manual_seed(seed)
        varied = RandomColour(0.3)(still)
        assert varied.dtype == torch.uint8
        assert all(torch.equal(varied[:, 0], varied[:, frame]) for frame in range(5))
        means.add(round(varied.float().mean().item()))
    # 30 % of a mean of 127 to either side.
    assert len(means) > 5
    assert 127 * 0.65 < min(means) < max(means) < 127 * 1.35


def test_a_training_clip_has_the_models_shape_and_mirrors_only_if_told(contract: Contract) -> None:
    # Darker and darker to the right, so that any crop shows by its brighter half whether it is mirrored.
    frames = clip()
    frames[:] = torch.arange(255, 75, -2, dtype=torch.uint8)
    for flip, expected in ((False, {True}), (True, {True, False})):
        transform = training_transform(contract, flip=flip, colour_jitter=0.3)
        left_brighter = set()
        for seed in range(20):
            torch.manual_seed(seed)
            varied = transform(frames)
            assert varied.shape == (3, 4, 32, 32)
            assert varied.dtype == torch.uint8
            left_brighter.add(bool(varied[..., :16].float().mean() > varied[..., 16:].float().mean()))
        assert left_brighter == expected


@pytest.mark.parametrize(
    "label",
    [
        "left",
        "turn left",
        "SwipeRight",
        "swipe_left",
        "swipeleft",
        "clockwise",
        "rotate_CCW",
        "anti-clockwise",
        "lefthook",
        "LEFT hand",
    ],
)
def test_labels_that_speak_of_directions_are_found(label: str) -> None:
    assert directional_labels(["clap", label]) == [label]


@pytest.mark.parametrize("label", ["bright light", "upright row", "up", "grow", "ApplyLipstick", "clock", "Cleft lift"])
def test_other_labels_are_left_alone(label: str) -> None:
    assert directional_labels([label]) == []
