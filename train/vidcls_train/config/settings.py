"""A run's configuration, made of a recipe and of the settings that were given, each by its name alone.

A setting's name is unique over all groups, so that a settings file, the command line and settings.json in a run's
folder name it without its group: {"mixup": 0, "epochs": 5}.
"""

from __future__ import annotations

import dataclasses
import json
import os
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from vidcls.errors import ArgumentError, VidclsError
from vidcls.files.atomic import write_whole
from vidcls.files.run_status import SETTINGS_FILE
from vidcls.schema import FieldError, read_fields, read_json
from vidcls_train.config.fine_tuning import fine_tuning_recipe
from vidcls_train.config.groups import (
    AugmentationConfig,
    ClassificationConfig,
    DataConfig,
    DecisionConfig,
    DistillationConfig,
    MaskingConfig,
    ModelConfig,
    OptimizationConfig,
    RegularizationConfig,
    RunConfig,
    ScheduleConfig,
)
from vidcls_train.config.legacy import asks_for_pretraining, warn_of_pretraining, with_new_names
from vidcls_train.config.recipes import (
    ADAPTING,
    DEFAULT_BASE,
    PRESETS,
    MaskedRecipe,
    Preset,
    Recipe,
)

# What belongs to one run, and is not taken over from another run's file.
_OF_ONE_RUN = frozenset({"data", "output", "resume", "push_to_hub", "teacher_sha256"})

# What may differ when a run goes on: where and how fast it runs, and what is made of its weights, not what they become.
# A teacher may lie elsewhere, as long as its weights are the same.
_FREE_ON_RESUME = frozenset(
    {
        "output",
        "device",
        "workers",
        "cache_gb",
        "resume",
        "keep_steps",
        "push_to_hub",
        "gradient_accumulation_steps",
        "teacher",
    }
) | {field.name for field in dataclasses.fields(DecisionConfig)}


class DamagedRunError(VidclsError):
    """A file that a run goes on from is missing or damaged."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One training on labelled clips."""

    run: RunConfig
    data: DataConfig
    model: ModelConfig
    optimization: OptimizationConfig
    schedule: ScheduleConfig
    augmentation: AugmentationConfig
    regularization: RegularizationConfig
    classification: ClassificationConfig
    distillation: DistillationConfig
    decision: DecisionConfig

    def __post_init__(self) -> None:
        if self.model.preset is not None and self.classification.head_only:
            raise ArgumentError("--head-only needs a pretrained --base: a fresh encoder has no features to learn on")


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """One masked pretraining."""

    run: RunConfig
    data: DataConfig
    model: ModelConfig
    optimization: OptimizationConfig
    schedule: ScheduleConfig
    augmentation: AugmentationConfig
    masking: MaskingConfig


Config = TrainConfig | PretrainConfig
AnyConfig = TypeVar("AnyConfig", bound=TrainConfig | PretrainConfig)

# Of the published VideoMAE-B, which is the default base.
_USUAL_LAYERS = 12


def train_config(settings: Mapping[str, Any], *, kind: str = "videomae", layers: int = _USUAL_LAYERS) -> TrainConfig:
    """The settings, and for those that are missing or None what the preset's recipe says, or the base's.

    Args:
        settings: by name. Without base and preset the base is `DEFAULT_BASE`.
        kind: the base's `model_type`; it and the layers decide its recipe.
        layers: of the base's encoder.

    Raises:
        ValueError: a name is no setting's, or a value is of another type or out of its range; names it. Or settings
            do not fit together.
    """
    preset = _preset(settings)
    if preset is None:
        recipe = fine_tuning_recipe(kind, layers=layers, head_only=settings.get("head_only") is True)
    else:
        recipe = preset.recipe
    return _completed(TrainConfig, settings, recipe)


def pretrain_config(settings: Mapping[str, Any]) -> PretrainConfig:
    """As `train_config`, with the recipes for masked pretraining."""
    preset = _preset(settings)
    return _completed(PretrainConfig, settings, ADAPTING if preset is None else preset.masked_recipe)


def read_settings(file: Path) -> dict[str, Any]:
    """Settings from a JSON file: some of them, or the settings.json of another run, of an earlier version too.

    What belongs to one run (data, output and the like) and what is null is left out.

    Raises:
        ValueError: not such a file, or a setting of another name, type or range; names it.
    """
    fields = _read_file(file)
    warn_of_pretraining(fields, file=file)
    given = {name: value for name, value in with_new_names(fields, file=file).items() if name not in _OF_ONE_RUN}
    try:
        train_config({**given, "data": "", "output": ""})
    except ValueError as error:
        raise ArgumentError(f"{file}: {error}") from None
    return {name: value for name, value in given.items() if value is not None}


