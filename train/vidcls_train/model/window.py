"""How long the window of a run is: as long as is asked for, else as that of its base, else 64/30 s."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidcls.contract import CHECKPOINT_FILE, read_checkpoint
from vidcls_train.bases.location import named
from vidcls_train.config.settings import Config

# Windows that differ by less are alike: a length in seconds may be written with few digits.
_ALIKE = 0.01


def with_window(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, with the window of the base's contract where they ask for none and it has one.

    Raises:
        ModelError: there is no such base, or its contract cannot be read.
    """
    own = None if settings.get("clip_seconds") is not None else _own_window(settings.get("base"))
    return {**settings} if own is None else {**settings, "clip_seconds": own}


def window_notices(config: Config) -> tuple[str, ...]:
    """What is said of the window of a run whose base was trained on windows of a known length.

    Raises:
        ModelError: as `with_window`.
    """
    base, seconds = config.model.base, config.data.clip_seconds
    own = _own_window(base)
    if own is None:
        return ()
    if abs(own - seconds) <= _ALIKE * own:
        return (f"{base}: its windows of {own:.4g} s are kept (--clip-seconds takes others)",)
    return (
        f"{base}: was trained on windows of {own:.4g} s, and is given windows of {seconds:.4g} s now (--clip-seconds "
        f"{own:.4g} keeps them)",
    )


def _own_window(base: str | None) -> float | None:
    """The seconds that the contract of a base says; None without a base or a contract."""
    if base is None:
        return None
    with named(base) as folder:
        has_contract = (Path(folder) / CHECKPOINT_FILE).exists()
        return read_checkpoint(Path(folder)).sampling.clip_seconds if has_contract else None
