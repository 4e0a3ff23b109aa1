"""A run's configuration -> the model that it starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from transformers import PreTrainedModel

from vidcls.contract import TOKEN_CHOICES, configured_tokens, tokens_text
from vidcls.errors import ArgumentError
from vidcls_train.bases import located
from vidcls_train.config.patch_dropout import check_patch_dropout
from vidcls_train.config.recipes import PRESETS
from vidcls_train.config.settings import TrainConfig, train_config
from vidcls_train.data.clip_list import ProblemType
from vidcls_train.model.families import family_of
from vidcls_train.model.presets import from_preset
from vidcls_train.model.pretrained import from_base
from vidcls_train.model.starting_point import StartingPoint
from vidcls_train.model.tokens import use_tokens


def starting_point(config: TrainConfig, labels: tuple[str, ...], problem_type: ProblemType) -> StartingPoint:
    """A base or a preset with a head for the labels, whose encoder sees the tokens that the run asks for.

    Where the run says nothing of tokens, it sees those that the base says, and all where that says nothing either.

    Raises:
        ModelError, ValueError: as `from_base` and `from_preset`.
    """
    start = _loaded(config, labels, problem_type)
    asked = config.model.tokens
    use_tokens(start.model, configured_tokens(start.model.config) if asked is None else TOKEN_CHOICES[asked])
    return start


def recipe_for(settings: Mapping[str, Any], model: PreTrainedModel) -> TrainConfig:
    """The settings, and for those that nobody gave the recipe's for this model.

    Raises:
        ValueError: as `train_config`, or a setting asks for what its family does not have.
    """
    family, kind, layers = family_of(model), model.config.model_type, model.config.num_hidden_layers
    config = train_config(settings, kind=kind, layers=layers)
    check_patch_dropout(settings, tokens=tokens_text(configured_tokens(model.config)), kind=kind, layers=layers)
    if config.regularization.dropout > 0 and not family.has_dropout:
        raise ArgumentError(
            f"dropout is {config.regularization.dropout:g}, but {family.title} has none within its layers; leave it at "
            "0, and set drop_path"
        )
    if config.regularization.patch_dropout > 0 and family.tokens is None:
        raise ArgumentError(
            f"patch_dropout is {config.regularization.patch_dropout:g}, but {family.title} attends to each frame and "
            "each place by itself, so that no patch can be left out; leave it at 0"
        )
    return config


def _loaded(config: TrainConfig, labels: tuple[str, ...], problem_type: ProblemType) -> StartingPoint:
    model, resize = config.model, config.classification.resize
    if model.base is not None:
        folder = located(model.base)
        start = from_base(
            folder,
            labels,
            frames=model.frames,
            image_size=model.image_size,
            resize=resize,
            problem_type=problem_type,
        )
        # By the name that was given, not by the folder of the package.
        return replace(start, notices=tuple(notice.replace(folder, model.base) for notice in start.notices))
    return from_preset(
        PRESETS[str(model.preset)],
        labels,
        frames=model.frames,
        image_size=model.image_size,
        resize=resize,
        patch_levels=model.patch_levels,
        problem_type=problem_type,
    )
