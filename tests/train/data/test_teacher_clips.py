"""The teacher is given the student's clip: the same window, crop, colours, flip, rectangle and mixture, at its size."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from generated import write_clip
from vidcls.contract import Image, read_checkpoint
from vidcls_train.config.groups import AugmentationConfig
from vidcls_train.config.settings import train_config
from vidcls_train.data.augmentation import PairMixing, mixing_mask, training_transform
from vidcls_train.data.collate import Collate
from vidcls_train.data.datasets import ClipDataset
from vidcls_train.data.frame_cache import FrameCache
from vidcls_train.data.masks import patch_dropout_mask
from vidcls_train.data.rng import MIXING, seeded_rng
from vidcls_train.data.teacher_clips import TaughtClips
from vidcls_train.data.training_clips import training_clips
from vidcls_train.data.video import DecodedVideo

SEED, SIDE, FRAMES = 7, 32, 4
COLOURS = AugmentationConfig(
    crop_scale_min=0.3, color_jitter=0.3, hue_jitter=0.1, grayscale_prob=0.2, random_erasing_prob=0.5
)
# RandAugment's operations on colours follow the histogram of the pixels that they are given, so both differ a little.
SHAPES = AugmentationConfig(crop_scale_min=0.3, crop_aspect_ratio_max=1.3, rand_augment=9, random_erasing_prob=0.5)
# Grey levels, of 255: what two resizes of one crop to 32 and to 64 pixels differ by after the larger is halved.
RESIZED = 12


@pytest.fixture
def videos(tmp_path: Path) -> list[DecodedVideo]:
    cache = FrameCache(tmp_path / "cache", short_side=128, limit_bytes=10**9)
    paths = [write_clip(tmp_path / f"{number}.mp4", frames=90, width=160, height=128) for number in range(4)]
    return [DecodedVideo(path, cache.add(path), cache) for path in paths]


@pytest.fixture
def image(checkpoint: Path) -> Image:
    return read_checkpoint(checkpoint).image


def taught(
    videos: list[DecodedVideo],
    image: Image,
    *,
    side: int,
    frames: int,
    augmentation: AugmentationConfig = COLOURS,
) -> tuple[TaughtClips, ClipDataset]:
    """Clips with a teacher's pixels, normalised to grey levels for it, and the same clips without a teacher."""
    made = partial(training_transform, augmentation=augmentation, flip=True, grid=image.crop_size)
    plain = {"image": image, "clip_seconds": 0.8, "transform": made(image, frames=FRAMES), "seed": SEED}
    larger = dataclasses.replace(
        image, resize_size=side, crop_size=side, mean=(0.0, 0.0, 0.0), std=(1 / 255, 1 / 255, 1 / 255)
    )
    options = {"teacher_image": larger, "teacher_transform": made(larger, frames=frames)}
    targets = np.eye(4, dtype=np.float32)
    return TaughtClips(videos, targets, **options, **plain), ClipDataset(videos, targets, **plain)


def test_the_students_pixels_are_those_it_has_without_a_teacher(videos: list[DecodedVideo], image: Image) -> None:
    clips, plain = taught(videos, image, side=64, frames=8)
    for key in ((0, 0), (3, 2)):
        item, alone = clips[key], plain[key]
        assert torch.equal(item["pixel_values"], alone["pixel_values"])
        assert torch.equal(item["target"], alone["target"])
        assert item["teacher_values"].shape == (8, 3, 64, 64)


@pytest.mark.parametrize("augmentation", [COLOURS, SHAPES], ids=["colours", "shapes"])
def test_the_teacher_is_given_the_same_variation_at_its_own_size(
    videos: list[DecodedVideo], image: Image, augmentation: AugmentationConfig
) -> None:
    clips, plain = taught(videos, image, side=2 * SIDE, frames=FRAMES, augmentation=augmentation)
    for epoch in range(12):
        halved = torch.nn.functional.avg_pool2d(clips[epoch, 1]["teacher_values"], 2)
        own = torch.from_numpy(plain.frames(epoch, 1)).permute(0, 3, 1, 2).float()
        assert (halved - own).abs().mean() < RESIZED, epoch


