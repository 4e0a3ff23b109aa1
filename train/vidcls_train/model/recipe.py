"""Settings -> the whole configuration of a run, once its model's family is known; read without PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidcls.contract import TOKEN_CHOICES
from vidcls.errors import ArgumentError
from vidcls_train.config.patch_dropout import check_patch_dropout
from vidcls_train.config.settings import TrainConfig, train_config
from vidcls_train.model.families import check_tokens, family_by_type


def recipe_for(settings: Mapping[str, Any], *, kind: str, layers: int, tokens: str) -> TrainConfig:
    """The settings, and for those that nobody gave the recipe's for this kind of model.

    Args:
        settings: by name.
        kind: its `model_type`.
        layers: of its encoder.
        tokens: those that its encoder sees, as `--tokens` takes them.

    Raises:
        ModelError: none of the families that can be trained.
        ValueError: as `train_config`, or a setting asks for what its family does not have.
    """
    family, config = family_by_type(kind), train_config(settings, kind=kind, layers=layers)
    if config.model.tokens is not None:
        check_tokens(TOKEN_CHOICES[config.model.tokens], family)
    if config.classification.head_only and not config.run.resume:
        _check_head_only(config)
    check_patch_dropout(settings, tokens=tokens, kind=kind, layers=layers)
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


def _check_head_only(config: TrainConfig) -> None:
    """Refuse what is asked for within an encoder that stays as it is, and shows the head all of what it finds.

    Recipes for a head alone have none of it. A run of an earlier version, which took no notice of it, goes on.
    """
    for name in ("drop_path", "dropout", "patch_dropout"):
        value = getattr(config.regularization, name)
        if value > 0:
            raise ArgumentError(
                f"{name} is {value:g}, but with --head-only the encoder stays as it is and leaves nothing out; leave "
                f"{name} at 0, or train the encoder too, without --head-only"
            )
