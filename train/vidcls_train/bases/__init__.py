"""The pretrained models that runs begin with: those that come with the project, and the folders that others lie in."""

from __future__ import annotations

from pathlib import Path

# By the name that --base takes; a card in each folder says what it was made from.
SHIPPED = {"vidcls/tiny": Path(__file__).parent / "tiny"}


def shipped_name(folder: Path) -> str | None:
    """The name of the base in a folder; None of a folder that did not come with the project.

    Example:
        >>> shipped_name(SHIPPED["vidcls/tiny"])
        'vidcls/tiny'
    """
    return next((name for name, own in SHIPPED.items() if folder.resolve() == own.resolve()), None)
