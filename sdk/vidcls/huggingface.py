"""What vidcls takes from a plain Hugging Face video classifier, which has no contract: read without transformers."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

from vidcls.contract import MAX_BYTES, Image
from vidcls.errors import ModelError
from vidcls.files.kinds import why_no_file
from vidcls.printable import printable

# 16 frames, every 4th, at 30 frames a second: what VideoMAE's authors and the fine-tuning guide train with.
DEFAULT_CLIP_SECONDS = 64 / 30
PREPROCESSOR_FILE = "preprocessor_config.json"

# V-JEPA 2's has a name of its own, which transformers looks for first.
VIDEO_PREPROCESSOR_FILE = "video_preprocessor_config.json"

_BILINEAR = 2  # Pillow's number

# What each of transformers' processors does where the file leaves a key out.
_SHARED = {"do_resize": True, "do_center_crop": True, "do_rescale": True, "do_normalize": True, "resample": _BILINEAR}
_HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
_VIDEOMAE = {**_SHARED, **_HALF, "rescale_factor": 1 / 255, "size": 224, "crop_size": 224}
_PROCESSORS: dict[str, dict[str, Any]] = {
    "VideoMAEImageProcessor": _VIDEOMAE,
    "VideoMAEFeatureExtractor": _VIDEOMAE,
    "VivitImageProcessor": {
        **_SHARED,
        **_HALF,
        **{"rescale_factor": 1 / 127.5, "offset": True, "size": 256, "crop_size": 224},
    },
    "VJEPA2VideoProcessor": {
        **_SHARED,
        **{"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]},
        **{"rescale_factor": 1 / 255, "crop_size": 256, "do_pad": None},
    },
}
# Where the file says null, transformers takes its own value for these.
_NULL_MEANS_DEFAULT = ("size", "crop_size", "image_mean", "image_std")


def is_non_commercial(licence: str | None) -> bool:
    """Whether a licence's short name, such as cc-by-nc-4.0, forbids commercial use; an unknown licence does not."""
    return licence is not None and "nc" in licence.lower().split("-")


def read_image_section(path: Path) -> Image:
    """The contract's image section that a preprocessor_config.json stands for.

    Raises:
        ModelError: there is no such file, it cannot be read, or it asks for what vidcls does not do.
    """
    kind, fields = _read_fields(path)
    _check_processor(path, fields)
    resize, resize_size, crop_size = _sizes(path, kind, fields)
    mean, std = _normalisation(path, fields)
    return Image(
        resize=resize,  # type: ignore[arg-type]
        resize_size=resize_size,
        crop_size=crop_size,
        interpolation="bilinear",
        antialias=True,
        channels="rgb",
        mean=mean,  # type: ignore[arg-type]
        std=std,  # type: ignore[arg-type]
    )


def _read_fields(path: Path) -> tuple[str, dict[str, Any]]:
    """The processor's name, and the file's keys, with the value that transformers takes for each one left out."""
    problem = why_no_file(path)
    if problem is not None:
        raise ModelError(
            f"{path}: {problem}; it says how frames become the model's input, so copy it from the model "
            "that the weights were made from"
        )
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); expected JSON, so copy the file again") from None
    if not isinstance(fields, dict):
        raise ModelError(f"{path}: holds {_shown(fields)}, expected a JSON object; copy the file again")
    names = ("video_processor_type", "image_processor_type", "feature_extractor_type")
    kind = next((fields[name] for name in names if name in fields), "VideoMAEImageProcessor")
    if not isinstance(kind, str) or kind not in _PROCESSORS:
        name = printable(str(kind))
        raise ModelError(
            f"{path}: is for {name}, expected one of {', '.join(_PROCESSORS)}; take the file of one of these models"
        )
    given = {name: value for name, value in fields.items() if value is not None or name not in _NULL_MEANS_DEFAULT}
    return kind, {**_PROCESSORS[kind], **given}


def _check_processor(path: Path, fields: dict[str, Any]) -> None:
    """Refuse whatever vidcls would do differently."""
    facts = [("do_resize", True), ("resample", _BILINEAR), ("do_rescale", True), ("do_normalize", True)]
    for name, expected in facts:
        if fields[name] != expected:
            raise ModelError(
                f"{path}: has {name} {_shown(fields[name])}, but vidcls can only do {name} {_shown(expected)}; take "
                "another checkpoint"
            )
    if fields.get("do_pad"):
        raise ModelError(
            f"{path}: has do_pad {_shown(fields['do_pad'])}, but vidcls cannot pad; take another checkpoint"
        )
    for name in ("do_center_crop", "offset"):
        if not isinstance(fields.get(name, False), bool):
            raise ModelError(f"{path}: has {name} {_shown(fields[name])}, expected true or false; correct the file")


