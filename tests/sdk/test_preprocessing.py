"""Pixels against Pillow and torch called directly, and against corners worked out by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image as PillowImage

from generated import contract_fields
from vidcls.contract import Image, ModelContract
from vidcls.contract import from_json as read_contract
from vidcls.preprocessing import crop_corners, crop_frame, normalise, resized_size

RANDOM_SIZES = [tuple(int(side) for side in pair) for pair in np.random.default_rng(1).integers(20, 400, size=(25, 2))]


def image_settings(*, resize: str = "shortest_edge", resize_size: int = 32, crop_size: int = 32) -> Image:
    fields = contract_fields(resize=resize, resize_size=resize_size, size=crop_size)
    return Image(**fields["image"] | {"mean": tuple(fields["image"]["mean"]), "std": tuple(fields["image"]["std"])})


def noise(*, width: int, height: int) -> np.ndarray:
    return np.random.default_rng(width * 1000 + height).integers(0, 256, size=(height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("width", "height", "resized"),
    [
        (320, 240, (298, 224)),  # 298.67 rounds down
        (240, 320, (224, 298)),
        (1280, 720, (398, 224)),
        (1920, 1080, (398, 224)),
        (568, 320, (397, 224)),
        (224, 224, (224, 224)),
        (100, 100, (224, 224)),
        (3, 2, (336, 224)),
        (1, 5, (224, 1120)),
    ],
)
def test_the_short_side_is_resized_and_the_long_side_rounds_down(
    width: int, height: int, resized: tuple[int, int]
) -> None:
    image = image_settings(resize_size=224, crop_size=224)
    assert resized_size(width=width, height=height, image=image) == resized


def test_the_long_side_is_exact_where_floats_are_not() -> None:
    image = image_settings(resize_size=224, crop_size=224)
    wrong = 0
    for long in range(121, 2000):
        for short in (95, 98, 100, 120):
            exact = (224 * long) // short
            assert resized_size(width=long, height=short, image=image) == (exact, 224)
            wrong += int(224 / short * long) != exact
    assert wrong > 0  # else this test would not tell integers from floats


@pytest.mark.parametrize(("width", "height"), [(320, 240), (240, 320), (17, 900), (64, 64)])
def test_stretching_ignores_the_aspect_ratio(width: int, height: int) -> None:
    assert resized_size(width=width, height=height, image=image_settings(resize="stretch")) == (32, 32)


@pytest.mark.parametrize(
    ("width", "height", "crops", "corners"),
    [
        (298, 224, 1, [(37, 0)]),
        (299, 224, 1, [(37, 0)]),  # 37.5: half to even would be 38
        (225, 224, 1, [(0, 0)]),
        (227, 224, 1, [(1, 0)]),  # 1.5: half to even would be 2
        (224, 299, 1, [(0, 37)]),
        (257, 259, 1, [(16, 17)]),
        (299, 224, 3, [(0, 0), (37, 0), (75, 0)]),
        (224, 299, 3, [(0, 0), (0, 37), (0, 75)]),
        (224, 224, 3, [(0, 0), (0, 0), (0, 0)]),
        (341, 256, 3, [(0, 16), (58, 16), (117, 16)]),  # resized to 256, cropped to 224
        (256, 341, 3, [(16, 0), (16, 58), (16, 117)]),
        (256, 256, 3, [(0, 16), (16, 16), (32, 16)]),
    ],
)
def test_crops_lie_in_the_middle_and_along_the_long_side(
    width: int, height: int, crops: int, corners: list[tuple[int, int]]
) -> None:
    image = image_settings(resize_size=224, crop_size=224)
    assert crop_corners(width=width, height=height, image=image, crops=crops) == corners


@pytest.mark.parametrize(("width", "height"), [(320, 240), (240, 320), (32, 32), (33, 32), (31, 500), *RANDOM_SIZES])
@pytest.mark.parametrize(("resize_size", "crop_size"), [(32, 32), (43, 32)])
def test_a_crop_is_pillows_bit_for_bit(width: int, height: int, resize_size: int, crop_size: int) -> None:
    frame = noise(width=width, height=height)
    long, short = max(width, height), min(width, height)
    scaled = resize_size * long // short
    size = (scaled, resize_size) if width > height else (resize_size, scaled)
    left, top = (size[0] - crop_size) // 2, (size[1] - crop_size) // 2
    resized = PillowImage.fromarray(frame).resize(size, PillowImage.Resampling.BILINEAR)
    expected = np.asarray(resized.crop((left, top, left + crop_size, top + crop_size)))
    crops = crop_frame(frame, image_settings(resize_size=resize_size, crop_size=crop_size), crops=1)
    np.testing.assert_array_equal(crops, expected[None])


@pytest.mark.parametrize(("width", "height"), RANDOM_SIZES)
def test_a_stretched_frame_is_pillows_bit_for_bit(width: int, height: int) -> None:
    frame = noise(width=width, height=height)
    expected = PillowImage.fromarray(frame).resize((32, 32), PillowImage.Resampling.BILINEAR)
    crops = crop_frame(frame, image_settings(resize="stretch"), crops=1)
    np.testing.assert_array_equal(crops, np.asarray(expected)[None])


@pytest.mark.parametrize(("width", "height"), [(97, 64), (64, 97), (64, 64), (33, 32), (500, 31)])
def test_three_crops_are_the_ends_and_the_middle_of_pillows_resize(width: int, height: int) -> None:
    frame = noise(width=width, height=height)
    size = (32 * width // height, 32) if width > height else (32, 32 * height // width)
    resized = np.asarray(PillowImage.fromarray(frame).resize(size, PillowImage.Resampling.BILINEAR))
    if width < height:
        resized = resized.swapaxes(0, 1)  # the long side is now the second
    free = resized.shape[1] - 32
    expected = [resized[:, left : left + 32] for left in (0, free // 2, free)]
    if width < height:
        expected = [crop.swapaxes(0, 1) for crop in expected]
    np.testing.assert_array_equal(crop_frame(frame, image_settings(), crops=3), np.stack(expected))


def test_a_frame_of_the_right_size_is_left_alone() -> None:
    frame = noise(width=32, height=32)
    np.testing.assert_array_equal(crop_frame(frame, image_settings(), crops=1), frame[None])


def test_a_view_of_an_array_counts_as_its_pixels() -> None:
    frame = noise(width=80, height=60)
    image = image_settings()
    reversed_channels = np.ascontiguousarray(frame[..., ::-1])
    np.testing.assert_array_equal(
        crop_frame(frame[..., ::-1], image, crops=3), crop_frame(reversed_channels, image, crops=3)
    )


def all_levels() -> np.ndarray:
    """uint8 [2, 16, 16, 3] in which every channel has every one of its 256 levels."""
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    channels = np.stack([levels, levels[::-1], levels.T], axis=-1)
    return np.stack([channels, channels[:, ::-1]])


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        ((0.123, 0.7, 1 / 3), (0.1, 0.3, 1 / 7)),
    ],
)
def test_normalised_values_are_torchs_bit_for_bit(
    mean: tuple[float, float, float], std: tuple[float, float, float]
) -> None:
    torch = pytest.importorskip("torch")
    frames = all_levels()
    image = dataclasses.replace(image_settings(), mean=mean, std=std)
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2).to(torch.float32) / 255
    expected = (pixels - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    ours = normalise(frames, image)
    assert ours.dtype == np.float32
    np.testing.assert_array_equal(ours, expected.numpy())


def test_normalising_keeps_leading_axes_and_moves_channels_before_rows() -> None:
    frames = np.stack([all_levels()[None], 255 - all_levels()[None]])  # [2, 1, T, H, W, 3]
    ours = normalise(frames, image_settings())
    assert ours.shape == (2, 1, 2, 3, 16, 16)
    np.testing.assert_array_equal(ours[1, 0], normalise(255 - all_levels(), image_settings()))


def test_the_settings_used_here_are_a_valid_contract() -> None:
    import json

    fields = contract_fields()
    fields["self_test"]["logits"] = [0.0] * 4
    assert read_contract(ModelContract, json.dumps(fields), where="x").image == image_settings()
