"""The convolutions of EfficientNet-Lite, which has learnt from pictures what few clips cannot teach.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (arXiv 1905.11946). The Lite
variants have no squeeze-and-excitation, and ReLU6 throughout, so that numbers stay small, as fp16 and int8 need it.
Batch norms are folded into the convolutions before them: few clips give no statistics to learn them anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.functional import pad


class Stage(NamedTuple):
    """Blocks of one width. stride: of the first of them; expansion: of the channels within a block."""

    expansion: int
    channels: int
    blocks: int
    kernel: int
    stride: int


STEM_CHANNELS = 32
LITE0 = (
    Stage(expansion=1, channels=16, blocks=1, kernel=3, stride=1),
    Stage(expansion=6, channels=24, blocks=2, kernel=3, stride=2),
    Stage(expansion=6, channels=40, blocks=2, kernel=5, stride=2),
    Stage(expansion=6, channels=80, blocks=3, kernel=3, stride=2),
    Stage(expansion=6, channels=112, blocks=3, kernel=5, stride=1),
    Stage(expansion=6, channels=192, blocks=4, kernel=5, stride=2),
    Stage(expansion=6, channels=320, blocks=1, kernel=3, stride=1),
)
_FIRST_STRIDE = 2


def strides(stages: Sequence[Stage]) -> list[int]:
    """How many pixels lie between neighbours in what each stage gives.

    Example:
        >>> strides(LITE0)
        [2, 4, 8, 16, 16, 32, 32]
    """
    found = [_FIRST_STRIDE]
    for stage in stages:
        found.append(found[-1] * stage.stride)
    return found[1:]


class PictureNetwork(nn.Module):
    """Pictures float32 [B, 3, H, W] -> what the last stage of each stride gives, [B, channels, H / stride, W / stride].

    Height and width are multiples of the largest stride.
    """

    def __init__(self, stages: Sequence[Stage], *, stem_channels: int, finest_stride: int) -> None:
        """Args: stages: the first one first. stem_channels: before them. finest_stride: of the maps that are given."""
        super().__init__()
        self.stem = Convolution(3, stem_channels, kernel=3, stride=_FIRST_STRIDE)
        width, built, found = stem_channels, [], strides(stages)
        for stage in stages:
            built.append(_blocks(width, stage))
            width = stage.channels
        self.stages = nn.ModuleList(built)
        last = [index for index, stride in enumerate(found) if stride not in found[index + 1 :]]
        self.given = [index for index in last if found[index] >= finest_stride]
        self.channels = [stages[index].channels for index in self.given]
        self.strides = [found[index] for index in self.given]
        self.every_stride = found

    def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        """The maps, the finest first."""
        maps, hidden = [], _relu6(self.stem(pictures))
        for index, stage in enumerate(self.stages):
            hidden = stage(hidden)
            if index in self.given:
                maps.append(hidden)
        return maps


class Block(nn.Module):
    """An inverted bottleneck: wider, within each channel, narrow again; added to its input where both are alike."""

    def __init__(self, width: int, channels: int, *, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = width * expansion
        self.expand = None if expansion == 1 else Convolution(width, inner, kernel=1)
        self.depthwise = Convolution(inner, inner, kernel=kernel, stride=stride, groups=inner)
        self.project = Convolution(inner, channels, kernel=1)
        self.is_residual = stride == 1 and width == channels

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """float32 [B, width, H, W] -> [B, channels, H / stride, W / stride]."""
        inner = hidden if self.expand is None else _relu6(self.expand(hidden))
        added: torch.Tensor = self.project(_relu6(self.depthwise(inner)))
        return hidden + added if self.is_residual else added


class Convolution(nn.Conv2d):
    """A convolution padded as TensorFlow pads ("SAME") what has a multiple of the stride: more at the end."""

    def __init__(self, width: int, channels: int, *, kernel: int, stride: int = 1, groups: int = 1) -> None:
        total = max(kernel - stride, 0)
        is_even = total % 2 == 0
        # What is the same on both sides the convolution pads itself, without a copy of its input.
        super().__init__(width, channels, kernel, stride=stride, groups=groups, padding=total // 2 if is_even else 0)
        self.around = None if is_even else (total // 2, total - total // 2) * 2

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """float32 [B, width, H, W] -> [B, channels, H / stride, W / stride]."""
        return super().forward(hidden if self.around is None else pad(hidden, self.around))


def _relu6(hidden: torch.Tensor) -> torch.Tensor:
    """In place: what a convolution gave is of no other use, and a copy of it takes time."""
    return nn.functional.relu6(hidden, inplace=True)


def _blocks(width: int, stage: Stage) -> nn.Sequential:
    shape = {"expansion": stage.expansion, "kernel": stage.kernel}
    first = Block(width, stage.channels, stride=stage.stride, **shape)
    others = (Block(stage.channels, stage.channels, stride=1, **shape) for _ in range(stage.blocks - 1))
    return nn.Sequential(first, *others)
