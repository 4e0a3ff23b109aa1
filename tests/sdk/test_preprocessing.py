"""Pixels against Pillow and torch called directly, exact fractions, and corners worked out by hand."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import PIL
import pytest
from PIL import Image as PillowImage

from generated import contract_fields
from vidcls.contract import Image, ModelContract
from vidcls.contract import from_json as read_contract
from vidcls.errors import VideoError
from vidcls.preprocessing import (
    CROP_THREADS,
    Crop,
    crop_boxes,
    crop_corners,
    crop_frame,
    crop_frames,
    normalise,
    resize,
    resized_size,
)
from vidcls.video.protocol import Picture

RANDOM_SIZES = [tuple(int(side) for side in pair) for pair in np.random.default_rng(1).integers(20, 400, size=(25, 2))]
# From 64 pixels to 4K, as many small ones as large ones.
ANY_SIZES = [
    tuple(int(side) for side in pair)
    for pair in np.exp(np.random.default_rng(2).uniform(np.log(64), np.log(4096), size=(16, 2)))
]
CAMERA_SIZES = [
    (1280, 720),
    (720, 1280),
    (1920, 1080),
    (1080, 2520),
    (3840, 2160),
    (2160, 3840),
    (2000, 64),
    (64, 2000),
]

# Pillow 13 began to filter the columns of some frames before their rows; vidcls does so in any version.
with_pillow_13 = pytest.mark.skipif(
    int(PIL.__version__.partition(".")[0]) < 13, reason="this Pillow filters the rows of every frame first"
)


def image_settings(*, resize: Any = "shortest_edge", resize_size: int = 32, crop_size: int = 32) -> Image:
    fields = contract_fields(resize=resize, resize_size=resize_size, size=crop_size)
    return Image(**fields["image"] | {"mean": tuple(fields["image"]["mean"]), "std": tuple(fields["image"]["std"])})


def noise(*, width: int, height: int) -> np.ndarray:
    return np.random.default_rng(width * 1000 + height).integers(0, 256, size=(height, width, 3), dtype=np.uint8)


def crop_as(image: Image, *, crops: int = 1) -> Crop:
    return partial(crop_frame, image=image, crops=crops)


def decoded(frame: np.ndarray) -> Picture:
    """A picture as a decoder hands it out: converted when it is called."""
    return lambda: frame


def filter_weights(source: int, target: int) -> list[list[tuple[int, int]]]:
    """(input pixel, weight in 2**-22) of each output pixel: a triangle, one output pixel to either side."""
    scale = Fraction(source, target)
    reach = max(scale, Fraction(1))
    rows = []
    for output in range(target):
        centre = (output + Fraction(1, 2)) * scale
        near = range(max(0, math.floor(centre - reach)), min(source, math.ceil(centre + reach)))
        heights = {pixel: 1 - abs(pixel + Fraction(1, 2) - centre) / reach for pixel in near}
        heights = {pixel: height for pixel, height in heights.items() if height > 0}
        total = sum(heights.values())
        rows.append([(pixel, math.floor(height / total * 2**22 + Fraction(1, 2))) for pixel, height in heights.items()])
    return rows


def exactly_filtered(pixels: np.ndarray, target: int) -> np.ndarray:
    """uint8 [N, ...] filtered along its first axis to uint8 [target, ...], in integers."""
    sums = [
        sum(pixels[pixel].astype(np.int64) * weight for pixel, weight in row)
        for row in filter_weights(len(pixels), target)
    ]
    return ((np.stack(sums) + 2**21) >> 22).astype(np.uint8)


def exactly_resized(frame: np.ndarray, *, width: int, height: int, columns_first: bool) -> np.ndarray:
    if columns_first:
        return exactly_filtered(exactly_filtered(frame, height).swapaxes(0, 1), width).swapaxes(0, 1)
    return exactly_filtered(exactly_filtered(frame.swapaxes(0, 1), width).swapaxes(0, 1), height)


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


@pytest.mark.parametrize(
    ("width", "height", "target", "columns_first"),
    [
        (80, 60, (42, 32), False),
        (60, 80, (32, 42), False),
        (61, 47, (97, 75), False),  # up
        (90, 40, (72, 90), False),  # down and up
        (40, 90, (90, 72), True),
        (64, 64, (32, 32), False),  # many sums end on exactly a half
        (100, 200, (50, 100), False),  # twice as many rows go as columns, not more
        (100, 201, (50, 100), True),
        (33, 170, (32, 164), True),
        (34, 2000, (32, 64), True),
        (2000, 33, (64, 32), False),
        (7, 5, (7, 3), True),
        (7, 5, (4, 5), False),
        (1, 1, (32, 32), False),
    ],
)
def test_a_resized_frame_is_what_exact_fractions_give(
    width: int, height: int, target: tuple[int, int], columns_first: bool
) -> None:
    frame = noise(width=width, height=height)
    expected = exactly_resized(frame, width=target[0], height=target[1], columns_first=columns_first)
    np.testing.assert_array_equal(resize(frame, width=target[0], height=target[1]), expected)


def test_the_order_of_the_axes_shows_in_the_pixels() -> None:
    frame = noise(width=100, height=201)
    rows, columns = (exactly_resized(frame, width=50, height=100, columns_first=first) for first in (False, True))
    assert (rows != columns).any()  # else the test above would not tell them apart


@with_pillow_13
@pytest.mark.parametrize(("width", "height"), [*CAMERA_SIZES, *ANY_SIZES])
def test_crops_of_any_size_of_frame_are_pillows_bit_for_bit(width: int, height: int) -> None:
    frame = noise(width=width, height=height)
    source = PillowImage.fromarray(frame)
    size = (224 * width // height, 224) if width > height else (224, 224 * height // width)
    resized = np.asarray(source.resize(size, PillowImage.Resampling.BILINEAR))
    across, down = size[0] - 224, size[1] - 224  # one of them is 0
    thirds = [
        resized[top : top + 224, left : left + 224] for left, top in [(0, 0), (across // 2, down // 2), (across, down)]
    ]
    image = image_settings(resize_size=224, crop_size=224)
    np.testing.assert_array_equal(crop_frame(frame, image, crops=3), np.stack(thirds))
    np.testing.assert_array_equal(crop_frame(frame, image, crops=1), thirds[1][None])
    stretched = np.asarray(source.resize((224, 224), PillowImage.Resampling.BILINEAR))
    stretch = image_settings(resize="stretch", resize_size=224, crop_size=224)
    np.testing.assert_array_equal(crop_frame(frame, stretch, crops=1), stretched[None])


@with_pillow_13
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


@with_pillow_13
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


def test_frames_are_cropped_in_order_whatever_their_sizes() -> None:
    frames = [noise(width=40 + 97 * (number % 3), height=40 + number) for number in range(20)]
    image = image_settings()
    for crops in (1, 3):
        expected = [crop_frame(frame, image, crops=crops) for frame in frames]
        np.testing.assert_array_equal(list(crop_frames(map(decoded, frames), crop_as(image, crops=crops))), expected)
    assert list(crop_frames([], crop_as(image))) == []


@pytest.mark.parametrize(("width", "height"), [(640, 360), (360, 640), (321, 200), (90, 90), (100, 88)])
@pytest.mark.parametrize("region", [None, (0.25, 0.0, 1.0, 0.9), (0.0, 0.5, 0.9, 1.0)])
@pytest.mark.parametrize("settings", [{}, {"resize": "stretch"}, {"resize_size": 40}])
def test_a_crop_shows_what_is_in_its_box_and_nothing_else(
    width: int, height: int, region: Any, settings: dict[str, Any]
) -> None:
    """White where the box is, black around it: the crop is white, but for what the filter reaches at its edges."""
    image = image_settings(**settings)
    for crops in (1,) if settings.get("resize") == "stretch" else (1, 3):
        boxes = crop_boxes(width=width, height=height, image=image, crops=crops, region=region)
        assert len(boxes) == crops
        for number, (left, top, right, bottom) in enumerate(boxes):
            assert 0 <= left < right <= width
            assert 0 <= top < bottom <= height
            frame = np.zeros((height, width, 3), np.uint8)
            frame[top:bottom, left:right] = 255
            crop = crop_frame(frame, image, crops=crops, region=region)[number]
            assert crop[2:-2, 2:-2].min() == 255
            assert crop_frame(255 - frame, image, crops=crops, region=region)[number][2:-2, 2:-2].max() == 0
            # And it is no larger: a rim inside of it shows.
            rim = np.zeros((height, width, 3), np.uint8)
            rim[top:bottom, left:right] = 255
            within = -(-width // 20), -(-height // 20)
            rim[top + within[1] : bottom - within[1], left + within[0] : right - within[0]] = 0
            seen = crop_frame(rim, image, crops=crops, region=region)[number]
            sides = seen[0], seen[-1], seen[:, 0], seen[:, -1]
            assert min(np.median(side) for side in sides) > 100


def test_few_frames_are_taken_ahead() -> None:
    frame = noise(width=40, height=40)
    taken = 0

    def endless() -> Iterator[Picture]:
        nonlocal taken
        while True:
            taken += 1
            yield decoded(frame)

    cropped = crop_frames(endless(), crop_as(image_settings()))
    for handed_out in range(1, 50):
        next(cropped)
        assert taken <= handed_out + CROP_THREADS
    cropped.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("good", [0, 1, 30])
def test_what_stops_the_frames_comes_through(good: int) -> None:
    def broken() -> Iterator[Picture]:
        yield from [decoded(noise(width=40, height=40))] * good
        raise VideoError("clip.avi", "frame 7 cannot be decoded")

    with pytest.raises(VideoError, match="frame 7 cannot be decoded"):
        list(crop_frames(broken(), crop_as(image_settings())))


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


def test_a_view_of_an_array_is_normalised_as_its_pixels() -> None:
    mirrored = all_levels()[:, :, ::-1, ::-1]
    np.testing.assert_array_equal(
        normalise(mirrored, image_settings()), normalise(np.ascontiguousarray(mirrored), image_settings())
    )


def test_the_settings_used_here_are_a_valid_contract() -> None:
    import json

    fields = contract_fields()
    fields["self_test"]["logits"] = [0.0] * 4
    assert read_contract(ModelContract, json.dumps(fields), where="x").image == image_settings()
