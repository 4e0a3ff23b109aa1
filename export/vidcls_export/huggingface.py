"""The contract of a plain Hugging Face video classifier, from the files that transformers writes.

transformers has no word for how frames are taken from a video, so that has to be given.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import torch
import transformers
from huggingface_hub import ModelCard
from transformers import PretrainedConfig

import vidcls
from vidcls.contract import FORMAT, NEUTRAL, Contract, Sampling, Source, configured_tokens
from vidcls.errors import ModelError
from vidcls.huggingface import DEFAULT_CLIP_SECONDS, PREPROCESSOR_FILE, VIDEO_PREPROCESSOR_FILE, read_image_section
from vidcls_export.architectures import Architecture
from vidcls_export.quiet import quiet


def plain_contract(
    folder: Path,
    config: PretrainedConfig,
    architecture: Architecture,
    *,
    name: str,
    sha256: str,
    clip_seconds: float | None,
) -> Contract:
    """The contract of a checkpoint that has none.

    Args:
        folder: holds preprocessor_config.json and perhaps a model card, README.md.
        config: the model's configuration.
        name: what to call the weights: a hub id or the folder's name.
        sha256: of the weights' file.
        clip_seconds: seconds that the frames are spread over; None for 64/30.

    Raises:
        ModelError: the preprocessing is missing, or is one that vidcls does not do.
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
            image=read_image_section(_preprocessor_file(folder)),
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
        raise ModelError(f"{folder}: {error}") from None


def _versions() -> dict[str, str]:
    return {"vidcls": vidcls.__version__, "torch": torch.__version__, "transformers": transformers.__version__}


def activation_of(config: PretrainedConfig) -> Literal["softmax", "sigmoid"]:
    """What makes probabilities of the model's logits, as transformers' problem_type says."""
    return "sigmoid" if config.problem_type == "multi_label_classification" else "softmax"


def _preprocessor_file(folder: Path) -> Path:
    video = folder / VIDEO_PREPROCESSOR_FILE
    return video if video.exists() else folder / PREPROCESSOR_FILE


def _origin(folder: Path, name: str) -> tuple[str, str | None]:
    """(what the weights were made from, its licence or None), from the model card if there is one."""
    try:
        with quiet():
            card = ModelCard.load(folder / "README.md", ignore_metadata_errors=True).data
    except (OSError, ValueError):
        return name, None
    base, licence = card.get("base_model"), card.get("license")
    return base if isinstance(base, str) else name, licence if isinstance(licence, str) else None
