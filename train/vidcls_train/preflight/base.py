"""Whether a run can begin with a base, by the files in its folder; of a model on the hub they are fetched for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidcls.errors import ModelError
from vidcls.huggingface import CONFIG_FILE, find_weights, read_sizes
from vidcls_train.bases.location import named
from vidcls_train.config.groups import ModelConfig
from vidcls_train.model.base_folder import base_image, check_kind, check_pretrainable, pretraining_image
from vidcls_train.preflight.shapes import read_fields

# What else a folder may be: a checkpoint of another kind, steps of a training, or what the hub's library keeps.
_OTHER_KINDS = ("adapter_config.json", "checkpoint-*", "snapshots")


def check_base(model: ModelConfig, *, resize: str | None) -> None:
    """Refuse a base that cannot be fine-tuned, as far as its files say; weights are not read.

    Args:
        model: of the run, which may have no base.
        resize: how frames are made square; None for the base's own.

    Raises:
        ModelError: there is no such folder, it holds no checkpoint or one that cannot be trained, or neither cache nor
            hub have a model of that name.
        ValueError: the run asks for a preprocessing that the base's family cannot do.
    """
    if model.base is None:
        return
    with named(model.base) as folder:
        fields = _fields_of(folder)
        if fields.get("model_type") is None:
            return  # transformers knows some without it
        family = check_kind(folder, fields)
        find_weights(Path(folder))
        size = _image_size(fields)
        if size is not None:
            base_image(folder, family, own_size=size, image_size=model.image_size, resize=resize)


def check_pretrained_base(model: ModelConfig) -> None:
    """As `check_base`, of a base that is to be pretrained further.

    Raises:
        ModelError: likewise, or it is no VideoMAE.
    """
    if model.base is None:
        return
    with named(model.base) as folder:
        fields = _fields_of(folder)
        if fields.get("model_type") is None:
            return
        check_kind(folder, fields)
        check_pretrainable(folder, str(fields["model_type"]))
        find_weights(Path(folder))
        size = _image_size(fields)
        if size is not None:
            pretraining_image(folder, own_size=size, image_size=model.image_size)


def _fields_of(folder: str) -> dict[str, Any]:
    """What config.json in a base's folder holds."""
    place = Path(folder)
    if place.is_file():
        raise ModelError(f"{folder}: is a file, expected a checkpoint's folder or a model's name on the hub")
    if not (place / CONFIG_FILE).is_file():
        if any(next(place.glob(kind), None) for kind in _OTHER_KINDS):
            find_weights(place)  # says what to do with it
        raise ModelError(
            f"{folder}: holds no {CONFIG_FILE}; name a folder that vidcls-train, vidcls-pretrain or transformers' "
            "save_pretrained has written"
        )
    return read_fields(place / CONFIG_FILE)


def _image_size(fields: Mapping[str, Any]) -> int | None:
    return read_sizes(fields.get("model_type"), fields).image_size
