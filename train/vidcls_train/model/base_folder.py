"""What a base checkpoint's folder says of itself, and what is refused for it; read without PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vidcls.contract import CHECKPOINT_FILE, Image, read_checkpoint
from vidcls.errors import ArgumentError, ModelError
from vidcls.huggingface import PREPROCESSOR_FILE, Preprocessor, find_preprocessor
from vidcls_train.model.families import FAMILIES, Family, family_by_type
from vidcls_train.model.image_section import IMAGENET_MEAN, IMAGENET_STD, image_section

# The only family that can be pretrained; a hybrid's configuration is a kind of it, its type is not.
_PRETRAINED = "videomae"


def check_kind(base: str, fields: Mapping[str, Any]) -> Family:
    """The family of a base.

    Args:
        base: a folder.
        fields: what its config.json holds; those that it leaves out are transformers' own.

    Raises:
        ModelError: none of those that can be trained, it takes no RGB, or it answers every frame by itself.
    """
    try:
        family = family_by_type(str(fields.get("model_type")))
    except ModelError as error:
        raise ModelError(f"{base}: {error}") from None
    channels = fields.get(family.channels, 3)
    if channels != 3:
        raise ModelError(
            f"{base}: config.json has {family.channels} {channels}, expected 3 (RGB); take another checkpoint"
        )
    if fields.get("attention_type") == "space_only":
        raise ModelError(
            f"{base}: config.json has attention_type 'space_only', which answers every frame by itself and no clip; "
            "take another checkpoint"
        )
    return family


def check_pretrainable(base: str, kind: str) -> None:
    """Refuse to pretrain what is not a VideoMAE.

    Args:
        base: a folder.
        kind: its `model_type`.

    Raises:
        ModelError: it is of another family.
    """
    if kind != _PRETRAINED:
        raise ModelError(
            f"{base}: is a '{kind}' checkpoint, expected VideoMAE, the only one that can be pretrained; fine-tune it "
            "with 'vidcls-train --base'"
        )


def base_image(
    base: str, family: Family, *, own_size: int, image_size: int | None, resize: str | None
) -> tuple[Image, tuple[str, ...]]:
    """The image section of the base's own preprocessing, except for what is asked for; and sentences for the user.

    Args:
        base: a folder.
        family: of the base.
        own_size: the image size of its config.json, in pixels.
        image_size: pixels, square; None for the base's own.
        resize: "shortest_edge" or "stretch"; None for the base's own.

    Raises:
        ModelError: its preprocessing is one that vidcls does not do, or contradicts config.json.
    """
    said = _said_image(base, family, own_size)
    image = said.image
    if image_size is None and image.crop_size != own_size:
        raise ModelError(
            f"{said.path}: makes pictures of {image.crop_size} pixels, expected the image_size {own_size} of "
            "config.json; say which one is right with --image-size"
        )
    size, how = image_size or image.crop_size, resize or image.resize
    if family.resize_ratio is not None and how == "stretch":
        raise ArgumentError(
            f"--resize is stretch, which {family.title}'s processor in transformers cannot do; leave it out"
        )
    if (size, how) != (image.crop_size, image.resize):
        section = image_section(size=size, resize=how, mean=image.mean, std=image.std)
        image = replace(section, resize_size=family.resize_size(section))
    return image, said.notices


def pretraining_image(base: str, *, own_size: int, image_size: int | None) -> tuple[Image, tuple[str, ...]]:
    """`base_image` of a VideoMAE that is to be pretrained.

    Raises:
        ModelError: likewise, or it normalises pixels otherwise than VideoMAE's pretraining.
    """
    image, notices = base_image(base, FAMILIES[_PRETRAINED], own_size=own_size, image_size=image_size, resize=None)
    if image.mean != IMAGENET_MEAN or image.std != IMAGENET_STD:
        raise ModelError(
            f"{base}: normalises pixels by {image.mean} and {image.std}, and VideoMAE's pretraining expects ImageNet's "
            "statistics; take another checkpoint"
        )
    return image, notices


def _said_image(base: str, family: Family, own_size: int) -> Preprocessor:
    """What the base says of its preprocessing, and what is assumed of a VideoMAE that says nothing."""
    contract = Path(base) / CHECKPOINT_FILE
    if contract.exists():
        return Preprocessor(path=contract, image=read_checkpoint(Path(base)).image, notices=())
    found = find_preprocessor(Path(base))
    if found is not None:
        return found
    if family.title != "VideoMAE":
        raise ModelError(
            f"{base}: has no {family.preprocessor}, which says how frames become the input of {family.title}; copy it "
            "from the model that the weights were made from"
        )
    image = image_section(size=own_size, resize="shortest_edge", mean=IMAGENET_MEAN, std=IMAGENET_STD)
    notice = (
        f"{base}: has no {PREPROCESSOR_FILE}; frames are resized to {own_size} pixels and normalised by ImageNet's "
        "statistics, as VideoMAE's authors pretrain it"
    )
    return Preprocessor(path=Path(base), image=image, notices=(notice,))
