"""VideoMAE to train: a pretrained checkpoint with a new head, or a fresh one of a preset's size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import _CACHED_NO_EXIST, ModelCard, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError
from safetensors import SafetensorError
from transformers import (
    VideoMAEConfig,
    VideoMAEForPreTraining,
    VideoMAEForVideoClassification,
    VideoMAEImageProcessor,
    VideoMAEModel,
)
from transformers.utils import logging

from vidcls.contract import CHECKPOINT_FILE, Image, read_checkpoint
from vidcls.errors import ModelError
from vidcls.huggingface import PREPROCESSOR_FILE, is_non_commercial, read_image_section
from vidcls_train.config.recipes import Preset
from vidcls_train.model.contrast import see_contrast_alone
from vidcls_train.model.initialization import look_at_neighbours

# ImageNet's statistics, which VideoMAE was pretrained with.
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)

_PRETRAINED = "VideoMAEForPreTraining"  # as config.json names it
_NARROWEST_DECODER = 96  # it draws hundreds of values for each patch

# Parts that differ between pretraining and classification; everything else must be in the checkpoint.
_HEAD_PREFIXES = ("classifier.", "fc_norm.", "videomae.layernorm.")


@dataclass(frozen=True, kw_only=True)
class StartingPoint:
    """A model before training, and what the contract needs to know of it.

    notices: sentences for the user. base, base_license: null for a model from scratch.
    """

    model: VideoMAEForVideoClassification
    image: Image
    frames: int
    base: str | None
    base_license: str | None
    notices: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PretrainingPoint:
    """A model before masked pretraining. base, licence: of the weights it starts from; null for random ones."""

    model: VideoMAEForPreTraining
    image: Image
    frames: int
    base: str | None
    licence: str | None


def from_preset(
    preset: Preset,
    labels: tuple[str, ...],
    *,
    frames: int | None,
    image_size: int | None,
    resize: str | None,
    patch_levels: bool | None = None,
) -> StartingPoint:
    """A VideoMAE that has learnt nothing. None takes the preset's value (resize: shortest_edge)."""
    frames, size = frames or preset.frames, image_size or preset.image_size
    config = VideoMAEConfig(
        hidden_size=preset.hidden_size,
        num_hidden_layers=preset.layers,
        num_attention_heads=preset.heads,
        intermediate_size=4 * preset.hidden_size,
        num_frames=frames,
        image_size=size,
        patch_size=preset.patch_size,
        **_label_maps(labels),
    )
    _check_shape(config)
    model = VideoMAEForVideoClassification(config)
    _prepare_encoder(model.videomae, preset, patch_levels)
    return StartingPoint(
        model=model,
        image=image_section(size=size, resize=resize or "shortest_edge", mean=_MEAN, std=_STD),
        frames=frames,
        base=None,
        base_license=None,
        notices=(),
    )


def from_base(
    base: str, labels: tuple[str, ...], *, frames: int | None, image_size: int | None, resize: str | None
) -> StartingPoint:
    """A pretrained VideoMAE in float32, from a folder or the hub, with a head for `labels`.

    The head is a new one, unless the base was trained for the same labels in the same order.

    Raises:
        ModelError: there is no such checkpoint, it is no VideoMAE, parts of its encoder are missing or of
            another size, or its preprocessing is one that vidcls does not do.
    """
    config = _load_config(base)
    old_labels = tuple(config.id2label.get(index) for index in range(config.num_labels))
    image = _base_image(base, own_size=config.image_size, image_size=image_size, resize=resize)
    shape = {"num_frames": frames or config.num_frames, "image_size": image.crop_size}
    config.update({**shape, **_label_maps(labels), "num_labels": len(labels)})
    if _PRETRAINED in (config.architectures or []):
        # As in VideoMAE's own fine-tuning: a new head looks at all tokens, not at the first one alone.
        config.use_mean_pooling = True
    _check_shape(config)
    model, loading = _load(
        base,
        VideoMAEForVideoClassification,
        config=config,
        ignore_mismatched_sizes=True,
        use_safetensors=True,  # the other format is a pickle, which can run any code
        output_loading_info=True,
    )
    model = model.float()  # transformers 5 keeps the checkpoint's type, and half precision does not train
    # transformers 5 gives each name with the two shapes.
    mismatched = {key if isinstance(key, str) else key[0] for key in loading["mismatched_keys"]}
    missing = set(loading["missing_keys"]) - mismatched
    _check_weights(base, missing=missing, mismatched=mismatched, other_head=len(old_labels) != len(labels))
    had_head = not any(name.startswith("classifier.") for name in missing)
    if had_head and old_labels != labels:
        _renew_head(model)
    notices = [_head_notice(base, old_labels if had_head else None, labels)]
    name, licence = _origin(base)
    if is_non_commercial(licence):
        notices.append(f"{base}: its weights are licensed {licence}: not for commercial use, and neither is the result")
    return StartingPoint(
        model=model,
        image=image,
        frames=shape["num_frames"],
        base=name,
        base_license=licence,
        notices=tuple(notices),
    )


