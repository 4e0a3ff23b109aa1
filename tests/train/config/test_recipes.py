"""Which recipe suits which model, and that each one is what it was."""

from __future__ import annotations

import typing

import pytest

from vidcls_train.config.fine_tuning import fine_tuning_recipe
from vidcls_train.config.groups import ModelConfig
from vidcls_train.config.recipes import PRESETS
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


# By the families' own words, see `config.fine_tuning`; what is not here is off.
PUBLISHED = {
    "vjepa2": {"epochs": 20, "weight_decay": 0.05, "layer_decay": 0.8, "label_smoothing": 0, "mixup": 0, "cutmix": 0},
    "timesformer": {
        "epochs": 15,
        "weight_decay": 1e-4,
        "layer_decay": 1,
        "label_smoothing": 0,
        "random_erasing_prob": 0,
    },
    "vivit": {"epochs": 35, "weight_decay": 0, "label_smoothing": 0.3, "drop_path": 0.3, "mixup": 0.3, "cutmix": 0},
}


@pytest.mark.parametrize("kind", PUBLISHED)
def test_other_families_are_tuned_as_their_authors_do(kind: str) -> None:
    for layers in (12, 24, 40):
        found = settings_of(fine_tuning_recipe(kind, layers=layers, head_only=False))
        assert found.items() >= PUBLISHED[kind].items()
        assert (found["optimizer"], found["batch_size"]) == ("adamw", 8)


def test_a_small_encoder_of_another_family_learns_as_tiny_does_with_what_it_has() -> None:
    small = {kind: settings_of(fine_tuning_recipe(kind, layers=4, head_only=False)) for kind in PUBLISHED}
    assert small == {
        "vjepa2": {**TINY, "dropout": 0},
        "timesformer": {**TINY, "patch_dropout": 0},
        "vivit": TINY,
    }


@pytest.mark.parametrize("layers", [2, 12])
def test_a_hybrid_is_tuned_as_such_however_few_its_layers(layers: int) -> None:
    found = settings_of(fine_tuning_recipe("videomae_hybrid", layers=layers, head_only=False))
    assert (found["optimizer"], found["epochs"], found["layer_decay"]) == ("adamw", 24, 0.1)
    assert (found["mixup"], found["cutmix"], found["patch_dropout"]) == (0, 0, 0)


def test_v_jepa_2s_pooler_is_trained_as_its_authors_train_it() -> None:
    found = settings_of(fine_tuning_recipe("vjepa2", layers=24, head_only=True))
    assert found.items() >= {**OFF, "rand_augment": 7, "random_erasing_prob": 0.25, "warmup_ratio": 0}.items()
    assert (found["epochs"], found["learning_rate"], found["weight_decay"]) == (20, 2e-4, 0.1)
    others = {
        kind: fine_tuning_recipe(kind, layers=24, head_only=True) for kind in ("videomae", "timesformer", "vivit")
    }
    assert len({str(recipe) for recipe in others.values()}) == 1