def save_settings(config: Config) -> None:
    """Write all settings of a run as JSON into its folder."""
    fields = {**settings_of(config), "output": config.run.output.name}
    write_whole(config.run.output / SETTINGS_FILE, (json.dumps(fields, indent=1) + "\n").encode())


def check_same_run(config: Config) -> None:
    """Compare the settings with those that the run in the output folder was begun with.

    Raises:
        ValueError: they are others.
        DamagedRunError: the run's own cannot be read.
    """
    file = config.run.output / SETTINGS_FILE
    try:
        fields = with_new_names(_read_file(file), file=file)
    except ValueError as error:
        raise DamagedRunError(f"{error}; copy it from a backup, or begin anew in another folder") from None
    try:
        before = settings_of(_nested(type(config), fields))
    except ValueError as error:
        raise ArgumentError(f"{file}: {error}") from None
    for name, value in settings_of(config).items():
        if name == "teacher_sha256" and before[name] != value:
            raise ArgumentError(_other_teacher(file, before=before, now=settings_of(config)))
        if name not in _FREE_ON_RESUME and before[name] != value:
            raise ArgumentError(
                f"--resume goes on with the settings of {file}, where {name} is {before[name]!r}, not {value!r}"
            )


def _other_teacher(file: Path, *, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What is said where a run was begun with another teacher, or with none."""
    if before["teacher"] is None:
        return f"--resume goes on with the settings of {file}, which has no teacher; leave --teacher out"
    has = f"the teacher {before['teacher']}, whose weights have the SHA-256 {before['teacher_sha256']}"
    given = "no --teacher is given" if now["teacher"] is None else f"{now['teacher']} has {now['teacher_sha256']}"
    return f"--resume goes on with the settings of {file}, with {has}; {given}: name the same teacher"


def began_with_pretraining(folder: Path) -> bool:
    """Whether the run in `folder` is one of an earlier version that began with masked pretraining on its own clips."""
    return asks_for_pretraining(_read_file(folder / SETTINGS_FILE))


def settings_of(config: Config | Recipe | MaskedRecipe) -> dict[str, Any]:
    """All values by name, without their groups."""
    return {name: value for group in dataclasses.asdict(config).values() for name, value in group.items()}


def setting_kinds(kind: type[AnyConfig]) -> dict[str, Any]:
    """The type of each setting by its name, ranges included."""
    return {
        name: hint
        for _, group in _groups(kind)
        for name, hint in typing.get_type_hints(group, include_extras=True).items()
    }


def _preset(settings: Mapping[str, Any]) -> Preset | None:
    name = settings.get("preset")
    return PRESETS.get(name) if isinstance(name, str) else None


def _completed(kind: type[AnyConfig], settings: Mapping[str, Any], recipe: Recipe | MaskedRecipe) -> AnyConfig:
    given = {name: value for name, value in settings.items() if value is not None}
    if isinstance(given.get("output"), Path):
        given["output"] = os.fspath(given["output"])
    if not {"base", "preset"} & given.keys():
        given["base"] = DEFAULT_BASE
    return _nested(kind, {**settings_of(recipe), **given})


def _nested(kind: type[AnyConfig], settings: Mapping[str, Any]) -> AnyConfig:
    known = setting_kinds(kind)
    for name in settings:
        if name not in known:
            raise FieldError(f"'{name}' is no setting; expected some of {', '.join(sorted(known))}")
    groups = {}
    for group_name, group in _groups(kind):
        names = {field.name for field in dataclasses.fields(group)}
        groups[group_name] = read_fields(group, {name: settings[name] for name in settings if name in names})
    return kind(**groups)


def _groups(kind: type[AnyConfig]) -> Iterator[tuple[str, Any]]:
    hints = typing.get_type_hints(kind)
    return ((field.name, hints[field.name]) for field in dataclasses.fields(kind))


def _read_file(file: Path) -> dict[str, Any]:
    try:
        fields = read_json(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ArgumentError(f"{file}: is not JSON ({error})") from None
    if not isinstance(fields, dict):
        raise ArgumentError(f"{file}: holds a {type(fields).__name__}, expected an object of settings")
    return fields
