"""A model before training, whatever it was made from, and what the contract needs to know of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedModel, VideoMAEForPreTraining

from vidcls.contract import Image
from vidcls_train.model.origin import Origin


@dataclass(frozen=True, kw_only=True)
class StartingPoint:
    """A classifier before training, and what the contract needs to know of it.

    image: the contract's image section. frames: per clip. origin: of the weights it starts from. notices: sentences for
    the user.
    """

    model: PreTrainedModel
    image: Image
    frames: int
    origin: Origin
    notices: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PretrainingPoint:
    """A model before masked pretraining; fields as those of `StartingPoint`."""

    model: VideoMAEForPreTraining
    image: Image
    frames: int
    origin: Origin
    notices: tuple[str, ...]


def label_maps(labels: tuple[str, ...]) -> dict[str, Any]:
    """The labels as transformers' configurations have them.

    Example:
        >>> label_maps(("jump", "wave"))
        {'id2label': {0: 'jump', 1: 'wave'}, 'label2id': {'jump': 0, 'wave': 1}}
    """
    return {"id2label": dict(enumerate(labels)), "label2id": {label: index for index, label in enumerate(labels)}}
