"""Patch dropout against a model computed by hand on the patches that are left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import VideoMAEConfig, VideoMAEForVideoClassification

from slow import slow
from vidcls_train.finetune import train
from vidcls_train.model.patch_dropout import PatchDropout

# 2 tubelets of 4 x 4 patches.
CONFIG = VideoMAEConfig(
    hidden_size=24,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=48,
    num_frames=4,
    image_size=32,
    patch_size=8,
    num_labels=3,
    initializer_range=0.2,
    hidden_dropout_prob=0.0,
    use_mean_pooling=True,
)

ROUNDING = 1e-5  # float32, summed in another order


@pytest.fixture
def model() -> VideoMAEForVideoClassification:
    torch.manual_seed(0)
    return VideoMAEForVideoClassification(CONFIG)


def some_hidden() -> torch.Tensor:
    """Six of the 32 patches of each of two clips."""
    hidden = torch.zeros(2, 32, dtype=torch.bool)
    hidden[0, [0, 5, 6, 17, 30, 31]] = True
    hidden[1, [1, 2, 3, 4, 16, 29]] = True
    return hidden


def test_in_training_the_encoder_computes_with_the_patches_that_are_left(model: VideoMAEForVideoClassification) -> None:
    dropout = PatchDropout(model)
    clips, hidden = torch.randn(2, 4, 3, 32, 32), some_hidden()
    whole = model.eval()(pixel_values=clips).logits
    dropout.hide(hidden)
    logits = model.train()(pixel_values=clips).logits
    encoder = model.videomae
    tokens = encoder.embeddings.patch_embeddings(clips) + encoder.embeddings.position_embeddings
    for clip in range(2):
        left = tokens[clip, [patch for patch in range(32) if not hidden[clip, patch]]]
        pooled = encoder.encoder(left[None]).last_hidden_state.mean(dim=1)
        by_hand = model.classifier(model.fc_norm(pooled))[0]
        torch.testing.assert_close(logits[clip], by_hand, atol=ROUNDING, rtol=0)
    # What is trained on hidden patches answers with all of them.
    assert torch.equal(model.eval()(pixel_values=clips).logits, whole)
    assert (logits - whole).abs().max() > 1000 * ROUNDING


def first_loss(clips: Path, output: Path, **changes: object) -> float:
    run = {
        "data": str(clips),
        "output": output,
        "preset": "tiny",
        "max_steps": 1,
        "frames": 4,
        "image_size": 32,
        "clip_seconds": 0.5,
        "device": "cpu",
        "workers": 0,
        "dropout": 0.0,
        "allow_duplicates": True,  # all clips are of the same painted numbers
    }
    train({**run, **changes})
    metrics = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
    return float(metrics["train"]["history"][0]["loss"])


@slow
def test_a_run_hides_the_recipes_share(clips: Path, tmp_path: Path) -> None:
    none, presets, half = (first_loss(clips, tmp_path / f"{share}", patch_dropout=share) for share in (0.0, None, 0.5))
    assert len({none, presets, half}) == 3
