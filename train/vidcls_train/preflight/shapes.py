"""Sizes of a model and of its clips, and whether they fit together; read from a preset, or a base's config.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidcls.contract import CONFIG_FIELD, TOKEN_CHOICES, kept_tokens
from vidcls.errors import ArgumentError, ModelError
from vidcls.huggingface import CONFIG_FILE, read_sizes
from vidcls_train.bases.location import named
from vidcls_train.config.groups import ModelConfig
from vidcls_train.config.recipes import PRESETS
from vidcls_train.model.families import check_moving

# Of the VideoMAE that presets make.
_TUBELET = 2


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A model's sizes; None where its configuration does not say.

    image_size, patch: pixels, square. frames, tubelet: of a clip, and of one token. width, heads: of attention.
    tokens: those that its encoder was trained to see. kind: its `model_type`.
    """

    image_size: int | None = None
    patch: int | None = None
    frames: int | None = None
    tubelet: int | None = None
    width: int | None = None
    heads: int | None = None
    layers: int | None = None
    tokens: str = "all"
    kind: str = "videomae"


def shape_of(model: ModelConfig) -> Shape:
    """Of a preset, or of a base; of one without config.json nothing is known.

    Raises:
        ModelError: config.json cannot be read.
    """
    if model.preset is not None:
        preset = PRESETS[model.preset]
        return Shape(
            image_size=preset.image_size,
            patch=preset.patch_size,
            frames=preset.frames,
            tubelet=_TUBELET,
            width=preset.hidden_size,
            heads=preset.heads,
            layers=preset.layers,
        )
    with named(str(model.base)) as folder:
        file = Path(folder) / CONFIG_FILE
        return _shape(read_fields(file)) if file.is_file() else Shape()


def read_fields(file: Path) -> dict[str, Any]:
    """What a config.json holds.

    Raises:
        ModelError: it cannot be read, or holds something else.
    """
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{file}: cannot be read ({error}); copy the base again") from None
    if not isinstance(fields, dict):
        raise ModelError(f"{file}: holds no configuration, expected a JSON object; copy the base again")
    return fields


def check_shape(model: ModelConfig, shape: Shape) -> None:
    """Refuse sizes that do not fit together.

    Args:
        model: what was asked for.
        shape: the model's own sizes.

    Raises:
        ValueError: an option does not fit the model, or another option.
        ModelError: the base's own sizes do not fit together.
    """
    if shape.width and shape.heads and shape.width % shape.heads:
        raise ModelError(
            f"{model.base}: {CONFIG_FILE} has hidden_size {shape.width}, which its {shape.heads} attention heads "
            "cannot share evenly; take the file that the weights were saved with"
        )
    _check_divides("image size", model.image_size, shape.image_size, shape.patch, of="patch size", model=model)
    _check_divides("frames", model.frames, shape.frames, shape.tubelet, of="tubelet size", model=model)
    image_size, frames = model.image_size or shape.image_size, model.frames or shape.frames
    tokens = model.tokens or shape.tokens
    if tokens in TOKEN_CHOICES and image_size and frames and shape.patch and shape.tubelet:
        check_moving(TOKEN_CHOICES[tokens], tubelet=shape.tubelet)
        side = image_size // shape.patch
        _check_lattice(tokens, (frames // shape.tubelet, side, side))


def _check_divides(name: str, asked: int | None, own: int | None, unit: int | None, *, of: str, model: Any) -> None:
    size = asked or own
    if not size or not unit or size % unit == 0:
        return
    if asked is None:
        raise ModelError(f"{model.base}: {CONFIG_FILE} has {name} {size}, not a multiple of its {of} {unit}")
    below, above = size // unit * unit, -(-size // unit) * unit
    near = f"{below} or {above}" if below else str(above)
    raise ArgumentError(f"--{name.replace(' ', '-')} {size} is not a multiple of the {of} {unit}; take {near}")


def _check_lattice(choice: str, grid: tuple[int, int, int]) -> None:
    """Training draws one lattice for each clip of a batch, and all clips of a batch have to keep as many tokens."""
    tokens = TOKEN_CHOICES[choice]
    if tokens.share is None or tokens.rule != "lattice":
        return
    phases = round(1 / tokens.share)
    kept = {len(kept_tokens(tokens, grid=grid, phase=phase)) for phase in range(phases)}
    if len(kept) > 1:
        raise ArgumentError(
            f"--tokens {choice} cannot divide a clip's {' x '.join(map(str, grid))} tokens evenly, by frames, rows "
            "and columns; take another --frames or --image-size, or more tokens"
        )


def _shape(fields: dict[str, Any]) -> Shape:
    sizes = read_sizes(fields.get("model_type"), fields)
    tubelet, patch, _ = sizes.patch or (None, None, None)
    return Shape(
        image_size=sizes.image_size,
        patch=patch,
        frames=sizes.frames,
        tubelet=tubelet,
        width=_whole(fields, "hidden_size"),
        heads=_whole(fields, "num_attention_heads"),
        layers=_whole(fields, "num_hidden_layers"),
        tokens=str(fields.get(CONFIG_FIELD, "all")),
        kind=str(fields.get("model_type")),
    )


def _whole(fields: dict[str, Any], name: str) -> int | None:
    value = fields.get(name)
    return value if type(value) is int and value > 0 else None
