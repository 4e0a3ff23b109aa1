"""What stands at a path, before it is opened: opening a named pipe would wait for a writer, perhaps for ever."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

_BLOCK_BYTES = 1 << 16
_KINDS = [
    (stat.S_ISDIR, "is a folder"),
    (stat.S_ISFIFO, "is a named pipe"),
    (stat.S_ISSOCK, "is a socket"),
    (stat.S_ISCHR, "is a device"),
    (stat.S_ISBLK, "is a device"),
]


def why_no_file(path: Path) -> str | None:
    """What is at `path` instead of a file, as the second half of a sentence; None if it is a file.

    Examples:
        >>> why_no_file(Path("clip.avi")), why_no_file(Path("gone.avi")), why_no_file(Path("."))
        (None, 'there is no such file', 'is a folder, expected a file')
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "there is no such file"
    except OSError as error:  # a folder that may not be entered, a name that is too long
        return f"cannot be looked for ({error.strerror})"
    except ValueError:
        return "is not a name that a file can have"
    if stat.S_ISREG(mode):
        return None
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "is not a file")
    return f"{kind}, expected a file"


def file_sha256(path: Path, *, recorded: str) -> str:
    """SHA-256 of the file, with its own recorded hash (64 characters) read as zeros."""
    digest, before, place = hashlib.sha256(), b"", recorded.encode("ascii")
    zeros = b"0" * len(place)
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            block = (before + block).replace(place, zeros)
            end = max(0, len(block) - len(place) + 1)  # the rest may be the beginning of the hash
            digest.update(memoryview(block)[:end])
            before = block[end:]
    digest.update(before)
    return digest.hexdigest()
