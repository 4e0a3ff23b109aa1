"""Moving tokens: which of a clip's patches change most, in whole numbers, so that every device picks the same ones.

A patch's change is the sum, over its pixels and colours, of how many grey levels each differs from one frame of the
patch to the next, divided by a constant, so that the keys that are sorted stay below 2^24: OpenVINO, for one, computes
them in float32, which knows every whole number up to there. Of patches that change alike the first is taken: no two
keys are equal, where ONNX's TopK would leave the order open.
"""

from __future__ import annotations

import math

import torch

from vidcls.contract import Image, Tokens

_KEYS = 2**24
_GREY_LEVELS = 255


def moving_count(tokens: Tokens, *, every: int) -> int:
    """How many of so many patches are kept: at least one.

    Example:
        >>> moving_count(Tokens(rule="moving", share=0.125), every=64)
        8
    """
    return max(1, round((tokens.share or 1) * every))


def moving_tokens(patches: torch.Tensor, *, count: int) -> torch.Tensor:
    """The numbers of the `count` patches that change most, int64 [B, count], the one that does most first.

    The same operations become part of an exported graph.

    Args:
        patches: whole grey levels of any dtype, [B, patches, frames of one, values of a frame].

    Example:
        >>> patches = torch.zeros(1, 3, 2, 8, dtype=torch.uint8)
        >>> patches[0, 2, 1, 5] = 9
        >>> moving_tokens(patches, count=2)
        tensor([[2, 0]])
    """
    every, frames, values = patches.shape[1:]
    change = (patches[:, :, 1:].int() - patches[:, :, :-1].int()).abs().sum(dim=(2, 3), dtype=torch.int32)
    # The least by which the largest change, and with it the largest key, is small enough.
    coarse = max(1, math.ceil(_GREY_LEVELS * (frames - 1) * values * every / (_KEYS - every)))
    # Without a remainder: OpenVINO does not round what it divides and multiplies at once.
    whole = (change - change % coarse) // coarse
    keys = whole * every + torch.arange(every - 1, -1, -1, dtype=torch.int32, device=patches.device)
    return keys.topk(count, dim=1).indices


def patches_of(frames: torch.Tensor, patch: tuple[int, int, int]) -> torch.Tensor:
    """Frames [B, T, H, W, 3] as their patches, [B, patches, frames of one, values of a frame].

    Patches count by frame pair, row and column. Of one, frames, rows, columns and colours follow each other. What fills
    no patch is left out, as a convolution leaves it out.

    Args:
        frames: of any length and size.
        patch: frames, rows and columns of one.
    """
    (t, h, w), (pt, ph, pw) = (int(size) // step for size, step in zip(frames.shape[1:4], patch, strict=True)), patch
    if (t * pt, h * ph, w * pw) != tuple(map(int, frames.shape[1:4])):
        frames = frames[:, : t * pt, : h * ph, : w * pw]
    # The three colours of a row of a patch lie side by side and move as one.
    cut = frames.reshape(-1, t, pt, h, ph, w, pw * 3).permute(0, 1, 3, 5, 2, 4, 6)
    return cut.reshape(-1, t * h * w, pt, ph * pw * 3)


def grey_levels(pixel_values: torch.Tensor, image: Image) -> torch.Tensor:
    """The frames, int32 [B, T, H, W, 3], that normalised pixels, float32 [B, T, 3, H, W], were made of.

    Of mixed clips, which are between grey levels, the nearest.
    """
    mean, std = (torch.tensor(values, device=pixel_values.device)[:, None, None] for values in (image.mean, image.std))
    return ((pixel_values * std + mean) * _GREY_LEVELS).round().int().permute(0, 1, 3, 4, 2)
