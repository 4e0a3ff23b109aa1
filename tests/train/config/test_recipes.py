"""Which recipe suits which model, and that each one is what it was."""

from __future__ import annotations

import typing

import pytest

from vidcls_train.config.groups import ModelConfig
from vidcls_train.config.recipes import PRESETS, fine_tuning_recipe
from vidcls_train.config.settings import pretrain_config, settings_of

COMMON = {"weight_decay": 0.05, "warmup_ratio": 0.1, "max_steps": None}
OFF = {
    "hue_jitter": 0,
    "grayscale_prob": 0,
    "rand_augment": 0,
    "random_erasing_prob": 0,
    "drop_path": 0,
    "dropout": 0,
    "patch_dropout": 0,
    "mixup": 0,
    "cutmix": 0,
}
MILD = {**COMMON, **OFF, "optimizer": "adamw", "layer_decay": 1, "label_smoothing": 0.1, "ema": 0.03}
MILD |= {"batch_size": 8, "crop_scale_min": 0.5, "crop_aspect_ratio_max": 4 / 3, "color_jitter": 0.3}
TUNED = {**MILD, "epochs": 20, "learning_rate": 1e-4, "layer_decay": 0.75, "drop_path": 0.1, "rand_augment": 7}
TUNED |= {"random_erasing_prob": 0.25, "mixup": 0.8, "cutmix": 1}
TINY = {**MILD, "epochs": 80, "batch_size": 16, "learning_rate": 2e-3, "optimizer": "muon", "dropout": 0.1}
TINY |= {"patch_dropout": 0.75, "crop_scale_min": 0.4, "crop_aspect_ratio_max": 1, "color_jitter": 0.4}
TINY |= {"hue_jitter": 0.1, "grayscale_prob": 0.2, "mixup": 0.8, "cutmix": 1}


def test_presets_recipes_are_what_was_measured() -> None:
    assert settings_of(PRESETS["tiny"].recipe) == TINY
    assert settings_of(PRESETS["small"].recipe) == {**MILD, "epochs": 100, "learning_rate": 5e-4}
    assert settings_of(PRESETS["base"].recipe) == {**MILD, "epochs": 100, "learning_rate": 3e-4}


@pytest.mark.parametrize(
    ("layers", "head_only", "expected"),
    [
        (6, False, TINY),  # as vidcls-pretrain makes them of tiny
        (12, False, TUNED),
        (24, False, {**TUNED, "drop_path": 0.2, "layer_decay": 0.8}),  # more layers are tuned more gently
        (
            12,
            True,
            {**MILD, "epochs": 20, "learning_rate": 1e-3, "weight_decay": 0.01, "label_smoothing": 0},
        ),
        (6, True, {**MILD, "epochs": 20, "learning_rate": 1e-3, "weight_decay": 0.01, "label_smoothing": 0}),
    ],
)
def test_a_bases_recipe_goes_by_its_layers(layers: int, head_only: bool, expected: dict[str, object]) -> None:
    assert settings_of(fine_tuning_recipe(layers=layers, head_only=head_only)) == expected


def test_only_a_fresh_tiny_encoder_is_pretrained_in_large_steps() -> None:
    run = {"data": "", "output": ""}
    fresh, adapted, told = (
        pretrain_config({**run, **changes})
        for changes in (
            {"preset": "tiny"},
            {"base": "somewhere"},
            {"preset": "tiny", "optimizer": "adamw", "mask_ratio": 0.6, "epochs": 7},
        )
    )
    kinds = [config.optimization.optimizer for config in (fresh, adapted, told)]
    assert kinds == ["muon", "adamw", "adamw"]
    assert [config.masking.mask_ratio for config in (fresh, adapted, told)] == [0.9, 0.9, 0.6]
    assert [config.schedule.epochs for config in (fresh, adapted, told)] == [60, 50, 7]
    assert [config.optimization.batch_size for config in (fresh, adapted, told)] == [16, 8, 16]
    assert [config.optimization.learning_rate for config in (fresh, adapted)] == [2e-3, 1.5e-4]
    assert [config.augmentation.crop_scale_min for config in (fresh, adapted)] == [0.5, 0.5]
    assert fresh.schedule.ema == adapted.schedule.ema == 0


def test_every_preset_can_be_named() -> None:
    (names,) = [
        typing.get_args(part)
        for part in typing.get_args(typing.get_type_hints(ModelConfig)["preset"])
        if part is not type(None)
    ]
    assert set(names) == set(PRESETS)
