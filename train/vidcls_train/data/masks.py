"""Which of a clip's tokens (tubelets of patches) are hidden from the encoder, drawn at random."""

from __future__ import annotations

import math

import torch
from transformers import VideoMAEConfig

from vidcls.contract import Tokens, kept_tokens


def patch_dropout_mask(tokens: int, rate: float) -> torch.Tensor:
    """bool [tokens]: those to hide, drawn from torch's global generator. At least one is kept.

    Example:
        >>> mask = patch_dropout_mask(32, 0.75)
        >>> mask.shape, mask.dtype, int(mask.sum())
        (torch.Size([32]), torch.bool, 24)
    """
    hidden = torch.zeros(tokens, dtype=torch.bool)
    hidden[torch.randperm(tokens)[: min(round(rate * tokens), tokens - 1)]] = True
    return hidden


def lattice_mask(tokens: Tokens, grid: tuple[int, int, int]) -> torch.Tensor:
    """bool [tokens]: those to hide, all but one of the lattices that together are all, drawn from torch's generator.

    Every token is so trained on; in use the encoder sees the first of the lattices.

    Args:
        tokens: a lattice.
        grid: how many tokens there are along time, height and width.

    Example:
        >>> mask = lattice_mask(Tokens(rule="lattice", share=0.25), (8, 4, 4))
        >>> mask.shape, int(mask.sum())
        (torch.Size([128]), 96)
    """
    phases = 1 if tokens.share is None else round(1 / tokens.share)
    hidden = torch.ones(math.prod(grid), dtype=torch.bool)
    hidden[kept_tokens(tokens, grid=grid, phase=int(torch.randint(phases, ())))] = False
    return hidden


def tube_mask(config: VideoMAEConfig, ratio: float) -> torch.Tensor:
    """bool [tokens]: the patches to hide, drawn from torch's global generator; the same ones in all frames.

    What moves little could otherwise be copied from a frame where it is not hidden. At least one patch is shown
    and one hidden.

    Example:
        >>> config = VideoMAEConfig(image_size=32, patch_size=8, num_frames=4, tubelet_size=2)
        >>> mask = tube_mask(config, 0.75)
        >>> mask.shape, int(mask.sum())
        (torch.Size([32]), 24)
        >>> torch.equal(mask[:16], mask[16:])
        True
    """
    patches = (config.image_size // config.patch_size) ** 2
    hidden = min(max(round(ratio * patches), 1), patches - 1)
    chosen = torch.zeros(patches, dtype=torch.bool)
    chosen[torch.randperm(patches)[:hidden]] = True
    return chosen.repeat(config.num_frames // config.tubelet_size)
