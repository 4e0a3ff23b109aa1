"""A run's configuration from a recipe and what was given: names, ranges, files, and what may go on."""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from collections import Counter
from pathlib import Path

import pytest

from vidcls.files.run_status import SETTINGS_FILE
from vidcls_train.config.recipes import DEFAULT_BASE, PRESETS
from vidcls_train.config.settings import (
    PretrainConfig,
    TrainConfig,
    check_same_run,
    pretrain_config,
    read_settings,
    save_settings,
    settings_of,
    train_config,
)


def run(folder: Path, **settings: object) -> dict[str, object]:
    return {"data": "clips", "output": folder, "preset": "tiny", **settings}


def test_what_is_not_given_is_the_recipes(tmp_path: Path) -> None:
    config = train_config(run(tmp_path, mixup=0.4, epochs=3, workers=None))
    recipe = PRESETS["tiny"].recipe
    assert config.regularization == dataclasses.replace(recipe.regularization, mixup=0.4)
    assert config.schedule == dataclasses.replace(recipe.schedule, epochs=3)
    assert (config.optimization, config.augmentation) == (recipe.optimization, recipe.augmentation)
    assert config.run.output == tmp_path


def test_without_base_and_preset_the_base_is_the_published_one() -> None:
    config = train_config({"data": "clips", "output": "run"})
    assert (config.model.base, config.model.preset) == (DEFAULT_BASE, None)
    assert config.regularization.drop_path == 0.1
    larger = train_config({"data": "clips", "output": "run"}, layers=24)
    assert larger.regularization.drop_path == 0.2


@pytest.mark.parametrize("kind", [TrainConfig, PretrainConfig])
def test_a_settings_name_is_unique_over_all_groups(kind: type) -> None:
    groups = typing.get_type_hints(kind).values()
    counts = Counter(field.name for group in groups for field in dataclasses.fields(group))
    assert [name for name, count in counts.items() if count > 1] == []


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"base": "somewhere"}, "give --base or --preset, not both"),
        ({"head_only": True}, "--head-only needs a pretrained --base"),
        ({"preset": "huge"}, "'preset' is 'huge', expected one of"),
        ({"preset": ["tiny"]}, "'preset' is"),
        ({"drop_path": 1.0}, "'drop_path' is 1.0, expected"),
        ({"gradient_accumulation_steps": 0}, "'gradient_accumulation_steps' is 0, expected at least 1"),
        ({"learning_rate": 0}, "'learning_rate' is 0.0, expected more than 0"),
        ({"epochs": 2.5}, "'epochs' is 2.5, expected"),
        ({"mask_ratio": 0.5}, "'mask_ratio' is no setting"),
        ({"accumulate": 2}, "'accumulate' is no setting"),
    ],
)
def test_settings_that_are_wrong_or_do_not_fit_together_are_refused(
    settings: dict[str, object], told: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        train_config(run(tmp_path, **settings))


def test_settings_of_a_run_can_be_taken_on_by_another(tmp_path: Path) -> None:
    config = train_config(run(tmp_path, mixup=0.4, seed=3, push_to_hub="me/model", early_stopping=4))
    save_settings(config)
    given = read_settings(tmp_path / SETTINGS_FILE)
    other = train_config({**given, "data": "others", "output": "elsewhere"})
    changed = {"data": "others", "output": Path("elsewhere"), "push_to_hub": None}
    assert settings_of(other) == {**settings_of(config), **changed}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"learningrate": 1}, "'learningrate' is no setting"),
        ({"epochs": "ten"}, "'epochs' is 'ten', expected"),
        ({"flip": "maybe"}, "'flip' is 'maybe', expected one of"),
        ({"mixup": True}, "'mixup' is True, expected"),
        ({"preset": "tiny", "base": "x"}, "give --base or --preset, not both"),
        ([1], "holds a list, expected an object"),
        ("{", "is not JSON"),
        ('{"mixup": NaN}', "is not JSON"),
        ('{"mixup": 0, "mixup": 1}', "is not JSON"),
    ],
)
def test_a_settings_file_that_is_wrong_is_refused(fields: object, told: str, tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    file.write_text(fields if isinstance(fields, str) else json.dumps(fields), encoding="utf-8")
    with pytest.raises(ValueError, match=r"own\.json: ") as error:
        read_settings(file)
    assert told in str(error.value)


def test_a_run_goes_on_with_its_own_settings_alone(tmp_path: Path) -> None:
    save_settings(train_config(run(tmp_path)))
    check_same_run(train_config(run(tmp_path, resume=True, workers=3, gradient_accumulation_steps=2, cache_gb=1)))
    with pytest.raises(ValueError, match=r"where learning_rate is 0\.002, not 0\.5"):
        check_same_run(train_config(run(tmp_path, resume=True, learning_rate=0.5)))
    with pytest.raises(ValueError, match="where preset is 'tiny', not 'small'"):
        check_same_run(pretrain_config(run(pretraining(tmp_path), preset="small")))


def pretraining(folder: Path) -> Path:
    """The folder of a masked pretraining of tiny."""
    own = folder / "pretraining"
    own.mkdir()
    save_settings(pretrain_config(run(own)))
    return own


def test_a_run_goes_on_that_was_begun_before_a_hyperparameter_was_there(tmp_path: Path) -> None:
    config = train_config(run(tmp_path, cutmix=0))
    save_settings(config)
    file = tmp_path / SETTINGS_FILE
    fields = json.loads(file.read_text(encoding="utf-8"))
    del fields["cutmix"]
    file.write_text(json.dumps(fields), encoding="utf-8")
    check_same_run(config)
    with pytest.raises(ValueError, match=r"where cutmix is 0\.0, not 0\.5"):
        check_same_run(train_config(run(tmp_path, cutmix=0.5)))


def test_what_changes_no_weight_may_differ_when_a_run_goes_on(tmp_path: Path) -> None:
    save_settings(train_config(run(tmp_path)))
    decided = {"target_precision": 0.8, "false_alarm_rate": 0.02, "negatives": "street", "no_fingerprints": True}
    other = train_config(run(tmp_path, resume=True, **decided))
    check_same_run(other)
    save_settings(other)
    assert read_settings(tmp_path / SETTINGS_FILE).items() >= decided.items()


@pytest.mark.parametrize("precision", [0.49, 1.0])
def test_a_precision_that_nothing_or_everything_reaches_is_refused(precision: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="target_precision"):
        train_config(run(tmp_path, target_precision=precision))
