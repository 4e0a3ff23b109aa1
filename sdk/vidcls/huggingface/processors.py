"""transformers' processors of video: what each does where its file leaves a key out, and what its keys stand for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from vidcls.errors import ModelError
from vidcls.printable import printable

BILINEAR = 2
# As Pillow numbers them.
_FILTERS = {0: "nearest", 1: "Lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "Hamming"}

_IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
_HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
_SHARED: dict[str, Any] = {
    **{"do_resize": True, "do_center_crop": True, "do_rescale": True, "do_normalize": True},
    **{"resample": BILINEAR, "rescale_factor": 1 / 255, "offset": False},
}
_VIDEOMAE = {**_SHARED, **_HALF, "size": 224, "crop_size": 224}
_VIVIT = {**_SHARED, **_HALF, "rescale_factor": 1 / 127.5, "offset": True, "size": 256, "crop_size": 224}
VJEPA2 = "VJEPA2VideoProcessor"
_DEFAULTS: dict[str, dict[str, Any]] = {
    "VideoMAEImageProcessor": _VIDEOMAE,
    "VideoMAEFeatureExtractor": _VIDEOMAE,
    "VideoMAEVideoProcessor": _VIDEOMAE,
    "TimesformerVideoProcessor": {**_VIDEOMAE, **_IMAGENET},
    "VivitImageProcessor": _VIVIT,
    "VivitFeatureExtractor": _VIVIT,
    "VivitVideoProcessor": _VIVIT,
    VJEPA2: {**_SHARED, **_IMAGENET, "size": None, "crop_size": 256},
}
# The same in other words: what computes, not what is computed.
_BACKENDS = ("Fast", "Pil")

# By a model's type: the processor that transformers takes for it where the file names none.
_OF_MODEL = {"vivit": "VivitImageProcessor", "vjepa2": VJEPA2}
_NAMES = ("video_processor_type", "image_processor_type", "feature_extractor_type")

# Where the file says null, transformers takes its own value: for these keys, and for all of a video processor.
_NULL_MEANS_DEFAULT = ("size", "crop_size", "image_mean", "image_std")
# What a file may ask for without any effect on pixels: frames are RGB, and which of them are taken is said elsewhere.
_HARMLESS = ("do_convert_rgb", "do_sample_frames")


class Processor(NamedTuple):
    """A processor's kind, and its settings: the file's, and the kind's own for those that it leaves out."""

    kind: str
    settings: dict[str, Any]


def processor_of(path: Path, fields: dict[str, Any], *, model_type: str | None) -> Processor:
    """The processor that a file's keys stand for.

    Raises:
        ModelError: it is of a kind that vidcls does not know, or asks for a step that vidcls does not do.
    """
    kind = _kind(path, fields, model_type)
    is_video = kind.endswith("VideoProcessor")
    given = {
        name: value
        for name, value in fields.items()
        if value is not None or not (is_video or name in _NULL_MEANS_DEFAULT)
    }
    settings = {**_DEFAULTS[kind], **given}
    if kind != VJEPA2 and "crop_size" not in given and type(settings["size"]) is int:
        # Files from before there was a crop_size, when the crop was as large as the shortest edge.
        settings["crop_size"] = min(settings["size"], settings["crop_size"])
    processor = Processor(kind, settings)
    _check_steps(path, processor)
    return processor


def shown(value: Any) -> str:
    """A value as the file has it, of bounded length."""
    return printable(json.dumps(value))


def _kind(path: Path, fields: dict[str, Any], model_type: str | None) -> str:
    named = next((fields[name] for name in _NAMES if fields.get(name) is not None), None)
    if named is None:
        return _OF_MODEL.get(model_type or "", "VideoMAEImageProcessor")
    kind = str(named)
    for backend in _BACKENDS:
        kind = kind.removesuffix(backend)
    if kind not in _DEFAULTS:
        raise ModelError(
            f"{path}: is for {printable(str(named))}, expected one of {', '.join(_DEFAULTS)}; take the file of one of "
            "these models"
        )
    return kind


def _check_steps(path: Path, processor: Processor) -> None:
    """Refuse, by its name, a step that vidcls would leave out or do otherwise."""
    settings = processor.settings
    for name in ("do_resize", "do_center_crop", "do_rescale", "do_normalize", "offset"):
        if not isinstance(settings[name], bool):
            raise ModelError(f"{path}: has {name} {shown(settings[name])}, expected true or false; correct the file")
    if not settings["do_resize"]:
        raise ModelError(
            f"{path}: has do_resize false, but vidcls makes every frame of a video as large as the model needs it; "
            "take another checkpoint"
        )
    if settings["resample"] != BILINEAR or isinstance(settings["resample"], bool):
        raise ModelError(
            f"{path}: has resample {_filter(settings['resample'])}, but vidcls can only do resample "
            f"{_filter(BILINEAR)}; take another checkpoint"
        )
    if processor.kind == "VivitVideoProcessor" and not settings["offset"]:
        raise ModelError(
            f"{path}: has offset false, but transformers' {processor.kind} offsets pixels all the same; correct the "
            "file"
        )
    if settings["offset"] and not settings["do_rescale"]:
        raise ModelError(f"{path}: has offset true but do_rescale false, expected both or none; correct the file")
    for name, value in settings.items():
        if name.startswith("do_") and value and name not in _SHARED and name not in _HARMLESS:
            raise ModelError(f"{path}: has {name} {shown(value)}, which vidcls does not do; take another checkpoint")


def _filter(number: Any) -> str:
    name = _FILTERS.get(number) if type(number) is int else None
    return shown(number) if name is None else f"{number} ({name})"
