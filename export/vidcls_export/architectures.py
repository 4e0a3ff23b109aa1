"""The video classifiers that can be exported, and where they differ; read without PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from vidcls.errors import ModelError
from vidcls.schema import check_choice

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What one kind of model calls its parts.

    name: the class in the module `library`, which is transformers for all but our own.
    frames, image_size, channels: the configuration's names for them.
    patch_embedding: path of the module that turns frames into patches.
    input_name: what its forward calls the frames.
    attentions: how many attentions a model of that configuration computes.
    tokens_per_frame: whether the patch embedding works frame by frame, as TimeSformer's.
    embeddings: path of the module that gives the encoder its tokens; None where it needs all of them.
    class_tokens: how many of those stand for no patch, and come first.
    has_moving_tokens: whether a clip's own tokens may be picked by how much they change.
    """

    name: str
    library: str = "transformers"
    frames: str = "num_frames"
    image_size: str = "image_size"
    channels: str = "num_channels"
    patch_embedding: str
    input_name: str = "pixel_values"
    attentions: Callable[[Any], int] = lambda config: int(config.num_hidden_layers)
    tokens_per_frame: bool = False
    embeddings: str | None = None
    class_tokens: int = 0
    has_moving_tokens: bool = False

    def load(self, *arguments: Any, **options: Any) -> Any:
        """The class's from_pretrained."""
        return getattr(import_module(self.library), self.name).from_pretrained(*arguments, **options)


# By the model_type of config.json.
ARCHITECTURES: dict[str, Architecture] = {
    "videomae": Architecture(
        name="VideoMAEForVideoClassification",
        patch_embedding="videomae.embeddings.patch_embeddings",
        embeddings="videomae.embeddings",
        has_moving_tokens=True,
    ),
    "videomae_hybrid": Architecture(
        name="VideoMAEHybridForVideoClassification",
        library="vidcls_train.hybrid.videomae_hybrid",
        patch_embedding="videomae.embeddings.patch_embeddings",
        embeddings="videomae.embeddings",
    ),
    "timesformer": Architecture(
        name="TimesformerForVideoClassification",
        patch_embedding="timesformer.embeddings.patch_embeddings",
        attentions=lambda config: (
            config.num_hidden_layers * (2 if config.attention_type == "divided_space_time" else 1)
        ),
        tokens_per_frame=True,
    ),
    "vivit": Architecture(
        name="VivitForVideoClassification",
        patch_embedding="vivit.embeddings.patch_embeddings",
        embeddings="vivit.embeddings",
        class_tokens=1,
    ),
    "vjepa2": Architecture(
        name="VJEPA2ForVideoClassification",
        frames="frames_per_clip",
        image_size="crop_size",
        channels="in_chans",
        patch_embedding="vjepa2.encoder.embeddings",
        embeddings="vjepa2.encoder.embeddings",
        input_name="pixel_values_videos",
        # The encoder's, the pooler's, and the one by which the pooler asks for the answer.
        attentions=lambda config: config.num_hidden_layers + config.num_pooler_layers + 1,
    ),
}


def architecture_of(config: PretrainedConfig | PreTrainedModel) -> Architecture:
    """The architecture of a configuration, or of a model.

    Raises:
        ModelError: not one of those that can be exported.
    """
    return architecture_by_type(getattr(config, "config", config).model_type)


def architecture_by_type(model_type: object) -> Architecture:
    """The architecture of the `model_type` in a config.json.

    Raises:
        ModelError: not one of those that can be exported.
    """
    try:
        check_choice("model_type", model_type, ARCHITECTURES)
    except ValueError as error:
        raise ModelError(f"{error}; models of another type cannot be exported") from None
    return ARCHITECTURES[str(model_type)]
