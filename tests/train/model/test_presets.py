from __future__ import annotations

import pytest
import torch

from vidcls_train.config.recipes import PRESETS
from vidcls_train.model.presets import from_preset


def test_a_preset_starts_a_fresh_model_of_its_size() -> None:
    start = from_preset(PRESETS["tiny"], ("a", "b", "c"), frames=None, image_size=None, resize=None)
    config = start.model.config
    assert (config.hidden_size, config.num_hidden_layers, config.num_frames) == (96, 6, 8)
    assert (config.image_size, config.patch_size) == (112, 8)
    assert config.id2label == {0: "a", 1: "b", 2: "c"}
    assert start.origin.name is None
    smaller = from_preset(PRESETS["tiny"], ("a", "b"), frames=4, image_size=32, resize="stretch")
    assert smaller.model(torch.zeros(1, 4, 3, 32, 32)).logits.shape == (1, 2)
    assert smaller.image.resize == "stretch"
    with pytest.raises(ValueError, match="image size 100 is not a multiple of the patch size 8"):
        from_preset(PRESETS["tiny"], ("a", "b"), frames=None, image_size=100, resize=None)
    with pytest.raises(ValueError, match="7 frames are not a multiple"):
        from_preset(PRESETS["tiny"], ("a", "b"), frames=7, image_size=None, resize=None)