def set_dropout(model: VideoMAEForVideoClassification, share: float) -> None:
    """Let `share` of what each branch of the encoder adds be dropped in training, whatever the model came with."""
    model.config.hidden_dropout_prob = share
    for layer in model.videomae.encoder.layer:
        for branch in (layer.attention.output, layer.output):
            branch.dropout.p = share


def masked_from_preset(
    preset: Preset, *, frames: int | None, image_size: int | None, patch_levels: bool | None = None
) -> PretrainingPoint:
    """A VideoMAE for masked pretraining that has learnt nothing.

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
    _check_shape(config)
    model = VideoMAEForPreTraining(config)
    _prepare_encoder(model.videomae, preset, patch_levels)
    image = image_section(size=size, resize="shortest_edge", mean=_MEAN, std=_STD)
    return PretrainingPoint(model=model, image=image, frames=frames, base=None, licence=None)


def masked_from_base(base: str, *, frames: int | None, image_size: int | None) -> PretrainingPoint:
    """A pretrained or fine-tuned VideoMAE in float32 for masked pretraining, with a new decoder if it has none.

    Raises:
        ModelError: there is no such checkpoint, it is no VideoMAE, or parts of its encoder are missing.
    """
    config = _load_config(base)
    image = _base_image(base, own_size=config.image_size, image_size=image_size, resize=None)
    if image.mean != _MEAN or image.std != _STD:
        raise ModelError(
            f"{base}: normalises pixels by {image.mean} and {image.std}, and VideoMAE's pretraining expects ImageNet's "
            "statistics; take another checkpoint"
        )
    config.update({"num_frames": frames or config.num_frames, "image_size": image.crop_size})
    _check_shape(config)
    loaded, loading = _load(base, VideoMAEForPreTraining, config=config, use_safetensors=True, output_loading_info=True)
    missing = set(loading["missing_keys"])
    lost = sorted(name for name in missing if name.startswith(("videomae.encoder.", "videomae.embeddings.")))
    if lost:
        raise ModelError(f"{base}: lacks {len(lost)} of the encoder's weights ('{lost[0]}' and so on); not a VideoMAE")
    # Into a fresh model: where weights are missing, transformers leaves some as it finds them in memory.
    model = VideoMAEForPreTraining(config)
    weights = {name: weight for name, weight in loaded.float().state_dict().items() if name not in missing}
    model.load_state_dict(weights, strict=False)
    name, licence = _origin(base)
    return PretrainingPoint(model=model, image=image, frames=config.num_frames, base=name, licence=licence)


def freeze_encoder(model: VideoMAEForVideoClassification) -> None:
    """Leave only the head, and the norm before it, to be trained."""
    for weight in model.videomae.parameters():
        weight.requires_grad_(False)


def image_section(*, size: int, resize: str, mean: tuple[float, ...], std: tuple[float, ...]) -> Image:
    """The contract's image section for square crops of `size` pixels from frames resized to `size`."""
    return Image(
        resize=resize,  # type: ignore[arg-type]
        resize_size=size,
        crop_size=size,
        interpolation="bilinear",
        antialias=True,
        channels="rgb",
        mean=mean,  # type: ignore[arg-type]
        std=std,  # type: ignore[arg-type]
    )


def image_processor(image: Image) -> VideoMAEImageProcessor:
    """The same image section for Hugging Face's tools (preprocessor_config.json)."""
    square = {"height": image.crop_size, "width": image.crop_size}
    shortest = image.resize == "shortest_edge"
    return VideoMAEImageProcessor(
        size={"shortest_edge": image.resize_size} if shortest else square,
        resample=2,  # Pillow's number for bilinear
        do_center_crop=shortest,
        crop_size=square,
        image_mean=list(image.mean),
        image_std=list(image.std),
    )


def _load_config(base: str) -> VideoMAEConfig:
    config = _load(base, VideoMAEConfig)
    if config.model_type != "videomae":
        raise ModelError(f"{base}: is a '{config.model_type}' checkpoint, expected VideoMAE")
    if config.num_channels != 3:
        raise ModelError(
            f"{base}: config.json has num_channels {config.num_channels}, expected 3 (RGB); take another checkpoint"
        )
    return config


def _prepare_encoder(encoder: VideoMAEModel, preset: Preset, patch_levels: bool | None) -> None:
    """Give a fresh encoder what few clips cannot teach it. patch_levels: None for the preset's."""
    look_at_neighbours(encoder)
    if not (preset.patch_levels if patch_levels is None else patch_levels):
        see_contrast_alone(encoder)


def _label_maps(labels: tuple[str, ...]) -> dict[str, Any]:
    return {"id2label": dict(enumerate(labels)), "label2id": {label: index for index, label in enumerate(labels)}}


def _check_shape(config: VideoMAEConfig) -> None:
    if config.image_size % config.patch_size:
        raise ValueError(f"image size {config.image_size} is not a multiple of the patch size {config.patch_size}")
    if config.num_frames % config.tubelet_size:
        raise ValueError(f"{config.num_frames} frames are not a multiple of the tubelet size {config.tubelet_size}")


