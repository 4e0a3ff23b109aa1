"""What models on the Hugging Face hub are called, and what went wrong with them: words alone, without the hub."""

from __future__ import annotations

import re
from pathlib import Path

from vidcls.errors import ModelError
from vidcls.printable import printable
from vidcls.video.protocols import without_secrets

CARD_FILE = "README.md"

# What the names of the bases that come with vidcls begin with: the hub is not asked for them, as such a name may be
# somebody else's there.
OWN = "vidcls/"

# Where the hub's library keeps a model, below its cache.
_SNAPSHOT = re.compile(r"models--(?P<name>.+)")

# More than owner/name, beginning as no name on the hub does, or ending as a file does.
_PATH = re.compile(r"[./~].*|.*[/\\].*[/\\].*|.*\\.*|[A-Za-z]:.*|.*\.onnx")


def snapshot_name(folder: Path) -> str | None:
    """The name on the hub of the model that lies in a folder of the hub's cache; None of any other folder.

    Example:
        >>> snapshot_name(Path("hub/models--MCG-NJU--videomae-base/snapshots/0123"))
        'MCG-NJU/videomae-base'
    """
    parents = folder.absolute().parents
    found = _SNAPSHOT.fullmatch(parents[1].name) if len(parents) > 1 and parents[0].name == "snapshots" else None
    return None if found is None else _name(found)


def cached_name(folder: Path) -> str | None:
    """The name on the hub of the model whose folder in the hub's cache this is, with all its snapshots; None of others.

    Example:
        >>> cached_name(Path("runs/first"))
    """
    found = _SNAPSHOT.fullmatch(folder.resolve().name) if (folder / "snapshots").is_dir() else None
    return None if found is None else _name(found)


def hub_problem(error: Exception) -> str:
    """What went wrong between here and the hub: the first line of an error's text, without signatures in addresses.

    Example:
        >>> hub_problem(OSError("403 for url: https://cdn.example/a?X-Amz-Signature=5f1e&part=2"))
        '403 for url: https://cdn.example/a?X-Amz-Signature=...&part=2'
    """
    line = str(error).strip().partition("\n")[0]
    return printable(without_secrets(line)) or type(error).__name__


def _name(found: re.Match[str]) -> str:
    return found["name"].replace("--", "/")


def check_hub_name(name: str, *, expected: str) -> None:
    """Refuse what is a path on this machine that is not there, or a name of ours, and no name of a model on the hub.

    Raises:
        ModelError: it is one.
    """
    if _PATH.fullmatch(name):
        raise ModelError(f"{name}: there is no such folder; name {expected}")
    if name.startswith(OWN):
        raise ModelError(
            f"{name}: is no trained model; names that begin with {OWN} are those of bases that come with vidcls, which "
            f"'vidcls-train --base' takes alone; name {expected}"
        )
