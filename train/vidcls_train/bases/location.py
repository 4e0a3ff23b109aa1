"""A base's name -> the folder that it lies in, and back: messages say the name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from vidcls.errors import ModelError
from vidcls.huggingface.hub import check_on_hub, fetched
from vidcls.huggingface.hub_names import OWN, snapshot_name
from vidcls_train.bases import SHIPPED, shipped_name

_EXPECTED = "a checkpoint's folder, or a model on the hub"
_INSTEAD = "give --base FOLDER, or train what needs no hub: --base vidcls/tiny or --preset tiny"


def located(base: str) -> str:
    """The folder of a base: one that comes with the project, one on this machine, or of a model on the hub its copy.

    A model on the hub is asked for once, and fetched where this machine's cache does not have it as it is now.

    Raises:
        ModelError: it is named as those that come with the project, and is none of them; or neither is there such a
            path, nor do cache or hub have a model of that name.

    Example:
        >>> Path(located("vidcls/tiny")).name
        'tiny'
    """
    return _known_folder(base) or _of_hub(base)


def is_here(base: str) -> bool:
    """Whether a base comes with the project or is a path on this machine; else only the hub can have it.

    Raises:
        ModelError: it is named as those that come with the project, and is none of them.
    """
    return _known_folder(base) is not None


def hides_folder(base: str) -> bool:
    """Whether a base that comes with the project is called as a folder is here, which is then not read."""
    return base in SHIPPED and Path(base).exists()


def check_exists(base: str) -> None:
    """Refuse what `located` would refuse, without fetching anything; raises likewise."""
    if not is_here(base):
        check_on_hub(base, expected=_EXPECTED, instead=_INSTEAD)


def base_name(folder: Path) -> str:
    """What the base in a folder is called: as those that come with the project, as on the hub, or as its folder.

    Example:
        >>> base_name(Path("hub/models--MCG-NJU--videomae-base/snapshots/0123")), base_name(Path("runs/first"))
        ('MCG-NJU/videomae-base', 'first')
    """
    return shipped_name(folder) or snapshot_name(folder) or folder.resolve().name


@contextmanager
def named(base: str) -> Iterator[str]:
    """The folder of a base, within which what is refused of the folder is said of the name; raises as `located`."""
    folder = located(base)
    try:
        yield folder
    except ModelError as error:
        raise ModelError(str(error).replace(folder, base)) from None


def _known_folder(base: str) -> str | None:
    if base.startswith(OWN) and base not in SHIPPED and not Path(base).exists():
        raise ModelError(
            f"{base}: is neither a folder nor a base that comes with vidcls; take {' or '.join(SHIPPED)}, or name "
            f"{_EXPECTED}"
        )
    if base in SHIPPED:
        return str(SHIPPED[base])
    return base if Path(base).exists() else None


@cache  # the hub may have another one by the time that it is asked again
def _of_hub(base: str) -> str:
    return str(fetched(base, expected=_EXPECTED, instead=_INSTEAD))
