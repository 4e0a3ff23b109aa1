"""What a checkpoint's files say, and what is refused for it; read without PyTorch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from vidcls.contract import (
    CHECKPOINT_FILE,
    NEUTRAL,
    TOKEN_CHOICES,
    Contract,
    Tokens,
    configured_tokens,
    read_checkpoint,
    tokens_text,
)
from vidcls.errors import ArgumentError, ModelError
from vidcls.huggingface import (
    CONFIG_FILE,
    PREPROCESSOR_FILE,
    Labels,
    Preprocessor,
    Weights,
    find_preprocessor,
    find_weights,
    read_labels,
    read_sizes,
)
from vidcls.schema import read_json, shown
from vidcls_export.architectures import Architecture, architecture_by_type


def check_files(folder: Path, *, clip_seconds: float | None, tokens: str | None) -> None:
    """Refuse a checkpoint that cannot be exported, as far as its files say; of its weights only headers are read.

    Args:
        folder: of the checkpoint.
        clip_seconds, tokens: as for `export`.

    Raises:
        ModelError: it is incomplete, of another kind, or asks for what vidcls does not do.
        ValueError: clip_seconds or tokens are not those that it was trained with.
    """
    weights = find_weights(folder)
    fields, architecture = read_config(folder)
    check_kind(folder / CONFIG_FILE, fields, architecture, model_type=fields["model_type"])
    asked = configured_tokens(SimpleNamespace(**fields)) if tokens is None else TOKEN_CHOICES[tokens]
    patch = read_sizes(fields["model_type"], fields).patch
    check_tokens(asked, architecture, tubelet=None if patch is None else patch[0])
    if (folder / CHECKPOINT_FILE).exists():
        with_tokens(own_contract(folder, clip_seconds=clip_seconds), tokens)
    else:
        plain_labels(folder, fields, weights)
        plain_preprocessor(folder, fields, architecture)


def read_config(folder: Path) -> tuple[dict[str, Any], Architecture]:
    """What config.json holds, and the kind of model that it is for.

    Raises:
        ModelError: it cannot be read, or is not of a classifier that can be exported.
    """
    path = folder / CONFIG_FILE
    try:
        fields = read_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read ({error})") from None
    kind = fields.get("model_type") if isinstance(fields, dict) else None
    try:
        architecture = architecture_by_type(kind)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    names = fields.get("architectures") or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ModelError(f"{path}: 'architectures' is {shown(names)}, expected a list of names; copy the file again")
    if architecture.name not in names:
        raise ModelError(
            f"{path}: is a {' or '.join(names) or kind} without a trained classifier; fine-tune it first with "
            f"'vidcls-train DATA --base {folder} -o FOLDER'"
        )
    return fields, architecture


def check_kind(path: Path, fields: Mapping[str, Any], architecture: Architecture, *, model_type: str) -> None:
    """Refuse what transformers runs, but not as a classifier of whole clips.

    Args:
        path: of config.json, for messages.
        fields: what it holds; of what it leaves out nothing is refused.
        architecture, model_type: what it says it is.

    Raises:
        ModelError: it is no such classifier.
    """
    if fields.get("attention_type") == "space_only":
        raise ModelError(
            f"{path}: has attention_type 'space_only', which answers every frame by itself and no clip; take another "
            "checkpoint"
        )
    sizes = read_sizes(model_type, fields)
    for name, size in ((architecture.frames, sizes.frames), ("tubelet_size", sizes.patch)):
        if fields.get(name) is not None and size is None:
            raise ModelError(f"{path}: '{name}' is {shown(fields[name])}, which is no size; copy the file again")
    frames, length = sizes.frames, sizes.patch and sizes.patch[0]
    if frames is not None and length is not None and frames < length:
        raise ModelError(
            f"{path}: takes {frames} frames, expected at least the {length} of one patch; correct the file"
        )


def check_tokens(tokens: Tokens, architecture: Architecture, *, tubelet: int | None) -> None:
    """Refuse to leave out tokens of a model that needs all of them, or other ones of each clip than it can.

    Args:
        tubelet: frames of one patch; None where nothing says so.

    Raises:
        ModelError: it needs them, takes the same ones of every clip, or its patches have no second frame to compare.
    """
    if tokens.share is not None and architecture.embeddings is None:
        raise ModelError(
            f"{architecture.name} attends to each frame and each place by itself, so that no tokens can be left out; "
            "export it with all of them"
        )
    if tokens.rule == "moving" and not architecture.has_moving_tokens:
        raise ModelError(
            f"tokens {tokens_text(tokens)} are picked for VideoMAEForVideoClassification alone, and not for "
            f"{architecture.name}; export it with lattice:{tokens.share:g}, or with all of them"
        )
    if tokens.rule == "moving" and tubelet == 1:
        raise ModelError(
            f"tokens {tokens_text(tokens)} compare the frames of a patch, but this model's have one frame each "
            f"(tubelet_size 1); export it with lattice:{tokens.share:g}, or with all of them"
        )


def own_contract(folder: Path, *, clip_seconds: float | None) -> Contract:
    """The contract in a checkpoint; whether it is that of the weights, their hash says.

    Raises:
        ModelError: it is none.
        ValueError: clip_seconds, and it states its own.
    """
    contract = read_checkpoint(folder)
    if clip_seconds is not None:
        raise ArgumentError(
            f"clip seconds are {clip_seconds:g}, but {folder / CHECKPOINT_FILE} already says "
            f"{contract.sampling.clip_seconds:g}, which the model was trained with; leave them out"
        )
    return contract


def with_tokens(contract: Contract, asked: str | None) -> Contract:
    """The contract of the model that sees the tokens asked for; None: those that it was trained with.

    Of a checkpoint that was trained with all of them, another model is made: what was measured and fitted with all
    tokens is not about it, and is left out.

    Raises:
        ValueError: it was trained with other ones, so that none but those are its own.
    """
    if asked is None or TOKEN_CHOICES[asked] == contract.tokens:
        return contract
    if contract.tokens.rule != "all":
        raise ArgumentError(
            f"tokens are {asked}, but the checkpoint was trained with {tokens_text(contract.tokens)}; leave them out, "
            f"or train it further with 'vidcls-train --base CHECKPOINT --tokens {asked}'"
        )
    decision = dataclasses.replace(
        NEUTRAL, activation=contract.decision.activation, none_label=contract.decision.none_label
    )
    return dataclasses.replace(contract, tokens=TOKEN_CHOICES[asked], accuracy=None, decision=decision)


def trained_tokens(folder: Path) -> Tokens:
    """Those that the encoder of a checkpoint saw in training, by its contract, or its config.json where it has none.

    Raises:
        ModelError: neither can be read.
    """
    if (folder / CHECKPOINT_FILE).exists():
        return read_checkpoint(folder).tokens
    fields, _ = read_config(folder)
    return configured_tokens(SimpleNamespace(**fields))


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


def plain_preprocessor(folder: Path, fields: Mapping[str, Any], architecture: Architecture) -> Preprocessor:
    """How frames become the input of a checkpoint that has no contract.

    Args:
        folder: of the checkpoint.
        fields: what config.json holds; of what it leaves out nothing is refused.

    Raises:
        ModelError: it does not say; or it is not what vidcls does, or not what the model takes.
    """
    channels = fields.get(architecture.channels, 3)
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
    size = fields.get(architecture.image_size)
    if size is not None and found.image.crop_size != size:
        raise ModelError(
            f"{found.path}: makes pictures of {found.image.crop_size} pixels, expected the {architecture.image_size} "
            f"{size} of {CONFIG_FILE}; take both files from the same model"
        )
    return found
