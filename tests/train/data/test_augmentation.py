from __future__ import annotations

import colorsys
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import adjust_hue

from vidcls.contract import Contract, read_checkpoint
from vidcls.preprocessing import resize
from vidcls_train.config.groups import AugmentationConfig
from vidcls_train.data.augmentation import RandomCrop, training_transform
from vidcls_train.data.colours import RandomColours, RandomHue


@pytest.fixture
def contract(checkpoint: Path) -> Contract:
    return read_checkpoint(checkpoint)  # 4 frames of 32 x 32


def clip(*, frames: int = 10, height: int = 60, width: int = 90) -> torch.Tensor:
    values = np.random.default_rng(0).integers(0, 256, (3, frames, height, width), dtype=np.uint8)
    return torch.from_numpy(values)


@pytest.mark.parametrize("how", ["shortest_edge", "stretch"])
def test_a_crop_is_of_one_box_for_all_frames_within_what_the_model_sees(contract: Contract, how: Any) -> None:
    # Each pixel tells where it is, so that the crop tells its box.
    rows, columns = torch.meshgrid(torch.arange(60) * 4, torch.arange(90) * 2, indexing="ij")
    frames = torch.stack([rows, columns, rows * 0]).to(torch.uint8).expand(5, 3, 60, 90)
    crop = RandomCrop(dataclasses.replace(contract.image, resize=how), area=0.4, stretch=1.2)
    seen_width = 60 if how == "shortest_edge" else 90
    shares, ratios = [], []
    for seed in range(60):
        torch.manual_seed(seed)
        cropped = crop(frames)
        assert cropped.shape == (5, 3, 32, 32)
        assert cropped.dtype == torch.uint8
        assert all(torch.equal(cropped[0], frame) for frame in cropped)
        down = ((cropped[0, 0, -2].float().mean() - cropped[0, 0, 1].float().mean()) / 4 * 32 / 29).item()
        across = ((cropped[0, 1, :, -2].float().mean() - cropped[0, 1, :, 1].float().mean()) / 2 * 32 / 29).item()
        shares.append(down * across / (60 * seen_width))
        ratios.append(across / down / (seen_width / 60))
    assert 0.37 < min(shares) < 0.5
    assert 0.85 < max(shares) < 1.03
    assert 1 / 1.3 < min(ratios) < 1 / 1.1
    assert 1.1 < max(ratios) < 1.3


def test_a_crop_of_everything_is_the_pixel_rules_resize(contract: Contract) -> None:
    frames = clip(frames=2, height=60, width=60).transpose(0, 1)
    for frame, cropped in zip(frames, RandomCrop(contract.image, area=1.0, stretch=1.0)(frames), strict=True):
        expected = resize(frame.permute(1, 2, 0).contiguous().numpy(), width=32, height=32)
        assert np.array_equal(cropped.permute(1, 2, 0).numpy(), expected)


def test_colours_stray_alike_in_all_frames_of_a_clip(contract: Contract) -> None:
    still = clip(frames=1).expand(3, 5, 60, 90)
    transform = training_transform(contract.image, AugmentationConfig(color_jitter=0.3), frames=4, flip=False)
    means = set()
    for seed in range(10):
        torch.manual_seed(seed)
        varied = transform(still)
        assert varied.dtype == torch.uint8
        assert all(torch.equal(varied[:, 0], varied[:, frame]) for frame in range(4))
        means.add(round(varied.float().mean().item()))
    # 30 % of a mean of 127 to either side.
    assert len(means) > 5
    assert 127 * 0.65 < min(means) < max(means) < 127 * 1.35


@pytest.mark.parametrize("jitter", [0.0, 0.3])
def test_where_colours_count_no_operation_changes_them(contract: Contract, jitter: float) -> None:
    plain = torch.full((3, 5, 60, 90), 200, dtype=torch.uint8)
    transform = training_transform(
        contract.image,
        AugmentationConfig(color_jitter=jitter, grayscale_prob=0.1, rand_augment=9, random_erasing_prob=0.2),
        frames=4,
        flip=True,
    )
    brightest = set()
    for seed in range(40):
        torch.manual_seed(seed)
        brightest.add(transform(plain).max().item())
    assert (brightest == {200}) == (jitter == 0)


