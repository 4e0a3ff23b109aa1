"""How the weights of a preset are trained that nobody gave settings for; those of a base: `config.fine_tuning`."""

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


EMA = 0.03  # of a classifier's run

MILD = AugmentationConfig(crop_scale_min=0.5, crop_aspect_ratio_max=4 / 3, color_jitter=0.3)

_SMOOTHED = RegularizationConfig(label_smoothing=0.1)


def _from_scratch(*, learning_rate: float) -> Recipe:
    return Recipe(
        optimization=OptimizationConfig(batch_size=8, learning_rate=learning_rate),
        schedule=ScheduleConfig(epochs=100, ema=EMA),
        augmentation=MILD,
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
    schedule=ScheduleConfig(epochs=80, ema=EMA),
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

# Masked pretraining of an encoder that has been pretrained.
ADAPTING = _masked(epochs=50)
