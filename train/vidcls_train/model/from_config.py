"""A run's configuration -> the model that it starts from."""

from __future__ import annotations

from dataclasses import replace

from vidcls.contract import TOKEN_CHOICES, configured_tokens
from vidcls_train.bases.location import named
from vidcls_train.config.recipes import PRESETS
from vidcls_train.config.settings import PretrainConfig, TrainConfig
from vidcls_train.data.clip_list import ProblemType
from vidcls_train.model.presets import from_preset, masked_from_preset
from vidcls_train.model.pretrained import from_base, masked_from_base
from vidcls_train.model.starting_point import PretrainingPoint, StartingPoint
from vidcls_train.model.tokens import use_tokens


def starting_point(config: TrainConfig, labels: tuple[str, ...], problem_type: ProblemType) -> StartingPoint:
    """A base or a preset with a head for the labels, whose encoder sees the tokens that the run asks for.

    Where the run says nothing of tokens, it sees those that the base says, and all where that says nothing either.

    Raises:
        ModelError, ValueError: as `from_base` and `from_preset`.
    """
    start = _loaded(config, labels, problem_type)
    asked = config.model.tokens
    tokens = configured_tokens(start.model.config) if asked is None else TOKEN_CHOICES[asked]
    use_tokens(start.model, tokens, image=start.image)
    return start


def masked_starting_point(config: PretrainConfig) -> PretrainingPoint:
    """A VideoMAE for masked pretraining.

    Raises:
        ModelError, ValueError: as `masked_from_base` and `masked_from_preset`.
    """
    model = config.model
    if model.base is not None:
        with named(model.base) as folder:
            start = masked_from_base(folder, frames=model.frames, image_size=model.image_size)
        return replace(start, notices=_said_of(model.base, folder, start.notices))
    return masked_from_preset(
        PRESETS[str(model.preset)],
        frames=model.frames,
        image_size=model.image_size,
        patch_levels=model.patch_levels,
    )


def _loaded(config: TrainConfig, labels: tuple[str, ...], problem_type: ProblemType) -> StartingPoint:
    model, resize = config.model, config.classification.resize
    if model.base is not None:
        with named(model.base) as folder:
            start = from_base(
                folder,
                labels,
                frames=model.frames,
                image_size=model.image_size,
                resize=resize,
                problem_type=problem_type,
            )
        return replace(start, notices=_said_of(model.base, folder, start.notices))
    return from_preset(
        PRESETS[str(model.preset)],
        labels,
        frames=model.frames,
        image_size=model.image_size,
        resize=resize,
        patch_levels=model.patch_levels,
        problem_type=problem_type,
    )


def _said_of(base: str, folder: str, notices: tuple[str, ...]) -> tuple[str, ...]:
    """By the name that was given, not by the folder of the package or of the hub's cache."""
    return tuple(notice.replace(folder, base) for notice in notices)
