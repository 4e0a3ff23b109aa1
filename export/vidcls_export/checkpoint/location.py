"""What was named as a checkpoint -> its folder, or a refusal; without PyTorch, which takes longer than all of this."""

from __future__ import annotations

import os
from pathlib import Path

from vidcls.huggingface.hub import check_on_hub, fetched

_EXPECTED = "a checkpoint's folder, or a model on the hub"
_INSTEAD = "export FOLDER"


def check_location(checkpoint: str) -> None:
    """Refuse a name that is neither a folder's nor a model's that this machine's cache or the hub has.

    Raises:
        ModelError: it is neither, or the hub cannot be asked, which takes a few seconds at most.
    """
    if not Path(checkpoint).exists():
        check_on_hub(checkpoint, expected=_EXPECTED, instead=_INSTEAD)


def locate(checkpoint: str | os.PathLike[str]) -> Path:
    """The folder of a checkpoint, fetched from the hub if it is not on this machine; or a file, if that was named.

    Raises:
        ModelError: as `check_location`, or the model cannot be fetched.
    """
    path = Path(checkpoint)
    return path if path.exists() else fetched(os.fspath(checkpoint), expected=_EXPECTED, instead=_INSTEAD)
