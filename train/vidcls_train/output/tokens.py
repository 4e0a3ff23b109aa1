"""How a model that sees some of the tokens answers where it is shown all: as transformers alone shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForVideoClassification

from vidcls.contract import Contract, tokens_fields
from vidcls.progress import Track, untracked
from vidcls.region import Region
from vidcls_train.model.families import family_of
from vidcls_train.output.scored import Scored
from vidcls_train.output.scoring import all_logits


def compare_with_all_tokens(
    folder: Path,
    val: Scored,
    contract: Contract,
    *,
    device: torch.device,
    region: Region | None = None,
    track: Track = untracked,
) -> dict[str, Any] | None:
    """The answers to validation clips beside those of the same weights with all tokens; None for a model that sees all.

    Args:
        folder: the checkpoint, as it was written.
        val: its answers.
        contract: its own.
        device: that computes, the trained model's.
        region: of the picture that the answers are of; None for all of it.
        track: shows the progress.

    Returns:
        {"rule", "share", "videos", "top1_agreement", "mean_abs_logit_diff", "shown_by": who shows the model all tokens,
        "pipeline" for transformers' own, or the name of a class that no pipeline opens}.
    """
    if contract.tokens.share is None:
        return None
    model = AutoModelForVideoClassification.from_pretrained(folder).to(device)
    videos = [clip.footage for clip in val.clips]
    label = "scoring val with all tokens"
    whole = all_logits(
        model, videos, contract, views=val.views, crops=val.crops, region=region, label=label, track=track
    )
    family = family_of(model)
    return {
        **tokens_fields(contract.tokens),
        "videos": len(videos),
        "top1_agreement": float((whole.argmax(axis=1) == val.logits.argmax(axis=1)).mean()),
        "mean_abs_logit_diff": float(np.abs(whole - val.logits).mean()),
        "shown_by": "pipeline" if family.has_pipeline else family.classifier,
    }
