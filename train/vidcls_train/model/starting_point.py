"""A model before training, whatever it was made from, and what the contract needs to know of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers import VideoMAEConfig, VideoMAEForPreTraining, VideoMAEForVideoClassification

from vidcls.contract import Image
from vidcls.errors import ArgumentError


@dataclass(frozen=True, kw_only=True)
class StartingPoint:
    """A classifier before training, and what the contract needs to know of it.

    image: the contract's image section. frames: per clip. base, base_license: of the weights it starts from, None for
    random ones. notices: sentences for the user.
    """

    model: VideoMAEForVideoClassification
    image: Image
    frames: int
    base: str | None
    base_license: str | None
    notices: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PretrainingPoint:
    """A model before masked pretraining; fields as those of `StartingPoint`."""

    model: VideoMAEForPreTraining
    image: Image
    frames: int
    base: str | None
    base_license: str | None


def label_maps(labels: tuple[str, ...]) -> dict[str, Any]:
    """The labels as transformers' configurations have them.

    Example:
        >>> label_maps(("jump", "wave"))
        {'id2label': {0: 'jump', 1: 'wave'}, 'label2id': {'jump': 0, 'wave': 1}}
    """
    return {"id2label": dict(enumerate(labels)), "label2id": {label: index for index, label in enumerate(labels)}}


def check_shape(config: VideoMAEConfig) -> None:
    """Check that clips can be cut into whole patches and tubelets.

    Raises:
        ValueError: they cannot; names both sizes.

    Example:
        >>> check_shape(VideoMAEConfig(image_size=100, patch_size=16))
        Traceback (most recent call last):
        vidcls.errors.ArgumentError: image size 100 is not a multiple of the patch size 16
    """
    if config.image_size % config.patch_size:
        raise ArgumentError(f"image size {config.image_size} is not a multiple of the patch size {config.patch_size}")
    if config.num_frames % config.tubelet_size:
        raise ArgumentError(f"{config.num_frames} frames are not a multiple of the tubelet size {config.tubelet_size}")
