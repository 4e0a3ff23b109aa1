from __future__ import annotations

import torch
from transformers import VideoMAEConfig

from vidcls_train.data.masks import patch_dropout_mask, tube_mask

# 2 tubelets of 4 x 4 patches.
CONFIG = VideoMAEConfig(num_frames=4, image_size=64)


def test_as_many_are_hidden_as_asked_for_but_one_is_kept() -> None:
    for tokens, share, hidden in ((32, 0.75, 24), (32, 0.0, 0), (10, 0.25, 2), (4, 0.95, 3), (1, 0.5, 0)):
        assert patch_dropout_mask(tokens, share).sum() == hidden, (tokens, share)
    # Every patch has its turn: hidden 750 times of 1000, and eight standard deviations.
    times = torch.stack([patch_dropout_mask(32, 0.75) for _ in range(1000)]).sum(dim=0)
    assert times.min() > 640
    assert times.max() < 860


def test_a_mask_hides_the_same_patches_in_all_frames() -> None:
    for ratio, hidden in ((0.9, 14), (0.5, 8), (0.01, 1), (0.99, 15)):
        frames = tube_mask(CONFIG, ratio).reshape(2, 16)
        assert torch.equal(frames[0], frames[1])
        assert frames[0].sum() == hidden
    assert not torch.equal(tube_mask(CONFIG, 0.5), tube_mask(CONFIG, 0.5))
