"""Rates and decay per layer, and what learns at all."""

from __future__ import annotations

from transformers import VideoMAEForVideoClassification

from vidcls_train.model.pretrained import freeze_encoder
from vidcls_train.trainer.ema import EmaWeights
from vidcls_train.trainer.param_groups import parameter_groups


def test_each_layer_learns_slower_than_the_one_above_and_vectors_do_not_decay(
    model: VideoMAEForVideoClassification,
) -> None:
    groups = parameter_groups(model, learning_rate=1.0, layer_decay=0.5, weight_decay=0.05)
    rates = {id(weight): group["lr"] for group in groups for weight in group["params"]}
    decays = {id(weight): group["weight_decay"] for group in groups for weight in group["params"]}
    named = dict(model.named_parameters())
    assert len(rates) == len(named)
    for prefix, rate in {
        "classifier.": 1.0,
        "fc_norm.": 1.0,
        "videomae.encoder.layer.2.": 0.5,
        "videomae.encoder.layer.1.": 0.25,
        "videomae.encoder.layer.0.": 0.125,
        "videomae.embeddings.": 0.0625,
    }.items():
        found = {rates[id(weight)] for name, weight in named.items() if name.startswith(prefix)}
        assert found == {rate}, prefix
    for name, weight in named.items():
        vector = name.endswith(("bias", "_norm.weight")) or "layernorm" in name
        assert decays[id(weight)] == (0.0 if vector else 0.05), name


def test_a_head_alone_is_all_that_learns(model: VideoMAEForVideoClassification) -> None:
    freeze_encoder(model)
    groups = parameter_groups(model, learning_rate=1.0, layer_decay=0.5, weight_decay=0.05)
    learning = {id(weight) for group in groups for weight in group["params"]}
    assert learning == {id(weight) for name, weight in model.named_parameters() if not name.startswith("videomae.")}
    assert set(EmaWeights(model, steps=3)._ema) == {
        "classifier.weight",
        "classifier.bias",
        "fc_norm.weight",
        "fc_norm.bias",
    }
