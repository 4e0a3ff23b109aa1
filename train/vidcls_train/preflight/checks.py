"""All that can be refused of a run before PyTorch is loaded: options, sizes, the disk, the base, the data's names."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidcls.errors import ArgumentError
from vidcls.files.run_status import why_incomplete
from vidcls.huggingface import CONFIG_FILE
from vidcls_train.bases.location import check_exists, hides_folder, is_here, located
from vidcls_train.config.batches import check_parts
from vidcls_train.config.fine_tuning import has_recipe
from vidcls_train.config.precision import check_precision
from vidcls_train.config.settings import Config, TrainConfig, train_config
from vidcls_train.data.archives import is_archive
from vidcls_train.data.clip_list import ClipList
from vidcls_train.data.listing import (
    HUB_PREFIX,
    check_kind,
    check_label_count,
    check_learnable,
    check_some_exist,
    list_clips,
)
from vidcls_train.data.negatives import check_negatives, find_negatives
from vidcls_train.data.splits import check_sizes
from vidcls_train.data.unlabelled import find_unlabelled
from vidcls_train.model.recipe import recipe_for
from vidcls_train.model.window import with_window
from vidcls_train.output.run_folder import check_output, check_resume, check_writable
from vidcls_train.preflight.base import check_base, check_pretrained_base
from vidcls_train.preflight.room import check_room
from vidcls_train.preflight.shapes import Shape, check_shape, shape_of
from vidcls_train.preflight.teacher import check_described_teacher
from vidcls_train.trainer.steps import last_step

_LOG = logging.getLogger("vidcls.train")


def check_training_run(settings: Mapping[str, Any], *, processes: int) -> None:
    """Refuse what `finetune.train` would refuse, as far as nothing has to be computed or unpacked for it.

    Args:
        settings: by name, as for `finetune.train`.
        processes: that share the run.

    Raises:
        ValueError: a setting is wrong, settings do not fit together, or the output folder is taken.
        DataError: DATA cannot be trained on.
        ModelError: there is no such base, or it cannot be fine-tuned.
        HubError: there is no token to push with.
    """
    config = train_config(settings)
    check_output(config)
    check_precision(config.run, on_gpu=config.run.device != "cpu")
    if config.run.push_to_hub is not None:
        from vidcls_train.output.hub import check_token  # noqa: PLC0415 - the hub's library takes long to load

        check_token(config.run.push_to_hub)
    found = check_data(config)
    if not config.run.resume:
        check_writable(config.run.output)
    config, shape = check_start(settings, found, processes=processes)
    if not config.run.resume:
        check_room(config.run.output, config.model, shape)
        return
    if found is not None:
        _check_same_labels(config, found)
    if _is_known(shape):
        check_resume(config)


def check_data(config: TrainConfig) -> ClipList | None:
    """Refuse DATA, negatives or a teacher that a training would refuse; the clips that DATA names, if it says.

    Raises:
        ValueError, DataError, ModelError: as `check_training_run`.
    """
    negatives, found = find_negatives(config.decision.negatives), find_named(config)
    check_described_teacher(config, found)
    if found is not None:
        check_negatives(negatives, found.clips)
    return found


def check_start(settings: Mapping[str, Any], found: ClipList | None, *, processes: int) -> tuple[TrainConfig, Shape]:
    """Refuse a base or sizes that a training would refuse; the configuration that this start makes of the settings.

    Args:
        settings, processes: as for `check_training_run`.
        found: the clips, if they are known.

    Raises:
        ValueError, ModelError: as `check_training_run`.
    """
    settings = with_window(settings)
    config = train_config(settings)
    check_base(config.model, resize=config.classification.resize)
    _warn_of_base(config)
    shape = shape_of(config.model)
    check_shape(config.model, shape)
    if shape.layers is not None and _is_known(shape):
        tokens = config.model.tokens or shape.tokens
        config = recipe_for(settings, kind=shape.kind, layers=shape.layers, tokens=tokens)
    batch_size = config.optimization.batch_size
    check_parts(
        batch_size if found is None else min(batch_size, len(found.clips)),
        batch_size=batch_size,
        processes=processes,
        accumulation_steps=config.run.gradient_accumulation_steps,
    )
    return config, shape


def check_start_without_hub(settings: Mapping[str, Any], found: ClipList | None) -> TrainConfig:
    """As `check_start`, for who trains nothing yet: a base on the hub is not fetched, and the default not even sought.

    The configuration is as far as it is known without it.

    Raises:
        ValueError, ModelError: as `check_training_run`.
    """
    config = train_config(settings)
    base = config.model.base
    if base is None or is_here(base):
        return check_start(settings, found, processes=1)[0]
    if settings.get("base") is not None:
        check_exists(base)
    return config


def find_named(config: TrainConfig) -> ClipList | None:
    """The clips that DATA names, checked; None where it has to be fetched or unpacked first.

    Raises:
        DataError: DATA cannot be trained on.
    """
    data = config.data.data
    if data.startswith(HUB_PREFIX):
        return None
    path = Path(data)
    check_kind(path, data=data)
    if path.is_file() and is_archive(path):
        return None
    found = list_clips(path, data=data)
    check_some_exist(found)
    check_label_count(found.labels, data=data)
    if any(clip.stretch for clip in found.clips):
        return found  # what their videos show beside them is known once these are opened
    check_learnable(found, data=data)
    check_sizes(found, val_fraction=config.classification.val_fraction)
    return found


def check_pretraining_run(config: Config) -> None:
    """Refuse what `pretrain.pretrain` would refuse, as `check_training_run` does.

    Raises:
        ValueError: settings do not fit together, or the output folder is taken.
        DataError: there are no videos.
        ModelError: there is no such base, or it cannot be pretrained.
    """
    check_output(config)
    check_precision(config.run, on_gpu=config.run.device != "cpu")
    find_unlabelled(config.data.data)
    if not config.run.resume:
        check_writable(config.run.output)
    check_pretrained_base(config.model)
    _warn_of_base(config)
    shape = shape_of(config.model)
    check_shape(config.model, shape)
    if not config.run.resume:
        check_room(config.run.output, config.model, shape)


def _warn_of_base(config: Config) -> None:
    """Say what may not be meant by --base: a run that goes on, a base of ours where a folder is called so too."""
    base = config.model.base
    if base is None:
        return
    if hides_folder(base):
        _LOG.warning(
            "--base %s: is the base that comes with vidcls; for the folder of that name give --base ./%s", base, base
        )
    problem = why_incomplete(Path(located(base)))
    if problem is not None:
        _LOG.warning("--base %s: %s; the weights that it has now are taken", base, problem)


def _is_known(shape: Shape) -> bool:
    """Whether a base of this shape has a recipe."""
    return shape.layers is not None and has_recipe(shape.kind)


def _check_same_labels(config: TrainConfig, found: ClipList) -> None:
    """A step of other labels has a head for them, which is not that of the clips that there are now."""
    step = last_step(config.run.output) or config.run.output
    try:
        of_step = json.loads((Path(step) / CONFIG_FILE).read_text(encoding="utf-8"))["id2label"].values()
        before = sorted(map(str, of_step))
    except (OSError, ValueError, LookupError, AttributeError, TypeError):
        return  # what is wrong with the step, its own check says
    now = sorted(found.labels)
    if before != now and not any(clip.stretch for clip in found.clips):
        raise ArgumentError(
            f"--resume goes on with the labels of {config.run.output}, which are {', '.join(before)}, and "
            f"{config.data.data} has {', '.join(now)}; put the clips back, or begin anew in another folder"
        )
