"""What a model of some tokens answers with all of them: on the same clips, and shown by what can open it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from generated import LABELS
from lossless import noise_frames, write_lossless
from random_models import MAKERS, save
from vidcls.contract import Contract, Tokens
from vidcls_train.data.clip_list import Clip
from vidcls_train.model.families import FAMILIES
from vidcls_train.output.scored import Scored
from vidcls_train.output.scoring import all_logits
from vidcls_train.output.tokens import compare_with_all_tokens

REGION = (0.0, 0.0, 0.5, 1.0)


@pytest.mark.parametrize("kind", ["videomae", "videomae_hybrid", "vjepa2", "vivit"])
def test_the_same_region_is_shown_by_who_can_open_the_model(
    kind: str, contract: Callable[..., Contract], tmp_path: Path
) -> None:
    """The answers compared are of all tokens too, so that they differ only where other pixels are shown."""
    save(MAKERS[kind], tmp_path / kind)
    video = write_lossless(tmp_path / "clip.mkv", noise_frames(frames=20, width=96, height=64) // 2)
    lattice = dataclasses.replace(contract(LABELS), tokens=Tokens(rule="lattice", share=0.5))
    model = transformers.AutoModelForVideoClassification.from_pretrained(tmp_path / kind)
    clip = Clip(path=video, labels=LABELS[:1], group="")
    logits = all_logits(model, [clip.footage], lattice, views=1, crops=1, region=REGION, label="scoring")
    val = Scored(clips=[clip], logits=logits, views=1, crops=1)
    same = compare_with_all_tokens(tmp_path / kind, val, lattice, device=model.device, region=REGION)
    other = compare_with_all_tokens(tmp_path / kind, val, lattice, device=model.device)
    assert same is not None
    assert other is not None
    assert same["mean_abs_logit_diff"] == 0
    assert other["mean_abs_logit_diff"] > 0
    family = FAMILIES[kind]
    assert same["shown_by"] == ("pipeline" if opens_in_a_pipeline(kind, tmp_path / kind) else family.classifier)


def test_the_trained_models_device_computes(contract: Callable[..., Contract], tmp_path: Path) -> None:
    """Without a card: PyTorch's device "meta" computes shapes alone, and refuses to hand out a number."""
    save(MAKERS["videomae"], tmp_path / "videomae")
    video = write_lossless(tmp_path / "clip.mkv", noise_frames(frames=20, width=96, height=64) // 2)
    lattice = dataclasses.replace(contract(LABELS), tokens=Tokens(rule="lattice", share=0.5))
    clip = Clip(path=video, labels=LABELS[:1], group="")
    val = Scored(clips=[clip], logits=np.zeros((1, len(LABELS)), np.float32), views=1, crops=1)
    with pytest.raises(NotImplementedError, match="meta"):
        compare_with_all_tokens(tmp_path / "videomae", val, lattice, device=torch.device("meta"))


def opens_in_a_pipeline(kind: str, folder: Path) -> bool:
    """In a process that has not imported vidcls_train, which makes its hybrid known to transformers."""
    if not hasattr(transformers, FAMILIES[kind].classifier):
        return False
    try:
        transformers.pipeline("video-classification", model=str(folder), device="cpu")
    except OSError:
        return False
    return True
