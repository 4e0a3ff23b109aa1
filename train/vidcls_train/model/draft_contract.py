"""The contract of a model before it is trained."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

import torch
import transformers

import vidcls
from vidcls.contract import FORMAT, NEUTRAL, Contract, Sampling, Source, configured_tokens
from vidcls_train.config.settings import TrainConfig
from vidcls_train.data.clip_list import MULTI_LABEL, ClipList
from vidcls_train.model.starting_point import StartingPoint


def draft_contract(config: TrainConfig, found: ClipList, start: StartingPoint) -> Contract:
    """The contract as far as it is known before training; hash, counts and accuracy come after it.

    Its clips are those that the base knows.
    """
    activation: Literal["softmax", "sigmoid"] = "sigmoid" if found.problem_type == MULTI_LABEL else "softmax"
    return Contract(
        format=FORMAT,
        labels=found.labels,
        sampling=Sampling(rule="uniform", frames=start.frames, clip_seconds=config.data.clip_seconds),
        image=start.image,
        source=Source(
            architecture=type(start.model).__name__,
            base=start.origin.name,
            base_license=start.origin.licence,
            checkpoint_sha256="0" * 64,
            data=None,
            clips=start.origin.clips,
            versions={
                "vidcls": vidcls.__version__,
                "torch": torch.__version__,
                "transformers": transformers.__version__,
            },
            created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        ),
        accuracy=None,
        decision=replace(NEUTRAL, activation=activation, none_label=found.none_label),
        tokens=configured_tokens(start.model.config),
    )
