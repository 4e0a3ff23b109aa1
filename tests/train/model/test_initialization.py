"""Where a fresh encoder attends, and what it makes of it."""

from __future__ import annotations

import pytest
import torch
from transformers import VideoMAEForPreTraining, VideoMAEForVideoClassification

from vidcls_train.config.recipes import PRESETS
from vidcls_train.model.presets import from_preset, masked_from_preset

# Of the tokens that have the neighbour: the noise in the weights makes a few attend to one token beside it.
_MOST = 0.9

# How many times an even share of attention a head of the first layer gives its neighbour in a clip of noise.
_MANY = 5

# A layer's values and projection give the token negated, and noise as large: half of what comes out is the token.
_CORRELATED = (-0.85, -0.55)


def _fresh(preset: str, *, masked: bool) -> VideoMAEForVideoClassification | VideoMAEForPreTraining:
    torch.manual_seed(0)
    chosen, size = PRESETS[preset], 7 * PRESETS[preset].patch_size
    if masked:
        return masked_from_preset(chosen, frames=8, image_size=size).model.eval()
    return from_preset(chosen, ("a", "b"), frames=8, image_size=size, resize=None).model.eval()


@pytest.mark.parametrize(("preset", "masked"), [("tiny", False), ("tiny", True), ("small", False)])
def test_by_position_alone_heads_attend_to_their_neighbours(preset: str, masked: bool) -> None:
    model = _fresh(preset, masked=masked)
    heads = model.config.num_attention_heads
    positions = model.videomae.embeddings.position_embeddings[0]
    offsets = (-1, 1, -49, -7, 7, 49)  # left, right, before, above, below, after, of 4 x 7 x 7 tokens
    offsets_found = set()
    for number, layer in enumerate(model.videomae.encoder.layer):
        tokens = layer.layernorm_before(positions)
        attention = layer.attention.attention
        queries, keys = (part(tokens).unflatten(1, (heads, -1)) for part in (attention.query, attention.key))
        logits = torch.einsum("qhd,khd->hqk", queries, keys)
        for head in range(heads):
            offset = offsets[(number * heads + head) % len(offsets)]
            inside = torch.arange(max(0, -offset), min(196, 196 - offset))
            hit = logits[head, inside].argmax(dim=1) == inside + offset
            assert hit.float().mean() > _MOST, (number, head, offset)
            offsets_found.add(offset)
    assert offsets_found == set(offsets)


def test_whatever_the_clip_shows_neighbours_are_attended_to() -> None:
    model = _fresh("tiny", masked=False)
    model.config._attn_implementation = "eager"  # set_attn_implementation is newer than the oldest transformers
    clips = torch.randn(2, 8, 3, 56, 56, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        attention = model(clips, output_attentions=True).attentions[0].mean(dim=0)
    for head, offset in enumerate((-1, 1, -49)):
        inside = torch.arange(max(0, -offset), min(196, 196 - offset))
        assert attention[head, inside, inside + offset].mean() > _MANY / 196


def test_what_attention_adds_is_what_it_attends_to_negated_and_noise() -> None:
    model = _fresh("tiny", masked=False)
    tokens = torch.randn(500, 96, generator=torch.Generator().manual_seed(1))
    for layer in model.videomae.encoder.layer:
        passed = layer.attention.output.dense(layer.attention.attention.value(tokens))
        correlation = torch.corrcoef(torch.stack([tokens.flatten(), passed.detach().flatten()]))[0, 1]
        assert _CORRELATED[0] < correlation < _CORRELATED[1]