@pytest.mark.parametrize("jitter", [0.0, 0.1])
def test_hues_stray_as_far_as_they_may_where_colours_may_change(contract: Contract, jitter: float) -> None:
    red = torch.tensor([200, 100, 100], dtype=torch.uint8)[:, None, None, None].expand(3, 5, 60, 90)
    transform = training_transform(
        contract.image, AugmentationConfig(color_jitter=jitter, hue_jitter=0.1), frames=4, flip=False
    )
    turned = []
    for seed in range(40):
        torch.manual_seed(seed)
        varied = transform(red)
        assert all(torch.equal(varied[:, 0], varied[:, frame]) for frame in range(4))
        hue = colorsys.rgb_to_hsv(*(varied[:, 0, 0, 0] / 255).tolist())[0]
        turned.append(hue if hue < 0.5 else hue - 1)
    if jitter == 0:
        assert set(turned) == {0.0}
    else:
        # A grey level more or less, of a hundred between the channels, turns the hue by a sixth of a hundredth.
        assert -0.11 < min(turned) < -0.06
        assert 0.06 < max(turned) < 0.11


# Both compute in float32 and round once, OpenCV to the nearest level and torchvision downwards.
ROUNDING = 1


def test_hues_are_turned_as_torchvision_turns_them() -> None:
    clip = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (4, 3, 40, 56), dtype=np.uint8))

    for seed in range(20):
        torch.manual_seed(seed)
        turned = RandomHue(0.5)(clip)
        torch.manual_seed(seed)
        wanted = adjust_hue(clip, float(torch.empty(1).uniform_(-0.5, 0.5)))

        assert turned.dtype == torch.uint8
        assert int((turned.int() - wanted.int()).abs().max()) <= ROUNDING


@pytest.mark.parametrize(
    ("of", "rounding"),
    [
        ("brightness_factor", ROUNDING),
        ("contrast_factor", ROUNDING),
        ("saturation_factor", 2 * ROUNDING),  # OpenCV's shares of channels are whole numbers of a thousandth, too
    ],
)
def test_colours_are_varied_as_torchvision_varies_them(of: str, rounding: int) -> None:
    colours, theirs = RandomColours(0.4), v2.ColorJitter(0.4, 0.4, 0.4)
    frames = clip(frames=4).transpose(0, 1)
    frames[1] //= 3  # of another mean than the rest
    for seed in range(20):
        torch.manual_seed(seed)
        drawn = colours.make_params([])
        params = {name: value if name in ("fn_idx", of) else None for name, value in drawn.items()}
        varied, wanted = colours.transform(frames, params), theirs.transform(frames, params)
        assert varied.dtype == torch.uint8
        assert int((varied.int() - wanted.int()).abs().max()) <= rounding


def test_colours_take_torchvisions_random_numbers_and_order() -> None:
    frames = clip(frames=4).transpose(0, 1)
    for seed in range(20):
        torch.manual_seed(seed)
        varied, after = RandomColours(0.4)(frames), torch.rand(1)
        torch.manual_seed(seed)
        wanted = v2.ColorJitter(0.4, 0.4, 0.4)(frames)
        assert torch.equal(after, torch.rand(1))
        # The later ones enlarge what the earlier ones round by factors up to 1.4.
        assert int((varied.int() - wanted.int()).abs().max()) <= 6 * ROUNDING


def test_a_training_clip_has_the_models_shape_and_mirrors_only_if_told(contract: Contract) -> None:
    # Darker and darker to the right, so that any crop shows by its brighter half whether it is mirrored.
    frames = clip()
    frames[:] = torch.arange(255, 75, -2, dtype=torch.uint8)
    for flip, expected in ((False, {True}), (True, {True, False})):
        transform = training_transform(
            contract.image, AugmentationConfig(color_jitter=0.3, crop_scale_min=0.3), frames=4, flip=flip
        )
        left_brighter = set()
        for seed in range(20):
            torch.manual_seed(seed)
            varied = transform(frames)
            assert varied.shape == (3, 4, 32, 32)
            assert varied.dtype == torch.uint8
            left_brighter.add(bool(varied[..., :16].float().mean() > varied[..., 16:].float().mean()))
        assert left_brighter == expected
