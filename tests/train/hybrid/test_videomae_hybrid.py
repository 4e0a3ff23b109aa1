"""The hybrid's tokens, beside the picture network's own maps cut up by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForVideoClassification

from random_models import save, videomae_hybrid
from vidcls_train.hybrid.videomae_hybrid import VideoMAEHybridConfig, VideoMAEHybridForVideoClassification

ROUNDING = 1e-4  # float32, summed in another order


@pytest.mark.parametrize("static_scale", [1.0, 0.25, 0.0])
def test_a_token_is_made_of_all_that_the_maps_hold_at_its_place_in_its_frames(static_scale: float) -> None:
    torch.manual_seed(0)
    model, _ = videomae_hybrid(static_scale=static_scale)
    patches = model.videomae.embeddings.patch_embeddings
    clip = torch.randn(1, 4, 3, 32, 32)
    with torch.inference_mode():
        fine, coarse = (found.double().numpy() for found in patches.network(clip[0]))  # of strides 4 and 8
        tokens = patches(clip)[0].numpy()
    fine, coarse = (maps - (1 - static_scale) * maps.mean(axis=0) for maps in (fine, coarse))
    weight, bias = (part.detach().double().numpy() for part in (patches.projection.weight, patches.projection.bias))
    assert tokens.shape == (2 * 4 * 4, 48)
    for time, row, column in np.ndindex(2, 4, 4):
        numbers = []
        for frame in (2 * time, 2 * time + 1):
            numbers += [
                fine[frame, channel, 2 * row + y, 2 * column + x]
                for channel in range(8)
                for y in range(2)
                for x in range(2)
            ]
            numbers += list(coarse[frame, :, row, column])
        expected = weight @ np.array(numbers) + bias
        assert np.abs(tokens[(time * 4 + row) * 4 + column] - expected).max() < ROUNDING


def test_of_a_clip_that_stands_still_a_share_is_left_and_of_one_that_does_not_what_changes() -> None:
    torch.manual_seed(0)
    patches = videomae_hybrid(static_scale=0.25)[0].videomae.embeddings.patch_embeddings
    still = torch.randn(1, 1, 3, 32, 32).expand(1, 4, 3, 32, 32)
    with torch.inference_mode():
        quarter = patches(still) - patches.projection.bias
        patches.static_scale = 1.0
        whole = patches(still) - patches.projection.bias
    torch.testing.assert_close(4 * quarter, whole, atol=ROUNDING, rtol=0)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"stem_stages": [[1, 8, 1, 3]]}, "stem_stages are .*expected a list of expansion, channels, blocks, kernel"),
        ({"stem_stages": [[1, 8, 0, 3, 2]]}, "each above 0"),
        ({"stem_stages": "many"}, "stem_stages are 'many'"),
        ({"stem_stages": []}, r"patch_size is 32, expected \[\]"),
        ({"finest_stride": 64}, "finest_stride is 64, expected at most the patch_size 32"),
        ({"static_scale": 1.5}, "static_scale is 1.5, expected a number from 0 to 1"),
        ({"static_scale": float("nan")}, "static_scale is nan"),
        ({"static_scale": True}, "static_scale is True"),
        ({"stem_channels": "32"}, "stem_channels is '32', expected a whole number above 0"),
        ({"patch_size": 16}, r"patch_size is 16, expected \[32\], the stride"),
    ],
)
def test_a_configuration_of_no_picture_network_is_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        VideoMAEHybridConfig(**changes)


def test_transformers_loads_what_was_saved_by_its_own_name(tmp_path: Path) -> None:
    model, _ = save(videomae_hybrid, tmp_path)
    loaded = AutoModelForVideoClassification.from_pretrained(tmp_path)
    assert type(loaded) is VideoMAEHybridForVideoClassification
    before, after = model.state_dict(), loaded.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
