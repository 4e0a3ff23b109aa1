"""How the weights are trained that nobody gave settings for: by the preset's size, or by the base's."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from vidcls_train.config.groups import (
    AugmentationConfig,
    MaskingConfig,
    OptimizationConfig,
    RegularizationConfig,
    ScheduleConfig,
)

DEFAULT_BASE = "MCG-NJU/videomae-base"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a classifier's weights are trained."""

    optimization: OptimizationConfig
    schedule: ScheduleConfig
    augmentation: AugmentationConfig
    regularization: RegularizationConfig


@dataclass(frozen=True, kw_only=True)
class MaskedRecipe:
    """How an encoder is pretrained on masked clips."""

    optimization: OptimizationConfig
    schedule: ScheduleConfig
    augmentation: AugmentationConfig
    masking: MaskingConfig


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A size of VideoMAE trained from scratch, and the recipes that suit it.

    small and base are the published VideoMAE-S and -B; tiny is for small data, small pictures and
    machines without a GPU. patch_levels: whether its encoder sees how bright and coloured a patch is as a whole.
    """

    hidden_size: int
    layers: int
    heads: int
    frames: int
    image_size: int
    patch_size: int
    patch_levels: bool
    recipe: Recipe
    masked_recipe: MaskedRecipe


_EMA = 0.03  # of a classifier's run

_MILD = AugmentationConfig(crop_scale_min=0.5, crop_aspect_ratio_max=4 / 3, color_jitter=0.3)

_SMOOTHED = RegularizationConfig(label_smoothing=0.1)


def _from_scratch(*, learning_rate: float) -> Recipe:
    return Recipe(
        optimization=OptimizationConfig(batch_size=8, learning_rate=learning_rate),
        schedule=ScheduleConfig(epochs=100, ema=_EMA),
        augmentation=_MILD,
        regularization=_SMOOTHED,
    )


def _masked(*, epochs: int) -> MaskedRecipe:
    """VideoMAE's: nine tenths of each clip hidden, AdamW with its rate for a batch of 256, crops and colours kept."""
    return MaskedRecipe(
        optimization=OptimizationConfig(batch_size=8, learning_rate=1.5e-4),
        schedule=ScheduleConfig(epochs=epochs),
        augmentation=AugmentationConfig(crop_scale_min=0.5),  # what is hidden varies enough
        masking=MaskingConfig(mask_ratio=0.9),
    )


# Few clips are soon known by heart, and few places by their colours, unless both are mixed up.
_TINY = Recipe(
    optimization=OptimizationConfig(batch_size=16, learning_rate=2e-3, optimizer="muon"),
    schedule=ScheduleConfig(epochs=80, ema=_EMA),
    augmentation=AugmentationConfig(crop_scale_min=0.4, color_jitter=0.4, hue_jitter=0.1, grayscale_prob=0.2),
    regularization=RegularizationConfig(label_smoothing=0.1, dropout=0.1, patch_dropout=0.75, mixup=0.8, cutmix=1.0),
)

PRESETS = {
    "tiny": Preset(
        hidden_size=96,
        layers=6,
        heads=3,
        frames=8,
        image_size=112,
        patch_size=8,
        patch_levels=False,
        recipe=_TINY,
        # A fresh encoder this small takes larger steps.
        masked_recipe=dataclasses.replace(
            _masked(epochs=60),
            optimization=OptimizationConfig(batch_size=16, learning_rate=2e-3, optimizer="muon"),
        ),
    ),
    "small": Preset(
        hidden_size=384,
        layers=12,
        heads=6,
        frames=16,
        image_size=224,
        patch_size=16,
        patch_levels=True,
        recipe=_from_scratch(learning_rate=5e-4),
        masked_recipe=_masked(epochs=200),
    ),
    "base": Preset(
        hidden_size=768,
        layers=12,
        heads=12,
        frames=16,
        image_size=224,
        patch_size=16,
        patch_levels=True,
        recipe=_from_scratch(learning_rate=3e-4),
        masked_recipe=_masked(epochs=200),
    ),
}

# VideoMAE's published fine-tuning of a pretrained encoder (github.com/MCG-NJU/VideoMAE, scripts/ucf101 and
# scripts/kinetics): AdamW, weight decay 0.05, layer decay 0.7 to 0.75, label smoothing 0.1, mixup 0.8 with cutmix
# 1.0, RandAugment of magnitude 7, erasing 0.25. Its rate of 2.5e-4 for UCF101's batch of 128 is 6e-5 for one of 8 by
# the square root, which suits Adam; its hundred epochs would take the small data of most users hours on a GPU.
_FINE_TUNING = Recipe(
    optimization=OptimizationConfig(batch_size=8, learning_rate=1e-4, layer_decay=0.75),
    schedule=ScheduleConfig(epochs=20, ema=_EMA),
    augmentation=dataclasses.replace(_MILD, rand_augment=7, random_erasing_prob=0.25),
    regularization=RegularizationConfig(label_smoothing=0.1, drop_path=0.1, mixup=0.8, cutmix=1.0),
)

# Encoders of more layers lose more of them to drop path, and change less with each step.
_LARGE_LAYERS = 24
_LARGE = dataclasses.replace(
    _FINE_TUNING,
    optimization=dataclasses.replace(_FINE_TUNING.optimization, layer_decay=0.8),
    regularization=dataclasses.replace(_FINE_TUNING.regularization, drop_path=0.2),
)

# A head alone is a linear classifier on fixed features: it can take large steps, and cannot learn from mixtures.
_HEAD_ONLY = Recipe(
    optimization=OptimizationConfig(batch_size=8, learning_rate=1e-3, weight_decay=0.01),
    schedule=ScheduleConfig(epochs=20, ema=_EMA),
    augmentation=_MILD,
    regularization=RegularizationConfig(),
)

# Masked pretraining of an encoder that has been pretrained.
ADAPTING = _masked(epochs=50)


def fine_tuning_recipe(*, layers: int, head_only: bool) -> Recipe:
    """The recipe for a pretrained encoder of so many layers: 12 in VideoMAE-S and -B, 24 in -L.

    One as small as the tiny preset's, as `vidcls-pretrain` makes them, learns on as that preset does from scratch.
    """
    if head_only:
        return _HEAD_ONLY
    if layers <= PRESETS["tiny"].layers:
        return _TINY
    return _LARGE if layers >= _LARGE_LAYERS else _FINE_TUNING
