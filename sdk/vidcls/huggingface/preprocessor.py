"""A checkpoint's preprocessor -> the contract's image section: one lookup for training and for export."""

from __future__ import annotations

import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidcls.contract import MAX_BYTES, Image
from vidcls.errors import ModelError
from vidcls.files.kinds import why_no_file
from vidcls.huggingface.processors import VJEPA2, Processor, processor_of, shown
from vidcls.huggingface.weights import CONFIG_FILE
from vidcls.schema import FieldError, check_fields, read_json

PREPROCESSOR_FILE = "preprocessor_config.json"
# Those of video processors have a name of their own, which transformers looks for first.
VIDEO_PREPROCESSOR_FILE = "video_preprocessor_config.json"
# Of a model with several processors: theirs, by name.
PROCESSOR_FILE = "processor_config.json"
PREPROCESSOR_FILES = (PROCESSOR_FILE, VIDEO_PREPROCESSOR_FILE, PREPROCESSOR_FILE)

_STEP = re.compile(r"checkpoint-\d+")
# In the words of the file, what the contract's image section calls otherwise.
_KEYS = {"'resize_size'": "'size'", "'mean[": "'image_mean[", "'std[": "'image_std["}


@dataclass(frozen=True, kw_only=True)
class Preprocessor:
    """How a checkpoint's frames become its input.

    path: the file that says so. image: the contract's image section. notices: sentences for the user.
    """

    path: Path
    image: Image
    notices: tuple[str, ...]


def find_preprocessor(folder: Path) -> Preprocessor | None:
    """What a checkpoint says of its preprocessing; None where it says nothing.

    A step of transformers' Trainer, `checkpoint-500`, has what the run's folder has, where it has nothing itself.

    Raises:
        ModelError: the file cannot be read, or asks for what vidcls does not do; or two files contradict each other.
    """
    found = _first(folder)
    if found is not None or _STEP.fullmatch(folder.resolve().name) is None:
        return found
    found = _first(folder.resolve().parent)
    if found is None:
        return None
    notice = f"{folder}: has no {PREPROCESSOR_FILE}; what {found.path} says is followed, as the run's folder has it"
    return Preprocessor(path=found.path, image=found.image, notices=(notice, *found.notices))


def read_image_section(path: Path) -> Image:
    """The contract's image section that a preprocessor's file stands for.

    Raises:
        ModelError: there is no such file, it cannot be read, or it asks for what vidcls does not do.
    """
    return _image(path, _read(path), _model_type(path.parent))


def _first(folder: Path) -> Preprocessor | None:
    """The first that there is, in transformers' order, which the others must not contradict."""
    paths = [path for name in PREPROCESSOR_FILES if (path := folder / name).exists()]
    said = [(path, fields) for path in paths for fields in _parts(path)]
    if not said:
        return None
    model_type = _model_type(folder)
    (path, fields), *others = said
    image = _image(path, fields, model_type)
    for other_path, other_fields in others:
        other = _image(other_path, other_fields, model_type)
        if other != image:
            name = next(name for name in vars(image) if getattr(image, name) != getattr(other, name))
            raise ModelError(
                f"{path}: stands for {_key(name)} {getattr(image, name)}, but {other_path.name} beside it for "
                f"{getattr(other, name)}; keep the one of them that the model was trained with"
            )
    return Preprocessor(path=path, image=image, notices=tuple(_sampling_notices(path, fields)))