def _load(base: str, kind: Any, **options: Any) -> Any:
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # what it has to say of missing weights is checked, and said, here
    try:
        return kind.from_pretrained(base, **options)
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise ModelError(
            f"{base}: cannot be loaded as a VideoMAE checkpoint ({_reason(error)}); name a folder with config.json and "
            "a whole model.safetensors, or a model on the hub"
        ) from error
    finally:
        logging.set_verbosity(verbosity)


def _reason(error: Exception) -> str:
    """The first line of an error's text."""
    return str(error).strip().partition("\n")[0]


def _check_weights(base: str, *, missing: Iterable[str], mismatched: Iterable[str], other_head: bool) -> None:
    """Refuse weights that transformers has replaced by random numbers, except for those of a head.

    other_head: the new labels are more or fewer, so that the classifier's size has to differ.
    """
    lost = sorted(name for name in missing if not name.startswith(_HEAD_PREFIXES))
    if lost:
        raise ModelError(f"{base}: lacks {len(lost)} of the encoder's weights ('{lost[0]}' and so on); not a VideoMAE")
    wrong = sorted(name for name in mismatched if not (other_head and name.startswith("classifier.")))
    if wrong:
        raise ModelError(
            f"{base}: {len(wrong)} of its weights ('{wrong[0]}' and so on) have another size than config.json says; "
            "take both files from the same model"
        )


def _renew_head(model: VideoMAEForVideoClassification) -> None:
    """Draw the classifier anew, as transformers draws that of a fresh model."""
    torch.nn.init.normal_(model.classifier.weight, std=model.config.initializer_range)
    torch.nn.init.zeros_(model.classifier.bias)


def _head_notice(base: str, old: tuple[str | None, ...] | None, new: tuple[str, ...]) -> str:
    """What becomes of the base's head for the labels `old`, None where it has none."""
    if old is None:
        return f"{base}: has no classification head; a new one for {len(new)} labels is trained"
    if old == new:
        return f"{base}: its head is kept and trained on, as it is for the same {len(new)} labels in the same order"
    return (
        f"{base}: its head for {len(old)} labels is replaced by a new one for {len(new)}, as the labels or their order "
        "differ"
    )


def _base_image(base: str, *, own_size: int, image_size: int | None, resize: str | None) -> Image:
    """Follow the base's own preprocessing, except for what was asked for.

    own_size: the image size of the base's config.json. image_size, resize: None for the base's own.
    """
    contract = Path(base) / CHECKPOINT_FILE
    path = contract if contract.exists() else _preprocessor_file(base)
    if path is None:  # a checkpoint without preprocessor_config.json, as vidcls-pretrain's may be
        image = image_section(size=own_size, resize="shortest_edge", mean=_MEAN, std=_STD)
    else:
        image = read_checkpoint(Path(base)).image if path == contract else read_image_section(path)
    if image_size is None and image.crop_size != own_size:
        raise ModelError(
            f"{path}: makes pictures of {image.crop_size} pixels, expected the image_size {own_size} of config.json; "
            "say which one is right with --image-size"
        )
    size, how = image_size or image.crop_size, resize or image.resize
    if (size, how) == (image.crop_size, image.resize):
        return image
    return image_section(size=size, resize=how, mean=image.mean, std=image.std)


def _preprocessor_file(base: str) -> Path | None:
    """The base's preprocessor_config.json, fetched if it is on the hub; None where the base has none."""
    if Path(base).is_dir():
        path = Path(base) / PREPROCESSOR_FILE
        return path if path.exists() else None
    try:
        return Path(hf_hub_download(base, PREPROCESSOR_FILE))
    except (OSError, ValueError, HfHubHTTPError) as error:
        # Without a connection the hub's library knows what it was told before.
        if isinstance(error, LocalEntryNotFoundError):
            absent = try_to_load_from_cache(base, PREPROCESSOR_FILE) is _CACHED_NO_EXIST
        else:
            absent = isinstance(error, EntryNotFoundError)
        if absent:
            return None
        raise ModelError(
            f"{base}: the hub does not say whether it has a {PREPROCESSOR_FILE} ({_reason(error)}); try again, or "
            "download the model and name its folder"
        ) from error


def _origin(base: str) -> tuple[str, str | None]:
    """(name of the pretrained weights, their licence or None if unknown).

    A model fine-tuned from one of ours inherits what that one was made from.
    """
    folder = Path(base)
    if (folder / CHECKPOINT_FILE).exists():
        source = read_checkpoint(folder).source
        return source.base or folder.resolve().name, source.base_license
    if folder.is_dir():
        return folder.resolve().name, _card_license(folder / "README.md")
    return base, _card_license(base)


def _card_license(card: Path | str) -> str | None:
    """The licence in a model card's metadata; None where there is no card or it names none."""
    try:
        licence = ModelCard.load(card, ignore_metadata_errors=True).data.get("license")
    except (OSError, ValueError, HfHubHTTPError):
        return None
    return licence if isinstance(licence, str) else None
