"""VideoMAE, its patch embedding on top of a picture network: a hybrid, as the ViT paper calls it.

Dosovitskiy et al., "An Image is Worth 16x16 Words" (arXiv 2010.11929), section 3.1: the patches of a hybrid are cut
from a convolutional network's feature maps. Here a patch is as large as one step of the coarsest map, and its token is
made of all that the network's maps hold there, in the frames of a tubelet. All that follows is VideoMAE.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import torch
from torch import nn
from torch.nn.functional import pixel_unshuffle
from transformers import AutoConfig, AutoModelForVideoClassification, VideoMAEConfig, VideoMAEForVideoClassification

from vidcls_train.hybrid.picture_network import LITE0, STEM_CHANNELS, PictureNetwork, Stage, strides

MODEL_TYPE = "videomae_hybrid"

# On a CPU what the network makes of more of them at a time does not fit its caches: twice as slow for 128.
_PICTURES_AT_ONCE = 32


class VideoMAEHybridConfig(VideoMAEConfig):  # type: ignore[misc]
    """As VideoMAE's; patch_size is the stride of the coarsest feature maps.

    stem_stages: of the picture network, each (expansion, channels, blocks, kernel, stride). stem_channels: before them.
    finest_stride: of the maps that tokens are made of. static_scale: how much of what is alike in all frames of a clip
    tokens keep, 0 to 1, so that what changes is not drowned in it.

    Raises:
        ValueError: these are no such numbers, or patch_size is not the largest stride.
    """

    model_type = MODEL_TYPE

    def __init__(
        self,
        stem_stages: Sequence[Sequence[int]] = LITE0,
        stem_channels: int = STEM_CHANNELS,
        finest_stride: int = 16,
        static_scale: float = 1.0,
        **options: Any,
    ) -> None:
        super().__init__(**{"patch_size": 32, "image_size": 128, "num_frames": 8, **options})
        _check_stages(stem_stages, patch_size=self.patch_size)
        _check_whole(stem_channels=stem_channels, finest_stride=finest_stride)
        if finest_stride > self.patch_size:
            raise ValueError(f"finest_stride is {finest_stride}, expected at most the patch_size {self.patch_size}")
        self.stem_stages = [list(stage) for stage in stem_stages]
        self.stem_channels = stem_channels
        if type(static_scale) not in (int, float) or not 0 <= static_scale <= 1:
            raise ValueError(f"static_scale is {static_scale!r:.80}, expected a number from 0 to 1")
        self.finest_stride = finest_stride
        self.static_scale = float(static_scale)


class VideoMAEHybridForVideoClassification(VideoMAEForVideoClassification):  # type: ignore[misc]
    """Clips float32 [B, T, 3, H, W] -> logits [B, labels]; H and W are multiples of the picture network's stride."""

    config_class = VideoMAEHybridConfig

    def __init__(self, config: VideoMAEHybridConfig) -> None:
        super().__init__(config)
        self.videomae.embeddings.patch_embeddings = HybridPatches(config)
        self.post_init()


class HybridPatches(nn.Module):
    """Clips float32 [B, T, 3, H, W] -> tokens [B, tokens, width], by time, row and column."""

    def __init__(self, config: VideoMAEHybridConfig) -> None:
        super().__init__()
        stages = [Stage(*stage) for stage in config.stem_stages]
        self.network = PictureNetwork(stages, stem_channels=config.stem_channels, finest_stride=config.finest_stride)
        self.steps = [config.patch_size // stride for stride in self.network.strides]
        channels = sum(count * step**2 for count, step in zip(self.network.channels, self.steps, strict=True))
        self.tubelet = config.tubelet_size
        self.static_scale = config.static_scale
        self.projection = nn.Linear(self.tubelet * channels, config.hidden_size)
        side = config.image_size // config.patch_size
        self.num_patches = config.num_frames // self.tubelet * side * side

    def forward(self, pixel_values: torch.Tensor, **_options: Any) -> torch.Tensor:
        """float32 [B, T, 3, H, W], normalised -> [B, tokens, width]."""
        pictures = pixel_values.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        patches = torch.cat([self.patches(part) for part in torch.split(pictures, _PICTURES_AT_ONCE)])
        return self.tokens(patches, frames=pixel_values.shape[1])

    def patches(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures float32 [B, 3, H, W] -> what the network gives at each patch, [B, numbers, rows, columns]."""
        maps = self.network(pictures)
        return torch.cat([pixel_unshuffle(found, step) for found, step in zip(maps, self.steps, strict=True)], dim=1)

    def tokens(self, patches: torch.Tensor, *, frames: int) -> torch.Tensor:
        """Patches of the frames of clips, [B * frames, numbers, rows, columns] -> tokens [B, tokens, width]."""
        numbers, rows, columns = patches.shape[1:]
        clips = patches.reshape(-1, frames, numbers, rows, columns)
        moving = clips - (1 - self.static_scale) * clips.mean(dim=1, keepdim=True)
        tubelets = moving.reshape(-1, frames // self.tubelet, self.tubelet * numbers, rows, columns)
        embedded: torch.Tensor = self.projection(tubelets.permute(0, 1, 3, 4, 2).flatten(1, 3))
        return embedded

    def fix_finer_stages(self) -> None:
        """Leave only the network's stages of the coarsest stride to be trained.

        Edges and textures, which the finer ones know, are alike everywhere, and training those takes the most time.
        """
        self.network.stem.requires_grad_(False)
        for stage, stride in zip(self.network.stages, self.network.every_stride, strict=True):
            stage.requires_grad_(stride == self.network.every_stride[-1])


def _check_stages(stages: object, *, patch_size: int) -> None:
    """Refuse what a config.json may say of a picture network that is none."""
    are_stages = isinstance(stages, list | tuple) and all(
        isinstance(stage, list | tuple)
        and len(stage) == len(Stage._fields)
        and all(type(number) is int and number > 0 for number in stage)
        for stage in stages
    )
    if not are_stages:
        raise ValueError(f"stem_stages are {stages!r:.80}, expected a list of {', '.join(Stage._fields)}, each above 0")
    stride = strides([Stage(*stage) for stage in stages])[-1:]  # type: ignore[attr-defined]
    if stride != [patch_size]:
        raise ValueError(f"patch_size is {patch_size}, expected {stride}, the stride of the last of stem_stages")


def _check_whole(**numbers: object) -> None:
    for name, number in numbers.items():
        if type(number) is not int or number <= 0:
            raise ValueError(f"{name} is {number!r:.80}, expected a whole number above 0")


def _name_biases_as_videomae() -> None:
    """transformers 5 has names of its own for VideoMAE's biases, and knows them in files by the model's type."""
    try:
        mapping = import_module("transformers.conversion_mapping")
    except ModuleNotFoundError:  # those before 5 read the file's names
        return
    mapping.register_checkpoint_conversion_mapping(
        MODEL_TYPE, mapping.get_checkpoint_conversion_mapping(VideoMAEConfig.model_type)
    )


# transformers finds classes by the type in config.json; ours is known to it once this module is imported.
_name_biases_as_videomae()
AutoConfig.register(MODEL_TYPE, VideoMAEHybridConfig)
AutoModelForVideoClassification.register(VideoMAEHybridConfig, VideoMAEHybridForVideoClassification)
