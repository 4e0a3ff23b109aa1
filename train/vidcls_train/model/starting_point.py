"""A model before training, whatever it was made from, and what the contract needs to know of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedModel, VideoMAEForPreTraining

from vidcls.contract import ClipFingerprints, Image


@dataclass(frozen=True, kw_only=True)
class StartingPoint:
    """A classifier before training, and what the contract needs to know of it.

    image: the contract's image section. frames: per clip. base, base_license: of the weights it starts from, None for
    random ones. clips: that these know, None where that is unknown. notices: sentences for the user.
    """

    model: PreTrainedModel
    image: Image
    frames: int
    base: str | None
    base_license: str | None
    clips: ClipFingerprints | None
    notices: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PretrainingPoint:
    """A model before masked pretraining; fields as those of `StartingPoint`."""

    model: VideoMAEForPreTraining
    image: Image
    frames: int
    base: str | None
    base_license: str | None
    notices: tuple[str, ...]


def label_maps(labels: tuple[str, ...]) -> dict[str, Any]:
    """The labels as transformers' configurations have them.

    Example:
        >>> label_maps(("jump", "wave"))
        {'id2label': {0: 'jump', 1: 'wave'}, 'label2id': {'jump': 0, 'wave': 1}}
    """
    return {"id2label": dict(enumerate(labels)), "label2id": {label: index for index, label in enumerate(labels)}}
