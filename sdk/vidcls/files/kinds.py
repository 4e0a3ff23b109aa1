"""What stands at a path, before it is opened: opening a named pipe would wait for a writer, perhaps for ever."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path
from typing import Literal, TypeAlias

# What people name in each other's place.
Mistaken: TypeAlias = Literal["video", "model", "weights", "checkpoint"]

_BLOCK_BYTES = 1 << 16
_KINDS = [
    (stat.S_ISDIR, "is a folder"),
    (stat.S_ISFIFO, "is a named pipe"),
    (stat.S_ISSOCK, "is a socket"),
    (stat.S_ISCHR, "is a device"),
    (stat.S_ISBLK, "is a device"),
]
# Of Matroska and WebM, Flash, MPEG, Windows Media and Ogg.
_VIDEO_STARTS = (b"\x1a\x45\xdf\xa3", b"FLV", b"\x00\x00\x01\xba", b"\x30\x26\xb2\x75", b"OggS")
_CHECKPOINT_FILES = ("config.json", "vidcls.json", "model.safetensors", "model.safetensors.index.json")
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt")


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


def mistaken(path: Path) -> Mistaken | None:
    """What stands at `path`, by its first bytes, of what is easily named in another's place; None: none of these.

    "video": a container of videos. "model": an ONNX file. "weights": of a checkpoint, safetensors or a pickle.
    "checkpoint": a folder with a checkpoint's files.

    Examples:
        >>> mistaken(Path("clip.avi")), mistaken(Path("model.onnx")), mistaken(Path("."))
        ('video', 'model', None)
    """
    try:
        if path.is_dir():
            return "checkpoint" if any((path / name).is_file() for name in _CHECKPOINT_FILES) else None
        if why_no_file(path) is not None:
            return None
        with path.open("rb") as file:
            start = file.read(512)
    except OSError:
        return None
    if _is_video(start):
        return "video"
    if start.startswith(b"PK\x03\x04") or start[8:9] == b"{":  # PyTorch's archive; safetensors after its length
        return "weights" if path.suffix.lower() in _WEIGHTS else None
    # An ONNX file begins with its version, protobuf's first field.
    return "model" if path.suffix.lower() == ".onnx" and start[:1] == b"\x08" else None


def _is_video(start: bytes) -> bool:
    transport = start[:1] == b"G" and start[188:189] == b"G" and start[376:377] == b"G"
    riff = start[:4] == b"RIFF" and start[8:12] == b"AVI "
    return transport or riff or start[4:8] == b"ftyp" or start.startswith(_VIDEO_STARTS)


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
