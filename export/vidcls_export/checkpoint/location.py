"""What was named as a checkpoint -> its folder, or a refusal; without PyTorch, which takes longer than all of this."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from vidcls.errors import ModelError
from vidcls.huggingface.hub import fetched

_EXPECTED = "a checkpoint's folder, or a model on the hub"
_INSTEAD = "export FOLDER"


@contextmanager
def named(checkpoint: str) -> Iterator[Path]:
    """The folder of a checkpoint, fetched from the hub if it is not on this machine; or a file, if that was named.

    Within, what is refused of the folder of the hub's cache is said of the name that was given.

    Raises:
        ModelError: it is neither there nor a model that cache or hub have, or it cannot be fetched.
    """
    if Path(checkpoint).exists():
        yield Path(checkpoint)
        return
    folder = _of_hub(checkpoint)
    try:
        yield folder
    except ModelError as error:
        raise ModelError(str(error).replace(str(folder), checkpoint)) from None


@cache  # the hub may have another one by the time that it is asked again
def _of_hub(checkpoint: str) -> Path:
    return fetched(checkpoint, expected=_EXPECTED, instead=_INSTEAD)