def _model_type(folder: Path) -> str | None:
    """What config.json calls the model, which tells the processor where its own file does not; None: unknown."""
    try:
        fields = read_json((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found = fields.get("model_type") if isinstance(fields, dict) else None
    return found if isinstance(found, str) else None


def _parts(path: Path) -> list[dict[str, Any]]:
    """The processors of frames that a file holds: one, or of several those for video, or else for images."""
    fields = _read(path)
    if path.name != PROCESSOR_FILE:
        return [fields]
    named = next((fields[part] for part in ("video_processor", "image_processor") if part in fields), None)
    return [named] if isinstance(named, dict) else []


def _sampling_notices(path: Path, fields: dict[str, Any]) -> list[str]:
    if not fields.get("do_sample_frames"):
        return []
    rate = f", fps {shown(fields['fps'])}" if fields.get("fps") else ""
    return [
        f"{path}: has do_sample_frames true{rate}, which takes frames from a whole video; vidcls takes them from "
        "windows of it, as long as --clip-seconds says"
    ]


def _image(path: Path, fields: dict[str, Any], model_type: str | None) -> Image:
    processor = processor_of(path, fields, model_type=model_type)
    resize, resize_size, crop_size = _sizes(path, processor)
    mean, std = _normalisation(path, processor.settings)
    image = Image(
        resize=resize,  # type: ignore[arg-type]
        resize_size=resize_size,
        crop_size=crop_size,
        interpolation="bilinear",
        antialias=True,
        channels="rgb",
        mean=mean,  # type: ignore[arg-type]
        std=std,  # type: ignore[arg-type]
    )
    try:
        check_fields(image)
    except FieldError as error:
        said = str(error)
        for ours, theirs in _KEYS.items():
            said = said.replace(ours, theirs)
        raise ModelError(f"{path}: for pixels from 0 to 1, {said}; take another checkpoint") from None
    return image


def _key(field: str) -> str:
    return {"resize_size": "size", "mean": "image_mean", "std": "image_std"}.get(field, field)


def _read(path: Path) -> dict[str, Any]:
    problem = why_no_file(path)
    if problem is not None:
        raise ModelError(
            f"{path}: {problem}; it says how frames become the model's input, so copy it from the model "
            "that the weights were made from"
        )
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
        fields = read_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); expected JSON, so copy the file again") from None
    if not isinstance(fields, dict):
        raise ModelError(f"{path}: holds {shown(fields)}, expected a JSON object; copy the file again")
    return fields


def _normalisation(path: Path, settings: dict[str, Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std of values 0..1.

    A processor computes (x * factor - offset - mean) / std of values x from 0 to 255, and leaves out what it is told
    to: with other means and deviations that is (x / 255 - mean) / std.
    """
    mean, std = (_channels(path, name, settings[name]) for name in ("image_mean", "image_std"))
    if min(std) <= 0:
        raise ModelError(f"{path}: has image_std {list(std)}, expected numbers above 0; correct the file")
    if not settings["do_normalize"]:
        mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    factor = settings["rescale_factor"] if settings["do_rescale"] else 1
    if not _is_number(factor) or factor <= 0:
        raise ModelError(f"{path}: has rescale_factor {shown(factor)}, expected a number above 0; correct the file")
    offset = 1 if settings["offset"] else 0
    scale = 255 * factor
    # 1/255 and 1/127.5 as files have them, in so many digits that the mean is as it is written there.
    scale = next((whole for whole in (1, 2) if math.isclose(scale, whole, rel_tol=1e-6)), scale)
    return tuple((value + offset) / scale for value in mean), tuple(value / scale for value in std)


def _sizes(path: Path, processor: Processor) -> tuple[str, int, int]:
    """(resize, resize_size, crop_size) of the contract."""
    kind, settings = processor
    if kind == VJEPA2:
        return _vjepa2_sizes(path, settings)
    size = _size(path, "size", settings["size"])
    crop = _size(path, "crop_size", settings["crop_size"]) if settings["do_center_crop"] else None
    if set(size) == {"height", "width"} and size["height"] == size["width"] and crop in (None, size):
        return "stretch", size["height"], size["height"]
    square = crop is not None and set(crop) == {"height", "width"} and crop["height"] == crop["width"]
    if set(size) != {"shortest_edge"} or crop is None or not square:
        raise ModelError(
            f"{path}: resizes to size {size} and crops to {'nothing' if crop is None else f'crop_size {crop}'}, but "
            "vidcls can only resize the shortest edge and crop a square, or resize to a square and not crop; take "
            "another checkpoint"
        )
    if size["shortest_edge"] < crop["height"]:
        raise ModelError(
            f"{path}: resizes the shortest edge to {size['shortest_edge']} pixels, expected at least the crop's "
            f"{crop['height']}; correct the file"
        )
    return "shortest_edge", size["shortest_edge"], crop["height"]


def _vjepa2_sizes(path: Path, settings: dict[str, Any]) -> tuple[str, int, int]:
    """V-JEPA 2's processor takes its size from the crop, whatever its file says."""
    crop = _size(path, "crop_size", settings["crop_size"])
    side = crop.get("height", 0)
    if not settings["do_center_crop"] or crop != {"height": side, "width": side}:
        raise ModelError(f"{path}: crops to {crop}, but vidcls can only crop a square; take another checkpoint")
    edge = {"shortest_edge": int(side * 256 / 224)}
    if settings["size"] not in (None, edge, edge["shortest_edge"]):
        raise ModelError(
            f"{path}: has size {shown(settings['size'])}, but V-JEPA 2's processor resizes to {edge} for a crop of "
            f"{side}; correct the file"
        )
    return "shortest_edge", edge["shortest_edge"], side


def _size(path: Path, name: str, value: Any) -> dict[str, int]:
    """A size in pixels by edge.

    Older files have a bare number, the shortest edge or a square crop, or a pair, height and width.
    """
    edges = value
    if isinstance(value, int):
        edges = {"height": value, "width": value} if name == "crop_size" else {"shortest_edge": value}
    elif isinstance(value, list) and len(value) == 2:
        edges = dict(zip(("height", "width"), value, strict=True))
    if isinstance(edges, dict):
        edges = {edge: pixels for edge, pixels in edges.items() if pixels is not None}
    if not isinstance(edges, dict) or not all(type(pixels) is int and pixels >= 1 for pixels in edges.values()):
        raise ModelError(f"{path}: has {name} {shown(value)}, expected whole numbers of pixels; correct the file")
    return edges


def _channels(path: Path, name: str, value: Any) -> tuple[float, float, float]:
    """Three numbers, of red, green and blue; a single one is for all three."""
    each = [value] * 3 if _is_number(value) else value
    if not isinstance(each, list) or len(each) != 3 or not all(_is_number(number) for number in each):
        raise ModelError(f"{path}: has {name} {shown(value)}, expected three numbers; correct the file")
    red, green, blue = (float(number) for number in each)
    return red, green, blue


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
