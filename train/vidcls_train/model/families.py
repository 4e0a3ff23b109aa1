"""The video classifiers that can be trained, by their checkpoints' own `model_type`: what differs.

Read without PyTorch, and without transformers: a base is refused by what stands here before either is loaded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from vidcls.contract import Image, Tokens, tokens_text
from vidcls.errors import ArgumentError, ModelError
from vidcls.huggingface import (
    CONFIG_FILE,
    PREPROCESSOR_FILE,
    SIZE_NAMES,
    VIDEO_PREPROCESSOR_FILE,
    read_clip_sizes,
    read_sizes,
)

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel


@dataclass(frozen=True, kw_only=True)
class Family:
    """What one kind of video classifier calls its parts.

    title: as people write it. classifier: the class in the module `library`, which is transformers for all but our own.
    preprocessor: the file that transformers writes of how frames become its input.
    channels: the configuration's name for them.
    new_parts: prefixes of the weights that a checkpoint may lack: those of a head, or of no use to a classifier.
    unused: path of what a classifier does not compute with; None: all is used.
    tokens: path of the module whose output is the encoder's tokens; None where it needs all of them.
    class_tokens: how many of these stand for no patch, and come first.
    branches: modules of an encoder's layer that are a branch's last step before it is added.
    has_dropout: whether its configuration knows of dropout within these branches.
    resize_ratio: its own processor resizes frames to so many times the crop, numerator and denominator; None: any size.
    learned_positions: whether positions are weights, which belong to one number of frames and size of picture.
    has_moving_tokens: whether a clip's own tokens may be picked by how much they change.
    has_pipeline: whether transformers' own pipeline opens its checkpoints; V-JEPA 2 has no image processor for it.
    """

    title: str
    classifier: str
    library: str = "transformers"
    preprocessor: str = PREPROCESSOR_FILE
    channels: str = "num_channels"
    new_parts: tuple[str, ...] = ("classifier.",)
    unused: str | None = None
    tokens: str | None
    class_tokens: int = 0
    branches: Callable[[Any], tuple[str, ...]] = lambda _config: ("attention.output.dropout", "output.dropout")
    has_dropout: bool = True
    resize_ratio: tuple[int, int] | None = None
    learned_positions: bool = False
    has_moving_tokens: bool = False
    has_pipeline: bool = True

    def class_of(self) -> Any:
        """The classifier's class."""
        return getattr(import_module(self.library), self.classifier)

    def resize_size(self, image: Image) -> int:
        """What its own processor resizes the short side of a frame to, in pixels, for crops of this size."""
        if self.resize_ratio is None or image.resize == "stretch":
            return image.resize_size
        above, below = self.resize_ratio
        return int(image.crop_size * above / below)


# By the model_type of config.json.
FAMILIES: dict[str, Family] = {
    "videomae": Family(
        title="VideoMAE",
        classifier="VideoMAEForVideoClassification",
        # The norm's place differs between pretraining and classification.
        new_parts=("classifier.", "fc_norm.", "videomae.layernorm."),
        tokens="videomae.embeddings",
        has_moving_tokens=True,
    ),
    "videomae_hybrid": Family(
        title="VideoMAE hybrid",
        classifier="VideoMAEHybridForVideoClassification",
        library="vidcls_train.hybrid.videomae_hybrid",
        new_parts=("classifier.", "fc_norm."),
        tokens="videomae.embeddings",
        has_pipeline=False,
    ),
    "vjepa2": Family(
        title="V-JEPA 2",
        classifier="VJEPA2ForVideoClassification",
        preprocessor=VIDEO_PREPROCESSOR_FILE,
        channels="in_chans",
        new_parts=("classifier.", "pooler.", "vjepa2.predictor."),
        unused="vjepa2.predictor",
        tokens="vjepa2.encoder.embeddings",
        branches=lambda _config: ("attention.proj", "mlp.fc2"),
        has_dropout=False,
        resize_ratio=(256, 224),
        has_pipeline=False,
    ),
    "timesformer": Family(
        title="TimeSformer",
        classifier="TimesformerForVideoClassification",
        tokens=None,
        branches=lambda config: (
            (("temporal_dense",) if config.attention_type == "divided_space_time" else ())
            + ("attention.output.dropout", "output.dropout")
        ),
        learned_positions=True,
    ),
    "vivit": Family(
        title="ViViT",
        classifier="VivitForVideoClassification",
        tokens="vivit.embeddings",
        class_tokens=1,
        learned_positions=True,
    ),
}


