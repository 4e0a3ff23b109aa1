"""Positions that were learned for one number of frames and size of picture -> the same for another."""

from __future__ import annotations

import torch
from torch.nn.functional import interpolate
from transformers import PretrainedConfig, PreTrainedModel

from vidcls_train.model.families import family_of, token_grid

_PLACES = "embeddings.position_embeddings"
_TIMES = "embeddings.time_embeddings"


def resized(model: PreTrainedModel, config: PretrainedConfig) -> PreTrainedModel:
    """The same weights in a model of that configuration, which may have another number of frames or size of picture.

    Learned positions are interpolated: between frames linearly, within a picture bicubically, as is usual for vision
    transformers. VideoMAE's are a formula and V-JEPA 2's a rotation, which other sizes only change the range of.

    Args:
        model: whose configuration differs from `config` in these two at most.
        config: of the model to make.
    """
    old, new = token_grid(model.config), token_grid(config)
    if old == new or not family_of(config).learned_positions:
        return model
    made = type(model)(config)
    weights = model.state_dict()
    prefix = model.base_model_prefix
    if f"{prefix}.{_TIMES}" in weights:  # TimeSformer's, beside those of places
        times = weights[f"{prefix}.{_TIMES}"]
        weights[f"{prefix}.{_TIMES}"] = _resized_times(times, new[0])
        old, new = (1, *old[1:]), (1, *new[1:])
    weights[f"{prefix}.{_PLACES}"] = _resized_places(weights[f"{prefix}.{_PLACES}"], old, new)
    made.load_state_dict(weights)
    return made


def _resized_times(table: torch.Tensor, frames: int) -> torch.Tensor:
    """[1, old frames, width] -> [1, frames, width]."""
    return interpolate(table.mT, size=frames, mode="linear", align_corners=False).mT.contiguous()


def _resized_places(table: torch.Tensor, old: tuple[int, int, int], new: tuple[int, int, int]) -> torch.Tensor:
    """[1, classes + tokens of a clip, width], for one grid of (times, rows, columns) -> for another."""
    (times, rows, columns), width = old, table.shape[2]
    classes = table[:, : table.shape[1] - times * rows * columns]
    patches = table[:, classes.shape[1] :].view(times, rows, columns, width)
    if old[1:] != new[1:]:
        pictures = patches.permute(0, 3, 1, 2)
        pictures = interpolate(pictures, size=new[1:], mode="bicubic", align_corners=False, antialias=True)
        patches = pictures.permute(0, 2, 3, 1)
    if times != new[0]:
        every = new[1] * new[2] * width
        patches = _resized_times(patches.reshape(1, times, every), new[0])
    return torch.cat([classes, patches.reshape(1, -1, width)], dim=1)
