"""A checkpoint, by folder or hub id -> its PyTorch model and its contract.

Only safetensors are opened: the other format is a pickle, which can run any code.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError
from safetensors import SafetensorError
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel

from vidcls.contract import CHECKPOINT_FILE, Contract, configured_tokens, read_checkpoint, tokens_text
from vidcls.errors import ArgumentError, ModelError
from vidcls.huggingface import PREPROCESSOR_FILE, VIDEO_PREPROCESSOR_FILE
from vidcls.printable import printable
from vidcls.versions import check_exporting
from vidcls.video.protocols import without_secrets
from vidcls_export.architectures import Architecture, architecture_by_type
from vidcls_export.graph.tokens import TokenSelection, with_tokens
from vidcls_export.huggingface import activation_of, plain_contract
from vidcls_export.quiet import quiet

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"

_SHARDS_FILE = "model.safetensors.index.json"
# What transformers before 5.5.1 calls them, and those from 5.18 on save them as.
_BIASES = ("attention.q_bias", "attention.v_bias")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_WANTED = [CONFIG_FILE, WEIGHTS_FILE, CHECKPOINT_FILE, PREPROCESSOR_FILE, VIDEO_PREPROCESSOR_FILE, "README.md"]


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
        DependencyError, ModelError, ValueError: as `open_checkpoint`, `with_tokens` and `TokenSelection`.
    """
    model, trained = open_checkpoint(checkpoint, clip_seconds=clip_seconds)
    contract = with_tokens(trained, tokens)
    selection = TokenSelection(model, contract.tokens)
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
    folder = _locate(checkpoint)
    weights = _weights_file(folder)
    config, architecture = _read_config(folder)
    with weights.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if (folder / CHECKPOINT_FILE).exists():
        contract = _own_contract(folder, sha256=sha256, clip_seconds=clip_seconds)
    else:
        name = folder.resolve().name if Path(checkpoint).is_dir() else os.fspath(checkpoint)
        contract = plain_contract(folder, config, architecture, name=name, sha256=sha256, clip_seconds=clip_seconds)
    _check_config(folder, config, architecture, contract)
    return _load_model(folder, architecture), contract


def _own_contract(folder: Path, *, sha256: str, clip_seconds: float | None) -> Contract:
    """The contract in the checkpoint, which has to be that of the weights with this SHA-256."""
    contract = read_checkpoint(folder)
    if clip_seconds is not None:
        raise ArgumentError(
            f"clip seconds are {clip_seconds:g}, but {folder / CHECKPOINT_FILE} already says "
            f"{contract.sampling.clip_seconds:g}, which the model was trained with; leave them out"
        )
    if contract.source.checkpoint_sha256 != sha256:
        raise ModelError(
            f"{folder / WEIGHTS_FILE}: is not the file that {CHECKPOINT_FILE} was written for (its SHA-256 is "
            f"{sha256}, expected {contract.source.checkpoint_sha256}); copy the whole checkpoint again"
        )
    return contract


def _locate(checkpoint: str | os.PathLike[str]) -> Path:
    folder = Path(checkpoint)
    if folder.is_dir():
        return folder
    if folder.exists():
        raise ModelError(f"{checkpoint}: is a file; name the checkpoint folder that holds {WEIGHTS_FILE}")
    try:
        return Path(snapshot_download(os.fspath(checkpoint), allow_patterns=_WANTED))
    except HFValidationError:
        raise ModelError(f"{checkpoint}: there is no such folder") from None
    except OSError as error:
        reason = printable(without_secrets(str(error).strip().partition("\n")[0]))
        raise ModelError(
            f"{checkpoint}: there is no such folder, and the Hugging Face hub does not give a model of that name "
            f"({reason})"
        ) from None


