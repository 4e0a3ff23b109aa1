"""A preset's size -> a fresh VideoMAE that has learnt nothing, for classification or for masked pretraining."""

from __future__ import annotations

from transformers import VideoMAEConfig, VideoMAEForPreTraining, VideoMAEForVideoClassification, VideoMAEModel

from vidcls_train.config.recipes import Preset
from vidcls_train.data.clip_list import SINGLE_LABEL, ProblemType
from vidcls_train.model.families import check_shape
from vidcls_train.model.image_section import IMAGENET_MEAN, IMAGENET_STD, image_section
from vidcls_train.model.initialization import initialize_attention
from vidcls_train.model.origin import Origin
from vidcls_train.model.patch_embedding import make_zero_mean
from vidcls_train.model.starting_point import PretrainingPoint, StartingPoint, label_maps

_NARROWEST_DECODER = 96  # it predicts hundreds of values for each patch


def from_preset(
    preset: Preset,
    labels: tuple[str, ...],
    *,
    frames: int | None,
    image_size: int | None,
    resize: str | None,
    patch_levels: bool | None = None,
    problem_type: ProblemType = SINGLE_LABEL,
) -> StartingPoint:
    """A fresh classifier; random weights come from torch's global generator.

    Args:
        preset: the model's size.
        labels: in class id order.
        frames: per clip; None for the preset's.
        image_size: pixels, square; None for the preset's.
        resize: how frames are made square, "shortest_edge" or "stretch"; None for the first.
        patch_levels: whether the encoder sees how bright and coloured a patch is as a whole; None for the preset's.
        problem_type: whether a clip has one label, or any number.

    Raises:
        ValueError: frames or image_size do not fit the preset's tubelets or patches.

    Example:
        >>> from vidcls_train.config.settings import PRESETS
        >>> start = from_preset(PRESETS["tiny"], ("jump", "wave"), frames=4, image_size=32, resize=None)
        >>> start.model.config.num_labels, start.frames, start.image.crop_size
        (2, 4, 32)
    """
    frames, size = frames or preset.frames, image_size or preset.image_size
    config = VideoMAEConfig(
        hidden_size=preset.hidden_size,
        num_hidden_layers=preset.layers,
        num_attention_heads=preset.heads,
        intermediate_size=4 * preset.hidden_size,
        num_frames=frames,
        image_size=size,
        patch_size=preset.patch_size,
        problem_type=problem_type,
        **label_maps(labels),
    )
    check_shape(config)
    model = VideoMAEForVideoClassification(config)
    _prepare_encoder(model.videomae, preset, patch_levels)
    image = image_section(size=size, resize=resize or "shortest_edge", mean=IMAGENET_MEAN, std=IMAGENET_STD)
    return StartingPoint(model=model, image=image, frames=frames, origin=Origin(), notices=())


def masked_from_preset(
    preset: Preset, *, frames: int | None, image_size: int | None, patch_levels: bool | None = None
) -> PretrainingPoint:
    """A fresh VideoMAE for masked pretraining; arguments and errors as for `from_preset`.

    The decoder is half as wide as the encoder and a third as deep, as VideoMAE-B's is.
    """
    frames, size = frames or preset.frames, image_size or preset.image_size
    width = max(_NARROWEST_DECODER, preset.hidden_size // 2)
    config = VideoMAEConfig(
        hidden_size=preset.hidden_size,
        num_hidden_layers=preset.layers,
        num_attention_heads=preset.heads,
        intermediate_size=4 * preset.hidden_size,
        decoder_hidden_size=width,
        decoder_num_hidden_layers=max(1, preset.layers // 3),
        decoder_num_attention_heads=max(1, preset.heads * width // preset.hidden_size),
        decoder_intermediate_size=4 * width,
        num_frames=frames,
        image_size=size,
        patch_size=preset.patch_size,
        use_mean_pooling=False,  # in pretraining the encoder ends with a norm
    )
    check_shape(config)
    model = VideoMAEForPreTraining(config)
    _prepare_encoder(model.videomae, preset, patch_levels)
    image = image_section(size=size, resize="shortest_edge", mean=IMAGENET_MEAN, std=IMAGENET_STD)
    return PretrainingPoint(model=model, image=image, frames=frames, origin=Origin(), notices=())


def _prepare_encoder(encoder: VideoMAEModel, preset: Preset, patch_levels: bool | None) -> None:
    """Give a fresh encoder what few clips cannot teach it. patch_levels: None for the preset's."""
    initialize_attention(encoder)
    if not (preset.patch_levels if patch_levels is None else patch_levels):
        make_zero_mean(encoder)
