"""A checkpoint, by folder or hub id -> its PyTorch model and its contract.

Only safetensors are opened: the other format is a pickle, which can run any code.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel

from vidcls.contract import CHECKPOINT_FILE, Contract, configured_tokens, tokens_text
from vidcls.errors import ModelError
from vidcls.huggingface import CONFIG_FILE, WEIGHTS_FILE, find_weights, weights_sha256
from vidcls.huggingface.hub_names import hub_problem
from vidcls.versions import check_exporting
from vidcls_export.architectures import Architecture, architecture_of
from vidcls_export.checkpoint.files import (
    check_kind,
    check_tokens,
    own_contract,
    plain_labels,
    plain_preprocessor,
    read_config,
    with_tokens,
)
from vidcls_export.checkpoint.location import named
from vidcls_export.checkpoint.plain import activation_of, label_maps, plain_contract
from vidcls_export.graph.tokens import TokenSelection
from vidcls_export.quiet import quiet

# What transformers before 5.5.1 calls them, and those from 5.18 on save them as.
_BIASES = ("attention.q_bias", "attention.v_bias")

_logger = logging.getLogger("vidcls.export")


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A model that sees the tokens asked for, and its contract.

    is_as_trained: whether these are the tokens that it was trained with.
    """

    model: PreTrainedModel
    contract: Contract
    selection: TokenSelection
    is_as_trained: bool


def open_with_tokens(checkpoint: str | os.PathLike[str], tokens: str | None, *, clip_seconds: float | None) -> Opened:
    """`open_checkpoint`, and the tokens that its model is to see; None for those that it was trained with.

    Raises:
        DependencyError, ModelError, ValueError: as `open_checkpoint`, `with_tokens` and `check_tokens`.
    """
    model, trained = open_checkpoint(checkpoint, clip_seconds=clip_seconds)
    contract = with_tokens(trained, tokens)
    tubelet = getattr(model.config, "tubelet_size", None)  # TimeSformer has none
    check_tokens(contract.tokens, architecture_of(model), tubelet=tubelet)
    selection = TokenSelection(model, contract.tokens, image=contract.image)
    return Opened(model=model, contract=contract, selection=selection, is_as_trained=contract is trained)


def open_checkpoint(
    checkpoint: str | os.PathLike[str], *, clip_seconds: float | None
) -> tuple[PreTrainedModel, Contract]:
    """Load a checkpoint in fp32, ready for inference.

    Args:
        checkpoint: a folder made by vidcls-train, or a plain Hugging Face video classifier: a folder or a
            hub id.
        clip_seconds: seconds that a plain checkpoint's frames are spread over; None for its default.

    Raises:
        DependencyError: this Python or this transformers is known not to work.
        ModelError: there is no such checkpoint, it is incomplete, or it contradicts its contract.
        ValueError: clip_seconds, and the checkpoint already states its own.
    """
    check_exporting()
    with named(os.fspath(checkpoint)) as folder:
        opened, notices = _open(folder, os.fspath(checkpoint), clip_seconds=clip_seconds)
    for notice in notices:
        _logger.info(notice)
    return opened


def _open(
    folder: Path, name: str, *, clip_seconds: float | None
) -> tuple[tuple[PreTrainedModel, Contract], tuple[str, ...]]:
    """The model and its contract, and sentences for the user."""
    weights = find_weights(folder)
    fields, architecture = read_config(folder)
    if (folder / CHECKPOINT_FILE).exists():
        config = _configuration(folder, fields, architecture)
        contract = _own_contract(folder, sha256=weights_sha256(weights.files), clip_seconds=clip_seconds)
        _check_config(folder, config, architecture, contract)
        notices = weights.notices
    else:
        labels = plain_labels(folder, fields, weights)
        config = _configuration(folder, {**fields, **label_maps(labels.names)}, architecture)
        preprocessor = plain_preprocessor(folder, vars(config), architecture)
        contract = plain_contract(
            folder,
            config,
            architecture,
            image=preprocessor.image,
            name=folder.resolve().name if Path(name).is_dir() else name,
            sha256=weights_sha256(weights.files),
            clip_seconds=clip_seconds,
        )
        notices = (*weights.notices, *labels.notices, *preprocessor.notices)
    model, left_out = _load_model(folder, config, architecture)
    return (model, contract), (*notices, *left_out)


