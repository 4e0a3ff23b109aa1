"""The contract of a plain Hugging Face video classifier, from the files that transformers writes.

transformers has no word for how frames are taken from a video, so that has to be given.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from transformers import PretrainedConfig

import vidcls
from vidcls.contract import FORMAT, NEUTRAL, Contract, Image, Sampling, Source, configured_tokens
from vidcls.errors import ArgumentError, ModelError
from vidcls.huggingface import (
    CONFIG_FILE,
    DEFAULT_CLIP_SECONDS,
    PREPROCESSOR_FILE,
    Labels,
    Preprocessor,
    Weights,
    find_preprocessor,
    read_labels,
)
from vidcls.huggingface.hub import CARD_FILE, read_card
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


def plain_labels(folder: Path, fields: Mapping[str, Any], weights: Weights) -> Labels:
    """The labels of a checkpoint that has no contract.

    Raises:
        ModelError: config.json does not give every output of the classifier a name of its own.
    """
    path = folder / CONFIG_FILE
    if fields.get("problem_type") == "regression":
        raise ModelError(
            f"{path}: has problem_type 'regression', whose outputs are no labels' scores; take a classifier's "
            "checkpoint"
        )
    if weights.outputs is None:
        raise ModelError(
            f"{folder}: its weights hold no classifier ('classifier.weight' is not there); fine-tune it first"
        )
    return read_labels(path, fields, outputs=weights.outputs)


def label_maps(labels: tuple[str, ...]) -> dict[str, Any]:
    """The labels as transformers' configurations have them, whatever else stood there."""
    id2label = dict(enumerate(labels))
    return {
        "id2label": id2label,
        "label2id": {label: index for index, label in id2label.items()},
        "num_labels": len(labels),
    }


def plain_preprocessor(folder: Path, config: PretrainedConfig, architecture: Architecture) -> Preprocessor:
    """How frames become the input of a checkpoint that has no contract.

    Raises:
        ModelError: it does not say; or it is not what vidcls does, or not what the model takes.
    """
    channels = getattr(config, architecture.channels)
    if channels != 3:
        raise ModelError(
            f"{folder / CONFIG_FILE}: has {architecture.channels} {channels}, expected 3 (RGB); take another checkpoint"
        )
    found = find_preprocessor(folder)
    if found is None:
        raise ModelError(
            f"{folder}: has no {PREPROCESSOR_FILE}, which says how frames become the model's input; copy it from the "
            "model that the weights were made from, or save that model's processor there"
        )
    size = getattr(config, architecture.image_size)
    if found.image.crop_size != size:
        raise ModelError(
            f"{found.path}: makes pictures of {found.image.crop_size} pixels, expected the {architecture.image_size} "
            f"{size} of {CONFIG_FILE}; take both files from the same model"
        )
    return found


def _origin(folder: Path, name: str) -> tuple[str, str | None]:
    """(what the weights were made from, its licence or None), from the model card if there is one."""
    with quiet():
        card = read_card(folder / CARD_FILE)
    return name if card.base is None else card.base, card.licence
