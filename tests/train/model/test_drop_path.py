"""Branches that a clip skips in training, and what of a branch's output is dropped."""

from __future__ import annotations

import pytest
import torch
from transformers import VideoMAEForVideoClassification

from vidcls_train.model.drop_path import DropPath, branches_per_layer
from vidcls_train.model.dropout import set_dropout


def test_a_skipped_branch_adds_nothing_and_the_others_make_up_for_it(model: VideoMAEForVideoClassification) -> None:
    drop_path = DropPath(model, rate=0.5)
    seen: list[torch.Tensor] = []
    last = model.videomae.encoder.layer[2]
    last.attention.output.dropout.register_forward_hook(lambda _module, _inputs, output: seen.append(output.detach()))
    clips = torch.randn(2, 2, 3, 32, 32)
    draws = torch.ones(3 * branches_per_layer(model), 2)
    model.train()
    drop_path.draw(draws)
    model(pixel_values=clips)
    draws[4, 0] = 0.4  # the last layer's attention, of the first clip
    drop_path.draw(draws)
    model(pixel_values=clips)
    model.eval()
    model(pixel_values=clips)
    kept, skipped, deployed = seen
    assert not skipped[0].any()
    assert torch.equal(skipped[1], kept[1])
    # The layers below are scaled too, so that only the share of this branch can be told, not its values.
    assert deployed.abs().mean() < kept.abs().mean() * 0.7
    # The first layer skips nothing, whatever is drawn.
    draws[:] = 0.0
    draws[2:] = 1.0
    model.train()
    drop_path.draw(draws)
    model(pixel_values=clips)
    assert torch.equal(seen[3], kept)


def test_dropout_is_the_recipes_whatever_the_model_came_with(model: VideoMAEForVideoClassification) -> None:
    seen: list[torch.Tensor] = []
    for layer in model.videomae.encoder.layer:
        for branch in (layer.attention.output, layer.output):
            branch.dropout.register_forward_hook(lambda _module, _inputs, output: seen.append(output.detach()))
    model.train()
    for share in (0.25, 0.0):
        seen.clear()
        set_dropout(model, share)
        model(pixel_values=torch.randn(8, 2, 3, 32, 32))
        assert len(seen) == 3 * branches_per_layer(model)
        for output in seen:
            # Five standard deviations of 768 draws.
            assert float((output == 0).float().mean()) == pytest.approx(share, abs=0.08 if share else 0)