def _own_contract(folder: Path, *, sha256: str, clip_seconds: float | None) -> Contract:
    """The contract in the checkpoint, which has to be that of the weights with this SHA-256."""
    contract = own_contract(folder, clip_seconds=clip_seconds)
    if contract.source.checkpoint_sha256 != sha256:
        raise ModelError(
            f"{folder / WEIGHTS_FILE}: is not the file that {CHECKPOINT_FILE} was written for (its SHA-256 is "
            f"{sha256}, expected {contract.source.checkpoint_sha256}); copy the whole checkpoint again"
        )
    return contract


def _configuration(folder: Path, fields: Mapping[str, Any], architecture: Architecture) -> PretrainedConfig:
    path = folder / CONFIG_FILE
    try:
        config: PretrainedConfig = AutoConfig.for_model(**fields)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path}: is not a configuration that transformers knows ({error})") from None
    check_kind(path, vars(config), architecture, model_type=config.model_type)
    return config


def _check_config(folder: Path, config: PretrainedConfig, architecture: Architecture, contract: Contract) -> None:
    """Raise ModelError where the contract contradicts the model's own configuration."""
    labels = tuple(config.id2label.get(index) for index in range(config.num_labels))
    facts: list[tuple[str, Any, Any]] = [
        ("labels", list(contract.labels), list(labels)),
        ("frames", contract.sampling.frames, getattr(config, architecture.frames)),
        ("crop size", contract.image.crop_size, getattr(config, architecture.image_size)),
        ("tokens", tokens_text(contract.tokens), tokens_text(configured_tokens(config))),
        ("activation", contract.decision.activation, activation_of(config)),
    ]
    for name, stated, found in facts:
        if stated != found:
            raise ModelError(
                f"{folder}: {CHECKPOINT_FILE} says {name} {stated}, {CONFIG_FILE} has {found}; copy the whole "
                "checkpoint again"
            )


def _load_model(
    folder: Path, config: PretrainedConfig, architecture: Architecture
) -> tuple[PreTrainedModel, tuple[str, ...]]:
    """The model in fp32, and a sentence on the weights that it has no place for, if there are any."""
    try:
        with quiet():
            model, loading = architecture.load(
                folder,
                config=config,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
            )
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise ModelError(f"{folder}: transformers cannot load the weights ({hub_problem(error)})") from None
    missing = sorted(loading["missing_keys"])
    if missing and all(name.endswith(_BIASES) for name in missing):
        raise ModelError(
            f"{folder}: transformers {model.config.transformers_version} saved VideoMAE's biases in {WEIGHTS_FILE} "
            f"under names that only those from 5.5.1 on read ('{missing[0]}' is not there); load it with transformers "
            "5.18 or newer and save_pretrained it again"
        )
    if missing:
        raise ModelError(
            f"{folder}: its weights lack {len(missing)} of the model's ('{missing[0]}' first), which would be random "
            "numbers; save the model again after training"
        )
    return model.eval(), _left_out(folder, model, loading["unexpected_keys"])


def _left_out(folder: Path, model: PreTrainedModel, names: Iterable[str]) -> tuple[str, ...]:
    """A sentence on weights that the model has no place for; where they are of its own parts, it is another model's."""
    names = sorted(names)
    parts = tuple(f"{part}." for part, _ in model.named_children())
    own = [name for name in names if name.startswith(parts)]
    if own:
        raise ModelError(
            f"{folder}: its weights hold {len(own)} that the model of {CONFIG_FILE} has no place for ('{own[0]}' "
            "first), so they are another model's; copy both files from the same one"
        )
    if not names:
        return ()
    return (
        f"{folder}: {len(names)} of its weights are left out, as a {type(model).__name__} has no place for them "
        f"('{names[0]}' first)",
    )
