"""The sizes in a config.json: of a clip, and of the patches that it is cut into. Each architecture names them anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from vidcls.errors import ModelError


class SizeNames(NamedTuple):
    """What a configuration calls them; where there are several names, the first is what counts."""

    frames: tuple[str, ...] = ("num_frames",)
    image_size: tuple[str, ...] = ("image_size",)


# By the model_type of config.json: the video classifiers that are trained and exported.
SIZE_NAMES = {
    "videomae": SizeNames(),
    "videomae_hybrid": SizeNames(),
    "timesformer": SizeNames(),
    "vivit": SizeNames(),
    "vjepa2": SizeNames(frames=("frames_per_clip",), image_size=("crop_size", "image_size")),
}


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """None where the configuration does not say.

    frames: of a clip. image_size: pixels, square. patch: how many frames, rows and columns of pixels become one token.
    """

    frames: int | None = None
    image_size: int | None = None
    patch: tuple[int, int, int] | None = None


def read_sizes(model_type: object, fields: Mapping[str, Any]) -> Sizes:
    """The sizes of a model.

    Args:
        model_type: as config.json has it; of another than those of `SIZE_NAMES` no size is known.
        fields: what config.json holds, or `vars` of a configuration of transformers.

    Example:
        >>> read_sizes("vivit", {"num_frames": 32, "image_size": 224, "tubelet_size": [2, 16, 16]})
        Sizes(frames=32, image_size=224, patch=(2, 16, 16))
    """
    if model_type not in SIZE_NAMES:
        return Sizes()
    names = SIZE_NAMES[str(model_type)]
    return Sizes(
        frames=_whole(fields.get(names.frames[0])),
        image_size=_whole(fields.get(names.image_size[0])),
        patch=_patch(fields),
    )


def read_clip_sizes(path: Path | str, model_type: str, fields: Mapping[str, Any]) -> tuple[int, int]:
    """(frames of a clip, side of its pictures in pixels) of a model.

    Args:
        path: of the file, for messages.
        model_type, fields: as for `read_sizes`.

    Raises:
        ModelError: one of them is missing, or no whole number above 0.
    """
    sizes, names = read_sizes(model_type, fields), SIZE_NAMES[model_type]
    if sizes.frames is None or sizes.image_size is None:
        name = (names.frames if sizes.frames is None else names.image_size)[0]
        raise ModelError(f"{path}: does not say how many '{name}' there are; copy the file again")
    return sizes.frames, sizes.image_size


def _patch(fields: Mapping[str, Any]) -> tuple[int, int, int] | None:
    tubelet = fields.get("tubelet_size", 1)  # TimeSformer's are of one frame
    if isinstance(tubelet, list | tuple):
        found = tuple(map(_whole, tubelet))
    else:
        found = (_whole(tubelet), _whole(fields.get("patch_size")), _whole(fields.get("patch_size")))
    return found if len(found) == 3 and None not in found else None  # type: ignore[return-value]


def _whole(value: object) -> int | None:
    return value if type(value) is int and value > 0 else None