def _weights_file(folder: Path) -> Path:
    weights = folder / WEIGHTS_FILE
    if weights.is_file():
        return weights
    if (folder / _SHARDS_FILE).exists():
        raise ModelError(
            f"{folder}: its weights are split over several files; save the model again with "
            f"save_pretrained(folder, max_shard_size='100GB'), so that there is one {WEIGHTS_FILE}"
        )
    pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    if pickles:
        raise ModelError(
            f"{folder}: its weights are in {pickles[0]}, a pickle, which can run any code when it is opened; if you "
            f"trust it, load it with transformers and save_pretrained it as {WEIGHTS_FILE}"
        )
    raise ModelError(f"{folder}: holds no {WEIGHTS_FILE}; name a folder made by vidcls-train or save_pretrained")


def _read_config(folder: Path) -> tuple[PretrainedConfig, Architecture]:
    path = folder / CONFIG_FILE
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read ({error})") from None
    kind = fields.get("model_type") if isinstance(fields, dict) else None
    try:
        architecture = architecture_by_type(kind)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    names = fields.get("architectures") or []
    if architecture.name not in names:
        raise ModelError(
            f"{path}: is a {' or '.join(names) or kind} without a trained classifier; fine-tune it first with "
            f"'vidcls-train DATA --base {folder} -o FOLDER'"
        )
    try:
        config = AutoConfig.for_model(**fields)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path}: is not a configuration that transformers knows ({error})") from None
    _check_kind(path, config, architecture)
    return config, architecture


def _check_kind(path: Path, config: PretrainedConfig, architecture: Architecture) -> None:
    """Refuse what transformers runs, but not as a classifier of whole clips."""
    if getattr(config, "attention_type", None) == "space_only":
        raise ModelError(
            f"{path}: has attention_type 'space_only', which answers every frame by itself and no clip; take another "
            "checkpoint"
        )
    tubelet = getattr(config, "tubelet_size", 1)
    length = tubelet[0] if isinstance(tubelet, list | tuple) else tubelet
    frames = getattr(config, architecture.frames)
    if frames < length:
        raise ModelError(
            f"{path}: takes {frames} frames, expected at least the {length} of one patch; correct the file"
        )


def _check_config(folder: Path, config: PretrainedConfig, architecture: Architecture, contract: Contract) -> None:
    """Raise ModelError where the contract contradicts the model's own configuration."""
    labels = tuple(config.id2label.get(index) for index in range(config.num_labels))
    facts: list[tuple[str, Any, Any]] = [
        ("labels", list(contract.labels), list(labels)),
        ("frames", contract.sampling.frames, getattr(config, architecture.frames)),
        ("crop size", contract.image.crop_size, getattr(config, architecture.image_size)),
        ("channels", 3, getattr(config, architecture.channels)),
        ("tokens", tokens_text(contract.tokens), tokens_text(configured_tokens(config))),
        ("activation", contract.decision.activation, activation_of(config)),
    ]
    for name, stated, found in facts:
        if stated != found:
            raise ModelError(f"{folder}: the contract says {name} {stated}, {CONFIG_FILE} has {found}")


def _load_model(folder: Path, architecture: Architecture) -> PreTrainedModel:
    try:
        with quiet():
            model, loading = architecture.load(
                folder,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
            )
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        reason = printable(without_secrets(str(error).strip().partition("\n")[0]))
        raise ModelError(f"{folder}: transformers cannot load the weights ({reason})") from None
    missing = sorted(loading["missing_keys"])
    if missing and all(name.endswith(_BIASES) for name in missing):
        raise ModelError(
            f"{folder}: transformers {model.config.transformers_version} saved VideoMAE's biases in {WEIGHTS_FILE} "
            f"under names that only those from 5.5.1 on read ('{missing[0]}' is not there); load it with transformers "
            "5.18 or newer and save_pretrained it again"
        )
    if missing:
        raise ModelError(
            f"{folder}: {WEIGHTS_FILE} lacks {len(missing)} of the model's weights ('{missing[0]}' first), which would "
            "be random numbers; save the model again after training"
        )
    return model.eval()
