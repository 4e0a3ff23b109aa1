"""The pretrained models that come with the project: their names, and the folders that they lie in."""

from __future__ import annotations

from pathlib import Path

from vidcls.errors import ModelError

# What their names begin with.
OWN = "vidcls/"

# By the name that --base takes; a card in each folder says what it was made from.
SHIPPED = {"vidcls/tiny": Path(__file__).parent / "tiny"}


def located(base: str) -> str:
    """The folder of a base that comes with the project; of any other what was given: a folder, or an id on the hub.

    Raises:
        ModelError: it is named as those that come with the project, is none of them, and no such path exists.

    Example:
        >>> located("MCG-NJU/videomae-base")
        'MCG-NJU/videomae-base'
        >>> Path(located("vidcls/tiny")).name
        'tiny'
    """
    if base.startswith(OWN) and base not in SHIPPED and not Path(base).exists():
        raise ModelError(f"{base}: is neither a folder nor a base that comes with vidcls; that is {', '.join(SHIPPED)}")
    return str(SHIPPED.get(base, base))


def shipped_name(folder: Path) -> str | None:
    """The name of the base in a folder; None of a folder that did not come with the project.

    Example:
        >>> shipped_name(SHIPPED["vidcls/tiny"])
        'vidcls/tiny'
    """
    return next((name for name, own in SHIPPED.items() if folder.resolve() == own.resolve()), None)
