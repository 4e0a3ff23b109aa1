"""The contract of a plain Hugging Face VideoMAE, from the files that transformers writes.

transformers has no word for how frames are taken from a video, so that has to be given.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub import ModelCard
from transformers import VideoMAEConfig, VideoMAEImageProcessor

import vidcls
from vidcls.contract import FORMAT, Contract, Image, Sampling, Source
from vidcls.errors import ModelError
from vidcls_export.quiet import quiet

# 16 frames, every 4th, at 30 frames a second: what VideoMAE's authors and the fine-tuning guide train with.
DEFAULT_CLIP_SECONDS = 64 / 30
PREPROCESSOR_FILE = "preprocessor_config.json"

_BILINEAR = 2  # Pillow's number
_PROCESSORS = ("VideoMAEImageProcessor", "VideoMAEFeatureExtractor")


def plain_contract(
    folder: Path, config: VideoMAEConfig, *, name: str, sha256: str, clip_seconds: float | None
) -> Contract:
    """The contract of a checkpoint that has none.

    Args:
        folder: holds preprocessor_config.json and perhaps a model card, README.md.
        config: the model's configuration.
        name: what to call the weights: a hub id or the folder's name.
        sha256: of the weights' file.
        clip_seconds: seconds that the frames are spread over; None for 64/30.

    Raises:
        ModelError: the preprocessing is missing, or is one that vidcls does not do.
    """
    base, licence = _origin(folder, name)
    try:
        return Contract(
            format=FORMAT,
            labels=tuple(str(config.id2label.get(index)) for index in range(config.num_labels)),
            sampling=Sampling(
                rule="uniform",
                frames=config.num_frames,
                clip_seconds=DEFAULT_CLIP_SECONDS if clip_seconds is None else clip_seconds,
            ),
            image=_image_section(folder / PREPROCESSOR_FILE),
            source=Source(
                architecture=config.architectures[0],
                base=base,
                base_license=licence,
                checkpoint_sha256=sha256,
                data=None,
                versions={
                    "vidcls": vidcls.__version__,
                    "torch": torch.__version__,
                    "transformers": transformers.__version__,
                },
                created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            ),
            accuracy=None,
        )
    except ValueError as error:
        raise ModelError(f"{folder}: {error}") from None


def _image_section(path: Path) -> Image:
    if not path.is_file():
        raise ModelError(f"{path}: there is no such file; it says how frames become the model's input")
    try:
        with quiet():
            fields, _ = VideoMAEImageProcessor.get_image_processor_dict(path.parent)
            # The class and not the file is asked below: it knows what a key left out, or a bare size, stands for.
            processor = VideoMAEImageProcessor.from_dict(fields)
    except (OSError, TypeError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read ({str(error).partition(chr(10))[0]})") from None
    _check_processor(path, fields, processor)
    resize, resize_size, crop_size = _sizes(path, processor)
    return Image(
        resize=resize,  # type: ignore[arg-type]
        resize_size=resize_size,
        crop_size=crop_size,
        interpolation="bilinear",
        antialias=True,
        channels="rgb",
        mean=tuple(float(mean) for mean in processor.image_mean),  # type: ignore[arg-type]
        std=tuple(float(std) for std in processor.image_std),  # type: ignore[arg-type]
    )


def _check_processor(path: Path, fields: dict[str, Any], processor: VideoMAEImageProcessor) -> None:
    """Refuse whatever vidcls would do differently."""
    kind = fields.get("image_processor_type", fields.get("feature_extractor_type", _PROCESSORS[0]))
    if kind not in _PROCESSORS:
        raise ModelError(f"{path}: is for {kind}, expected {_PROCESSORS[0]}")
    facts = [
        ("do_resize", processor.do_resize, True),
        ("resample", int(processor.resample), _BILINEAR),
        ("do_rescale", processor.do_rescale, True),
        ("do_normalize", processor.do_normalize, True),
    ]
    for name, found, expected in facts:
        if found != expected:
            raise ModelError(f"{path}: has {name} {found}, but vidcls can only do {name} {expected}")
    if not math.isclose(processor.rescale_factor, 1 / 255, rel_tol=1e-6):
        raise ModelError(f"{path}: has rescale_factor {processor.rescale_factor}, but vidcls can only do 1/255")
    for name in ("image_mean", "image_std"):
        value = getattr(processor, name)
        if not isinstance(value, list | tuple) or len(value) != 3:
            raise ModelError(f"{path}: has {name} {value}, expected three numbers")


def _sizes(path: Path, processor: VideoMAEImageProcessor) -> tuple[str, int, int]:
    """(resize, resize_size, crop_size) of the contract."""
    size, crop = dict(processor.size), dict(processor.crop_size) if processor.do_center_crop else None
    square = crop is None or crop["height"] == crop["width"]
    if set(size) == {"shortest_edge"} and crop is not None and square:
        return "shortest_edge", size["shortest_edge"], crop["height"]
    if set(size) == {"height", "width"} and size["height"] == size["width"] and crop in (None, size):
        return "stretch", size["height"], size["height"]
    raise ModelError(
        f"{path}: resizes to {size} and crops to {crop}, but vidcls can only resize the shortest edge and crop a "
        "square, or resize to a square and not crop"
    )


def _origin(folder: Path, name: str) -> tuple[str, str | None]:
    """(what the weights were made from, its licence or None), from the model card if there is one."""
    try:
        with quiet():
            card = ModelCard.load(folder / "README.md", ignore_metadata_errors=True).data
    except (OSError, ValueError):
        return name, None
    base, licence = card.get("base_model"), card.get("license")
    return base if isinstance(base, str) else name, licence if isinstance(licence, str) else None
