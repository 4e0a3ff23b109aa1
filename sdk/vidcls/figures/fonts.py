"""The fonts that are installed."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path

_KINDS = (".ttf", ".otf", ".ttc")
# More than any system comes with; each that is tried takes a millisecond.
_MOST = 2000


@lru_cache(maxsize=1)
def installed_fonts() -> tuple[str, ...]:
    """The files of all fonts in the folders that this system has for them, upright ones of normal weight first."""
    found = [
        os.path.join(folder, name)  # noqa: PTH118 - thousands of them
        for root in _folders()
        for folder, _, names in os.walk(root)
        for name in names
        if name.lower().endswith(_KINDS)
    ]
    return tuple(sorted(found, key=lambda path: ("regular" not in path.lower(), path))[:_MOST])


def _folders() -> list[Path]:
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - which raises nothing where there is no home
    if sys.platform == "win32":
        local = Path(os.environ.get("LOCALAPPDATA", home))
        return [Path(os.environ.get("WINDIR", "C:/Windows")) / "Fonts", local / "Microsoft/Windows/Fonts"]
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    data = [
        Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share"),
        Path("/usr/local/share"),
        Path("/usr/share"),
    ]
    return [*(folder / "fonts" for folder in data), home / ".fonts"]
