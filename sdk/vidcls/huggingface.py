"""What vidcls takes from a plain Hugging Face VideoMAE, which has no contract: read without transformers."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

from vidcls.contract import Image
from vidcls.errors import ModelError

# 16 frames, every 4th, at 30 frames a second: what VideoMAE's authors and the fine-tuning guide train with.
DEFAULT_CLIP_SECONDS = 64 / 30
PREPROCESSOR_FILE = "preprocessor_config.json"

_BILINEAR = 2  # Pillow's number
_PROCESSORS = ("VideoMAEImageProcessor", "VideoMAEFeatureExtractor")

# What transformers' VideoMAEImageProcessor does where the file leaves a key out. Those of the last
# line it also takes for null.
_DEFAULTS = {
    **{"do_resize": True, "do_center_crop": True, "do_rescale": True, "do_normalize": True},
    **{"resample": _BILINEAR, "rescale_factor": 1 / 255},
}
_NULL_DEFAULTS = {"size": 224, "crop_size": 224, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}


def is_non_commercial(licence: str | None) -> bool:
    """Whether a licence's short name, such as cc-by-nc-4.0, forbids commercial use; an unknown licence does not."""
    return licence is not None and "nc" in licence.lower().split("-")


def read_image_section(path: Path) -> Image:
    """The contract's image section that a preprocessor_config.json stands for.

    Raises:
        ModelError: there is no such file, it cannot be read, or it asks for what vidcls does not do.
    """
    fields = _read_fields(path)
    _check_processor(path, fields)
    resize, resize_size, crop_size = _sizes(path, fields)
    mean, std = (_channels(path, name, fields[name]) for name in ("image_mean", "image_std"))
    if min(std) <= 0:
        raise ModelError(f"{path}: has image_std {list(std)}, expected numbers above 0; correct the file")
    return Image(
        resize=resize,  # type: ignore[arg-type]
        resize_size=resize_size,
        crop_size=crop_size,
        interpolation="bilinear",
        antialias=True,
        channels="rgb",
        mean=mean,
        std=std,
    )


def _read_fields(path: Path) -> dict[str, Any]:
    """The file's keys, with the value that transformers takes for each one left out."""
    if not path.is_file():
        raise ModelError(
            f"{path}: there is no such file; it says how frames become the model's input, so copy it from the model "
            "that the weights were made from"
        )
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); expected JSON, so copy the file again") from None
    if not isinstance(fields, dict):
        raise ModelError(f"{path}: holds {_shown(fields)}, expected a JSON object; copy the file again")
    given = {name: value for name, value in fields.items() if value is not None or name not in _NULL_DEFAULTS}
    return {**_DEFAULTS, **_NULL_DEFAULTS, **given}


def _check_processor(path: Path, fields: dict[str, Any]) -> None:
    """Refuse whatever vidcls would do differently."""
    kind = fields.get("image_processor_type", fields.get("feature_extractor_type", _PROCESSORS[0]))
    if kind not in _PROCESSORS:
        raise ModelError(f"{path}: is for {kind}, expected {_PROCESSORS[0]}; name a VideoMAE's file")
    facts = [("do_resize", True), ("resample", _BILINEAR), ("do_rescale", True), ("do_normalize", True)]
    for name, expected in facts:
        if fields[name] != expected:
            raise ModelError(
                f"{path}: has {name} {_shown(fields[name])}, but vidcls can only do {name} {_shown(expected)}; take "
                "another checkpoint"
            )
    if not isinstance(fields["do_center_crop"], bool):
        raise ModelError(
            f"{path}: has do_center_crop {_shown(fields['do_center_crop'])}, expected true or false; correct the file"
        )
    factor = fields["rescale_factor"]
    if not _is_number(factor) or not math.isclose(factor, 1 / 255, rel_tol=1e-6):
        raise ModelError(
            f"{path}: has rescale_factor {_shown(factor)}, but vidcls can only do 1/255; take another checkpoint"
        )


def _sizes(path: Path, fields: dict[str, Any]) -> tuple[str, int, int]:
    """(resize, resize_size, crop_size) of the contract."""
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
    """A value as the file has it."""
    return json.dumps(value)
