"""Patch dropout beside fewer tokens, which take its place: a training clip is shown a lattice, or what moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidcls.errors import ArgumentError
from vidcls_train.config.settings import train_config


def check_patch_dropout(settings: Mapping[str, Any], *, tokens: str, kind: str, layers: int) -> None:
    """Refuse a `patch_dropout` that was asked for beside fewer tokens.

    One that is the recipe's own is let pass: the settings.json of a run, which is to give the same run again, holds it
    whether it was asked for or not. So is that of a run to resume, which an earlier version began: it goes on as it
    began, with these tokens alone.

    Args:
        settings: by name, as given.
        tokens: those that the encoder sees, as `--tokens` takes them.
        kind, layers: of the model, as for `train_config`.

    Raises:
        ValueError: there is one.

    Examples:
        >>> run = {"data": "clips", "output": "run", "preset": "tiny"}
        >>> check_patch_dropout({**run, "patch_dropout": 0.75}, tokens="lattice:0.5", kind="videomae", layers=6)
    """
    asked = settings.get("patch_dropout")
    if tokens == "all" or not asked or settings.get("resume"):
        return
    own = train_config({**settings, "patch_dropout": None}, kind=kind, layers=layers).regularization.patch_dropout
    if asked != own:
        raise ArgumentError(
            f"patch_dropout is {asked:g}, but the encoder sees tokens {tokens}, which takes its place; leave it out, "
            "or take --tokens all"
        )
