"""A zero-mean, whitened patch embedding: what varies within a patch counts, not how bright or coloured it is.

Few clips were filmed in few places. A fresh encoder soon recognises those by the colours of their lawns and walls, and
is lost in another place. Edges and what moves are much alike everywhere, which is why gradients have served where clips
are few (Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005). A patch embedding whose
weights add up to zero, for each frame and colour of a patch, passes on those alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, TrainerCallback, VideoMAEModel

from vidcls_train.data.datasets import ClipDataset

# In config.json, so that whoever trains the encoder further keeps it so; other tools do not read it.
_FIELD = "patch_levels"

# Each gives as many patches as it has tokens: thousands in all, for hundreds of components.
_CLIPS_SAMPLED = 128

# Added to what components are divided by, as a share of the largest: those hardly larger than noise stay small.
_FLOOR = 0.05


def make_zero_mean(encoder: VideoMAEModel) -> None:
    """Take the mean from a fresh encoder's patch embedding, and note in its configuration that it is to stay so.

    Example:
        >>> from transformers import VideoMAEConfig, VideoMAEForVideoClassification
        >>> config = VideoMAEConfig(
        ...     hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48, image_size=32
        ... )
        >>> model = VideoMAEForVideoClassification(config)
        >>> make_zero_mean(model.videomae)
        >>> is_zero_mean(model)
        True
    """
    setattr(encoder.config, _FIELD, False)
    _subtract_mean_of_weights(_embedding(encoder))


def is_zero_mean(model: PreTrainedModel) -> bool:
    """Whether the patch embedding of a model with a VideoMAE encoder was made so, by its configuration."""
    return getattr(model.config, _FIELD, True) is False


@torch.no_grad()
def whiten(encoder: VideoMAEModel, clips: ClipDataset) -> None:
    """Set a fresh encoder's patch embedding to the principal components of these clips' contrasts, equally strong.

    Patches differ in slow shades many times as much as in edges and in what moves, of which a token of random weights
    holds little. Divided by their standard deviations, components count alike: whitening, as in Krizhevsky's "Learning
    Multiple Layers of Features from Tiny Images" (2009).

    Args:
        encoder: one that `is_zero_mean`; changed in place.
        clips: of the encoder's shape; up to 128 of them are taken, as the first epoch trains on them.
    """
    projection = encoder.embeddings.patch_embeddings.projection
    # In float64 and with signs fixed, so that one process and several arrive at the same weights.
    number, total, products = 0, torch.tensor(0.0), torch.tensor(0.0)
    for index in np.linspace(0, len(clips) - 1, min(len(clips), _CLIPS_SAMPLED)).astype(int):
        patches = _contrasts(clips[0, int(index)]["pixel_values"].double(), projection.kernel_size)
        number, total, products = number + len(patches), total + patches.sum(dim=0), products + patches.T @ patches
    mean = total / number
    variances, components = torch.linalg.eigh(products / number - mean[:, None] * mean)
    largest_first = torch.arange(len(variances)).flip(0)[: projection.out_channels]
    deviations = variances[largest_first].clamp(min=0).sqrt()
    if not deviations[0]:
        return  # pictures of a single colour: patches do not differ
    rows = components[:, largest_first].T
    rows *= rows.gather(1, rows.abs().argmax(dim=1, keepdim=True)).sign()
    rows /= (deviations + _FLOOR * deviations[0])[:, None]
    # A patch may have fewer components than a token has numbers: the others stay random.
    projection.weight[: len(rows)] = rows.view(-1, *projection.weight.shape[1:]).float()
    _subtract_mean_of_weights(projection.weight)


def subtract_patch_mean(pixels: torch.Tensor) -> torch.Tensor:
    """[..., rows, columns], of a patch or of weights for one, less the mean over both.

    Example:
        >>> subtract_patch_mean(torch.tensor([[[1.0, 2.0], [3.0, 6.0]]]))
        tensor([[[-2., -1.],
                 [ 0.,  3.]]])
    """
    return pixels - pixels.mean(dim=(-2, -1), keepdim=True)


class ZeroMeanCallback(TrainerCallback):  # type: ignore[misc]
    """Keeps a patch embedding zero-mean in training: gradients, by whose size the optimizer divides, and weights."""

    def __init__(self, model: PreTrainedModel) -> None:
        """Args: model: one that `is_zero_mean`; a hook is put on its patch embedding's gradients."""
        self._weight = _embedding(model.videomae)
        if self._weight.requires_grad:
            self._weight.register_hook(subtract_patch_mean)  # type: ignore[no-untyped-call]

    def on_optimizer_step(self, _args: Any, _state: Any, _control: Any, **_: Any) -> None:
        """Take away what the optimizer, which treats each number by itself, has added to the mean."""
        if self._weight.requires_grad:
            _subtract_mean_of_weights(self._weight)


def _embedding(encoder: VideoMAEModel) -> torch.nn.Parameter:
    """The patch embedding's weights [width, 3, frames, rows, columns]."""
    weight: torch.nn.Parameter = encoder.embeddings.patch_embeddings.projection.weight
    return weight


@torch.no_grad()
def _subtract_mean_of_weights(weight: torch.Tensor) -> None:
    weight.copy_(subtract_patch_mean(weight))


def _contrasts(clip: torch.Tensor, size: tuple[int, int, int]) -> torch.Tensor:
    """[T, 3, H, W] to [patches, 3 * frames * rows * columns] without levels, ordered as the embedding's weights are."""
    frames, rows, columns = size
    patches = clip.unfold(0, frames, frames).unfold(2, rows, rows).unfold(3, columns, columns)
    return subtract_patch_mean(patches).permute(0, 2, 3, 1, 4, 5, 6).flatten(3).flatten(0, 2)
