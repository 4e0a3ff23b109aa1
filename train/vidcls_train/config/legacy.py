"""Settings files of earlier versions: names that are no longer used, and settings that are no more."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidcls.errors import ArgumentError

_LOG = logging.getLogger("vidcls.train")

RENAMED = {
    "accumulate": "gradient_accumulation_steps",
    "averaging": "ema",
    "warmup_share": "warmup_ratio",
    "crop_area": "crop_scale_min",
    "crop_stretch": "crop_aspect_ratio_max",
    "colour_jitter": "color_jitter",
    "grey_share": "grayscale_prob",
    "erasing": "random_erasing_prob",
}

# How many processes train decides no result: torchrun starts them.
_REMOVED = frozenset({"processes", "pretraining_epochs"})


def with_new_names(fields: Mapping[str, Any], *, file: Path) -> dict[str, Any]:
    """The settings of `file` by their present names, with a warning that names them; those that are no more left out.

    Raises:
        ValueError: a setting is there by both of its names.
    """
    old = [name for name in fields if name in RENAMED]
    for name in old:
        if RENAMED[name] in fields:
            raise ArgumentError(f"{file}: holds '{name}' and '{RENAMED[name]}', which is its new name; take one out")
    if old:
        _LOG.warning("%s: %s", file, ", ".join(f"'{name}' is now called '{RENAMED[name]}'" for name in old))
    return {RENAMED.get(name, name): value for name, value in fields.items() if name not in _REMOVED}


def asks_for_pretraining(fields: Mapping[str, Any]) -> bool:
    """Whether the settings are of a run that began with masked pretraining on its own clips."""
    return bool(fields.get("pretraining_epochs"))


def warn_of_pretraining(fields: Mapping[str, Any], *, file: Path) -> None:
    """Say that masked pretraining is not done, where the settings of `file` ask for it."""
    if asks_for_pretraining(fields):
        _LOG.warning(
            "%s: 'pretraining_epochs' is %s, which is left out: run 'vidcls-pretrain' and give its folder to --base",
            file,
            fields["pretraining_epochs"],
        )
