"""The contract of a plain Hugging Face video classifier, from the files that transformers writes.

transformers has no word for how frames are taken from a video, so that has to be given.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from transformers import PretrainedConfig

import vidcls
from vidcls.contract import FORMAT, NEUTRAL, Contract, Image, Sampling, Source, configured_tokens
from vidcls.errors import ArgumentError, ModelError
from vidcls.huggingface import CONFIG_FILE, DEFAULT_CLIP_SECONDS
from vidcls.huggingface.hub import read_card
from vidcls.huggingface.hub_names import CARD_FILE
from vidcls_export.architectures import Architecture
from vidcls_export.quiet import quiet


def plain_contract(
    folder: Path,
    config: PretrainedConfig,
    architecture: Architecture,
    *,
    image: Image,
    name: str,
    sha256: str,
    clip_seconds: float | None,
) -> Contract:
    """The contract of a checkpoint that has none.

    Args:
        folder: may hold a model card, README.md.
        config, image: the model's configuration, and how frames become its input.
        name: what to call the weights: a hub id or the folder's name.
        sha256: of the weights' file.
        clip_seconds: seconds that the frames are spread over; None for 64/30.

    Raises:
        ModelError: the configuration says what no contract can.
    """
    base, licence = _origin(folder, name)
    try:
        return Contract(
            format=FORMAT,
            labels=tuple(str(config.id2label.get(index)) for index in range(config.num_labels)),
            sampling=Sampling(
                rule="uniform",
                frames=getattr(config, architecture.frames),
                clip_seconds=DEFAULT_CLIP_SECONDS if clip_seconds is None else clip_seconds,
            ),
            image=image,
            source=Source(
                architecture=architecture.name,
                base=base,
                base_license=licence,
                checkpoint_sha256=sha256,
                data=None,
                clips=None,
                versions=_versions(),
                created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            ),
            accuracy=None,
            decision=dataclasses.replace(NEUTRAL, activation=activation_of(config)),
            tokens=configured_tokens(config),
        )
    except ValueError as error:
        raise _blamed(str(error), folder, architecture) from None


def _blamed(said: str, folder: Path, architecture: Architecture) -> ValueError | ModelError:
    """What a contract cannot hold, as an error about who said it: the option, the model card, or config.json."""
    if "'sampling.clip_seconds'" in said:
        return ArgumentError(said.replace("'sampling.clip_seconds'", "--clip-seconds"))
    if "'source." in said:
        return ModelError(f"{folder / CARD_FILE}: of its metadata, {said.replace('source.', '')}; correct the file")
    said = said.replace("'sampling.frames'", f"'{architecture.frames}'")
    return ModelError(f"{folder / CONFIG_FILE}: {said}; take another checkpoint")


def _versions() -> dict[str, str]:
    return {"vidcls": vidcls.__version__, "torch": torch.__version__, "transformers": transformers.__version__}


def activation_of(config: PretrainedConfig) -> Literal["softmax", "sigmoid"]:
    """What makes probabilities of the model's logits, as transformers' problem_type says."""
    return "sigmoid" if config.problem_type == "multi_label_classification" else "softmax"


def label_maps(labels: tuple[str, ...]) -> dict[str, Any]:
    """The labels as transformers' configurations have them, whatever else stood there."""
    id2label = dict(enumerate(labels))
    return {
        "id2label": id2label,
        "label2id": {label: index for index, label in id2label.items()},
        "num_labels": len(labels),
    }


def _origin(folder: Path, name: str) -> tuple[str, str | None]:
    """(what the weights were made from, its licence or None), from the model card if there is one."""
    with quiet():
        card = read_card(folder / CARD_FILE)
    return name if card.base is None else card.base, card.licence
