"""VideoMAE to train: a pretrained checkpoint with a new head, or a fresh one of a preset's size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard
from huggingface_hub.errors import HfHubHTTPError
from transformers import VideoMAEConfig, VideoMAEForVideoClassification, VideoMAEImageProcessor

from vidcls.contract import CHECKPOINT_FILE, Image, read_checkpoint
from vidcls.errors import ModelError
from vidcls_train.settings import Preset

# ImageNet's statistics, which VideoMAE was pretrained with.
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)

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


def from_preset(
    preset: Preset, labels: tuple[str, ...], *, frames: int | None, image_size: int | None, resize: str | None
) -> StartingPoint:
    """A VideoMAE with random weights. None takes the preset's value (resize: shortest_edge)."""
    frames, size = frames or preset.frames, image_size or preset.image_size
    config = VideoMAEConfig(
        hidden_size=preset.hidden_size,
        num_hidden_layers=preset.layers,
        num_attention_heads=preset.heads,
        intermediate_size=4 * preset.hidden_size,
        hidden_dropout_prob=preset.dropout,
        num_frames=frames,
        image_size=size,
        **_label_maps(labels),
    )
    _check_shape(config)
    return StartingPoint(
        model=VideoMAEForVideoClassification(config),
        image=image_section(size=size, resize=resize or "shortest_edge", mean=_MEAN, std=_STD),
        frames=frames,
        base=None,
        base_license=None,
        notices=(),
    )


def from_base(
    base: str, labels: tuple[str, ...], *, frames: int | None, image_size: int | None, resize: str | None
) -> StartingPoint:
    """A pretrained VideoMAE, from a folder or the hub, with a new head for `labels`.

    Raises:
        ModelError: there is no such checkpoint, it is no VideoMAE, or parts of its encoder are missing.
    """
    config = _load(base, VideoMAEConfig)
    if config.model_type != "videomae":
        raise ModelError(f"{base}: is a '{config.model_type}' checkpoint, expected VideoMAE")
    old_labels = config.num_labels
    shape = {"num_frames": frames or config.num_frames, "image_size": image_size or config.image_size}
    config.update({**shape, **_label_maps(labels), "num_labels": len(labels)})
    _check_shape(config)
    model, loading = _load(
        base,
        VideoMAEForVideoClassification,
        config=config,
        ignore_mismatched_sizes=True,
        use_safetensors=True,  # the other format is a pickle, which can run any code
        output_loading_info=True,
    )
    lost = sorted(name for name in loading["missing_keys"] if not name.startswith(_HEAD_PREFIXES))
    if lost:
        raise ModelError(f"{base}: lacks {len(lost)} of the encoder's weights ('{lost[0]}' and so on); not a VideoMAE")
    notices = []
    if loading["mismatched_keys"]:
        notices.append(f"{base}: its head for {old_labels} labels is replaced by a new one for {len(labels)}")
    elif any(name.startswith("classifier.") for name in loading["missing_keys"]):
        notices.append(f"{base}: has no classification head; a new one for {len(labels)} labels is trained")
    name, licence = _origin(base)
    if licence and "nc" in licence.split("-"):
        notices.append(f"{base}: its weights are licensed {licence}: not for commercial use, and neither is the result")
    return StartingPoint(
        model=model,
        image=_base_image(base, size=shape["image_size"], resize=resize),
        frames=shape["num_frames"],
        base=name,
        base_license=licence,
        notices=tuple(notices),
    )


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


def _label_maps(labels: tuple[str, ...]) -> dict[str, Any]:
    return {"id2label": dict(enumerate(labels)), "label2id": {label: index for index, label in enumerate(labels)}}


def _check_shape(config: VideoMAEConfig) -> None:
    if config.image_size % config.patch_size:
        raise ValueError(f"image size {config.image_size} is not a multiple of the patch size {config.patch_size}")
    if config.num_frames % config.tubelet_size:
        raise ValueError(f"{config.num_frames} frames are not a multiple of the tubelet size {config.tubelet_size}")


def _load(base: str, kind: Any, **options: Any) -> Any:
    try:
        return kind.from_pretrained(base, **options)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"{base}: cannot be loaded as a VideoMAE checkpoint ({reason}); name a folder with config.json and "
            "model.safetensors, or a model on the hub"
        ) from error


def _base_image(base: str, *, size: int, resize: str | None) -> Image:
    """Follow the base's own preprocessing, except for what was asked for."""
    if (Path(base) / CHECKPOINT_FILE).exists():
        image = read_checkpoint(Path(base)).image
        return image_section(size=size, resize=resize or image.resize, mean=image.mean, std=image.std)
    try:
        fields, _ = VideoMAEImageProcessor.get_image_processor_dict(base)
    except (OSError, ValueError):  # a checkpoint without preprocessor_config.json, as vidcls-pretrain's may be
        return image_section(size=size, resize=resize or "shortest_edge", mean=_MEAN, std=_STD)
    found = "shortest_edge" if "shortest_edge" in fields.get("size", {"shortest_edge": size}) else "stretch"
    return image_section(
        size=size,
        resize=resize or found,
        mean=tuple(fields.get("image_mean", _MEAN)),
        std=tuple(fields.get("image_std", _STD)),
    )


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