def family_of(model: PreTrainedModel | PretrainedConfig) -> Family:
    """The family of a model, or of a configuration.

    Raises:
        ModelError: none of those that can be trained.

    Example:
        >>> from transformers import VivitConfig
        >>> family_of(VivitConfig()).title
        'ViViT'
    """
    return family_by_type(getattr(model, "config", model).model_type)


def family_by_type(model_type: str) -> Family:
    """The family of the `model_type` in a config.json.

    Raises:
        ModelError: none of those that can be trained.
    """
    if model_type not in FAMILIES:
        titles = ", ".join(family.title for family in FAMILIES.values())
        raise ModelError(f"is a '{model_type}' checkpoint, expected one of {titles}")
    return FAMILIES[model_type]


def sizes_of(config: PretrainedConfig) -> tuple[int, int]:
    """(frames of a clip, side of its pictures in pixels) of a configuration.

    Raises:
        ModelError: one of them is no whole number above 0.
    """
    return read_clip_sizes(CONFIG_FILE, config.model_type, vars(config))


def set_sizes(config: PretrainedConfig, *, frames: int, image_size: int) -> None:
    """Write both into a configuration, under every name that it has for them."""
    names = SIZE_NAMES[config.model_type]
    config.update({**dict.fromkeys(names.frames, frames), **dict.fromkeys(names.image_size, image_size)})


def layers_of(model: PreTrainedModel) -> Any:
    """The layers of a classifier's encoder, the first one first."""
    return model.base_model.encoder.layer


def patch_of(config: PretrainedConfig) -> tuple[int, int, int]:
    """How many frames, rows and columns of pixels become one token.

    Raises:
        ModelError: they are no whole numbers above 0.

    Example:
        >>> from transformers import TimesformerConfig, VivitConfig
        >>> patch_of(VivitConfig()), patch_of(TimesformerConfig())
        ((2, 16, 16), (1, 16, 16))
    """
    patch = read_sizes(config.model_type, vars(config)).patch
    if patch is None:
        raise ModelError(f"{CONFIG_FILE}: does not say how large a patch is; copy the file again")
    return patch


def token_grid(config: PretrainedConfig) -> tuple[int, int, int]:
    """How many tokens there are along time, height and width.

    Example:
        >>> from transformers import VideoMAEConfig
        >>> token_grid(VideoMAEConfig(num_frames=16, image_size=112, patch_size=16))
        (8, 7, 7)
    """
    frames, side = sizes_of(config)
    length, height, width = patch_of(config)
    return frames // length, side // height, side // width


def token_count(config: PretrainedConfig) -> int:
    """How many tokens stand for a clip's patches."""
    return math.prod(token_grid(config))


def check_shape(config: PretrainedConfig) -> None:
    """Check that clips can be cut into whole patches and tubelets.

    Raises:
        ValueError: they cannot; names both sizes.

    Example:
        >>> from transformers import VideoMAEConfig
        >>> check_shape(VideoMAEConfig(image_size=100, patch_size=16))
        Traceback (most recent call last):
        vidcls.errors.ArgumentError: image size 100 is not a multiple of the patch size 16
    """
    frames, side = sizes_of(config)
    length, *patch = patch_of(config)
    for size in patch:
        if side % size:
            raise ArgumentError(f"image size {side} is not a multiple of the patch size {size}")
    if frames % length:
        raise ArgumentError(f"{frames} frames are not a multiple of the tubelet size {length}")


def check_tokens(tokens: Tokens, family: Family) -> None:
    """Refuse to leave out tokens of a family that needs all of them, or other ones of each clip than it can.

    Raises:
        ValueError: it needs them, or takes the same ones of every clip.
    """
    if tokens.share is not None and family.tokens is None:
        raise ArgumentError(
            f"tokens are {tokens_text(tokens)}, but {family.title} attends to each frame and each place by itself, so "
            "that none can be left out; expected all"
        )
    if tokens.rule == "moving" and not family.has_moving_tokens:
        raise ArgumentError(
            f"tokens are {tokens_text(tokens)}, which are picked for VideoMAE alone, and not for {family.title}; "
            f"expected all, or lattice:{tokens.share:g}"
        )


def check_moving(tokens: Tokens, *, tubelet: int) -> None:
    """Refuse to pick the patches that change most where a patch has one frame, which changes from nothing.

    Raises:
        ValueError: it has.
    """
    if tokens.rule == "moving" and tubelet == 1:
        raise ArgumentError(
            f"tokens are {tokens_text(tokens)}, which compares the frames of a patch, but this model's have one frame "
            f"each (tubelet_size 1); expected all, or lattice:{tokens.share:g}"
        )
