from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from generated import CHECKPOINT_SECTIONS, contract_fields
from vidcls.contract import Contract, from_json
from vidcls_train.data.clip_list import Clip
from vidcls_train.output.negatives import Negatives
from vidcls_train.output.scored import Scored


@pytest.fixture
def contract() -> Callable[..., Contract]:
    """A checkpoint's contract for labels, as it is before anything is fitted."""

    def make(labels: tuple[str, ...] = ("jump", "swim", "wave"), **decision: Any) -> Contract:
        fields = contract_fields(labels=labels)
        fields["decision"] |= decision
        fields["accuracy"] = None
        text = json.dumps({name: fields[name] for name in CHECKPOINT_SECTIONS})
        return from_json(Contract, text, where="test")

    return make


@pytest.fixture
def scored() -> Callable[..., Scored]:
    """So many clips of each label, answered by a model that mostly knows them and is `sure` times too sure of it."""

    def make(labels: tuple[str, ...], each: int, *, sure: float = 1.0, seed: int = 0) -> Scored:
        random = np.random.default_rng(seed)
        class_ids = np.repeat(np.arange(len(labels)), each)
        # Of normal scores around a shift d the log odds are d x score: 2.0 each way is calibrated at d = 2.
        noise = random.standard_normal((len(class_ids), len(labels)))
        logits = 2.0 * sure * (2.0 * np.eye(len(labels))[class_ids] + noise)
        clips = [
            Clip(path=Path(f"{labels[class_id]}-{number}.mp4"), labels=(labels[class_id],), group="")
            for number, class_id in enumerate(class_ids)
        ]
        return Scored(clips=clips, logits=logits.astype(np.float32), views=1, crops=1)

    return make


@pytest.fixture
def negatives() -> Negatives:
    """Videos of none of three labels, which the model answers with little conviction."""
    logits = np.random.default_rng(5).standard_normal((40, 3)).astype(np.float32)
    videos = [Path(f"none-{number}.mp4") for number in range(40)]
    return Negatives(videos=videos, logits=logits, unreadable=[])