def test_a_teacher_of_the_same_size_and_frames_is_given_the_very_same_frames(
    videos: list[DecodedVideo], image: Image
) -> None:
    clips, plain = taught(videos, image, side=SIDE, frames=FRAMES)
    for epoch in range(4):
        frames = torch.from_numpy(plain.frames(epoch, 0)).permute(0, 3, 1, 2).float()
        torch.testing.assert_close(clips[epoch, 0]["teacher_values"], frames, atol=1e-3, rtol=0)


@pytest.mark.parametrize(("resize", "teachers"), [("shortest_edge", "stretch"), ("stretch", "shortest_edge")])
def test_a_teacher_that_resizes_otherwise_is_given_the_students_crop(
    resize: Literal["shortest_edge", "stretch"],
    teachers: Literal["shortest_edge", "stretch"],
    videos: list[DecodedVideo],
    checkpoint: Path,
) -> None:
    student = read_checkpoint(checkpoint)
    image = dataclasses.replace(student.image, resize=resize)
    larger = dataclasses.replace(
        image,
        resize=teachers,
        resize_size=2 * SIDE,
        crop_size=2 * SIDE,
        mean=(0.0, 0.0, 0.0),
        std=(1 / 255, 1 / 255, 1 / 255),
    )
    config = dataclasses.replace(
        train_config({"data": "d", "output": "o", "preset": "tiny", "clip_seconds": 0.8, "seed": SEED}),
        augmentation=COLOURS,
    )
    made = partial(training_clips, videos, np.eye(4, dtype=np.float32), config, image=image, frames=FRAMES, flip=True)
    clips, plain = made(teacher=dataclasses.replace(student, image=larger)), made()
    for epoch in range(12):
        halved = torch.nn.functional.avg_pool2d(clips[epoch, 1]["teacher_values"], 2)
        own = torch.from_numpy(plain.frames(epoch, 1)).permute(0, 3, 1, 2).float()
        assert (halved - own).abs().mean() < RESIZED, epoch


def test_more_frames_are_of_the_same_window(videos: list[DecodedVideo], image: Image) -> None:
    clips, plain = taught(videos, image, side=SIDE, frames=2 * FRAMES - 1)
    frames = torch.from_numpy(plain.frames(0, 0)).permute(0, 3, 1, 2).float()
    found = clips[0, 0]["teacher_values"]
    torch.testing.assert_close(found[[0, -1]], frames[[0, -1]], atol=1e-3, rtol=0)


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.8, 0.0), (0.0, 1.0), (0.8, 1.0), (0.0, 0.0)])
def test_the_teachers_clips_are_mixed_as_the_students_are(
    videos: list[DecodedVideo], image: Image, mixup: float, cutmix: float
) -> None:
    clips, _ = taught(videos, image, side=2 * SIDE, frames=FRAMES)
    mixing = PairMixing(mixup=mixup, cutmix=cutmix)
    collate = Collate(mixing, branches=2, hide=partial(patch_dropout_mask, 8, 0.25), seed=SEED)
    items = [clips[0, index] for index in range(3)]
    batch = collate(items)
    values = torch.stack([item["teacher_values"] for item in items])
    with seeded_rng(SEED, 0, 0, MIXING):
        own = mixing_mask(mixing, SIDE, SIDE)
    pixels = torch.stack([item["pixel_values"] for item in items[:2]])
    shares = own[:, None, None]
    torch.testing.assert_close(batch["pixel_values"][:2], shares * pixels + (1 - shares) * pixels.flip(0))
    large = own.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)[:, None, None]
    torch.testing.assert_close(batch["teacher_values"][:2], large * values[:2] + (1 - large) * values[:2].flip(0))
    assert torch.equal(batch["teacher_values"][2], values[2])
    if mixup or cutmix:
        assert batch["targets"][0, 0].item() == pytest.approx(own[0].mean().item(), abs=1e-5)
        assert not torch.equal(batch["teacher_values"][0], values[0])