def _normalisation(path: Path, fields: dict[str, Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std of values 0..1.

    ViViT's processor scales pixels to -1..1 before it subtracts a mean, which is another mean of values 0..1.
    """
    mean, std = (_channels(path, name, fields[name]) for name in ("image_mean", "image_std"))
    if min(std) <= 0:
        raise ModelError(f"{path}: has image_std {list(std)}, expected numbers above 0; correct the file")
    factor, offset = fields["rescale_factor"], fields.get("offset", False)
    expected = 1 / 127.5 if offset else 1 / 255
    if not _is_number(factor) or not math.isclose(factor, expected, rel_tol=1e-6):
        shown = "1/127.5 with offset true" if offset else "1/255"
        raise ModelError(
            f"{path}: has rescale_factor {_shown(factor)}, but vidcls can only do {shown}; take another checkpoint"
        )
    if not offset:
        return mean, std
    return tuple((1 + value) / 2 for value in mean), tuple(value / 2 for value in std)


def _sizes(path: Path, kind: str, fields: dict[str, Any]) -> tuple[str, int, int]:
    """(resize, resize_size, crop_size) of the contract."""
    if kind == "VJEPA2VideoProcessor":
        return _vjepa2_sizes(path, fields)
    size = _size(path, "size", fields["size"])
    crop = _size(path, "crop_size", fields["crop_size"]) if fields["do_center_crop"] else None
    if set(size) == {"height", "width"} and size["height"] == size["width"] and crop in (None, size):
        return "stretch", size["height"], size["height"]
    square = crop is not None and set(crop) == {"height", "width"} and crop["height"] == crop["width"]
    if set(size) != {"shortest_edge"} or crop is None or not square:
        raise ModelError(
            f"{path}: resizes to {size} and crops to {crop}, but vidcls can only resize the shortest edge and crop a "
            "square, or resize to a square and not crop; take another checkpoint"
        )
    if size["shortest_edge"] < crop["height"]:
        raise ModelError(
            f"{path}: resizes the shortest edge to {size['shortest_edge']} pixels, expected at least the crop's "
            f"{crop['height']}; correct the file"
        )
    return "shortest_edge", size["shortest_edge"], crop["height"]


def _vjepa2_sizes(path: Path, fields: dict[str, Any]) -> tuple[str, int, int]:
    """V-JEPA 2's processor takes its size from the crop, whatever its file says."""
    crop = _size(path, "crop_size", fields["crop_size"])
    side = crop.get("height", 0)
    if not fields["do_center_crop"] or crop != {"height": side, "width": side}:
        raise ModelError(f"{path}: crops to {crop}, but vidcls can only crop a square; take another checkpoint")
    edge = {"shortest_edge": int(side * 256 / 224)}
    if fields.get("size", edge) != edge:
        raise ModelError(
            f"{path}: has size {_shown(fields['size'])}, but V-JEPA 2's processor resizes to {edge} for a crop of "
            f"{side}; correct the file"
        )
    return "shortest_edge", edge["shortest_edge"], side


def _size(path: Path, name: str, value: Any) -> dict[str, int]:
    """A size in pixels by edge; a bare number, as older files have, is the shortest edge, or a square crop."""
    bare = isinstance(value, int)
    edges = ({"height": value, "width": value} if name == "crop_size" else {"shortest_edge": value}) if bare else value
    if not isinstance(edges, dict) or not all(type(pixels) is int and pixels >= 1 for pixels in edges.values()):
        raise ModelError(f"{path}: has {name} {_shown(value)}, expected whole numbers of pixels; correct the file")
    return edges


def _channels(path: Path, name: str, value: Any) -> tuple[float, float, float]:
    if not isinstance(value, list) or len(value) != 3 or not all(_is_number(number) for number in value):
        raise ModelError(f"{path}: has {name} {_shown(value)}, expected three numbers; correct the file")
    red, green, blue = (float(number) for number in value)
    return red, green, blue


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _shown(value: Any) -> str:
    """A value as the file has it, of bounded length."""
    return printable(json.dumps(value))
