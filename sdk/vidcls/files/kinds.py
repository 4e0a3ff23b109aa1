"""What stands at a path, before it is opened: opening a named pipe would wait for a writer, perhaps for ever."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Collection, Iterable
from difflib import SequenceMatcher
from itertools import islice
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
# How like each other two names are of which one may be the other mistyped: SequenceMatcher's ratio.
_NEAR = 0.8
# Names in a folder that are compared with one that is not there.
_NEIGHBOURS = 2000
# What is named by mistake, and no decoder opens, by how it begins.
_FOREIGN = (
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x93NUMPY", "an array of NumPy"),
    (b"\x89HDF", "an HDF5 file"),
)
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


def where_else(path: Path, endings: Collection[str]) -> str | None:
    """Where nothing stands at `path`: what may have been meant, as part of a sentence; None where nobody knows.

    Args:
        path: of nothing.
        endings: in lower case, of the files that may have been meant; folders may too.

    Examples:
        >>> where_else(Path("modle.onnx"), {".onnx"})
        "did you mean 'model.onnx'?"
    """
    if path.parts[:1] and path.parts[0].startswith("~"):
        return f"give os.path.expanduser({str(path)!r}): only a shell knows ~, outside of quotes"
    try:
        with os.scandir(path.parent) as entries:
            names = [
                entry.name
                for entry in islice(entries, _NEIGHBOURS)
                if Path(entry.name).suffix.lower() in endings or entry.is_dir()
            ]
    except (OSError, ValueError):
        return None
    cut_off = next((name for name in sorted(names) if name.startswith(f"{path.name} ")), None)
    if cut_off is not None:
        return f"did you mean '{path.with_name(cut_off)}'? put quotes around a name with spaces"
    near = _nearest(names, path.name)
    return None if near is None else f"did you mean '{path.with_name(near)}'?"


def _nearest(names: Iterable[str], typed: str) -> str | None:
    """The first of the names that are most like what was typed; None where none of them is like it.

    Names that differ from it in nothing but their numbers, as one video does from the next, are none of them.
    """
    unnumbered = re.sub(r"\d+", "", typed)
    stems, wholes = (SequenceMatcher(b=text.casefold()) for text in (Path(typed).stem, typed))
    nearest, most = None, 0.0
    for name in names:
        if name != typed and re.sub(r"\d+", "", name) == unnumbered:
            continue
        # Endings count for something: of two names with one stem, the one with the other ending.
        like = max(_ratio(stems, Path(name).stem, least=_NEAR), _ratio(wholes, name, least=_NEAR + 0.1) - 0.1)
        if like >= _NEAR and like > most:
            nearest, most = name, like
    return nearest


def _ratio(typed: SequenceMatcher[str], name: str, *, least: float) -> float:
    """How like a name is, 0 to 1; 0 below `least`, which is mostly found out without comparing it letter by letter."""
    typed.set_seq1(name.casefold())
    if typed.real_quick_ratio() < least or typed.quick_ratio() < least:
        return 0.0
    return typed.ratio()


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


def foreign_kind(path: Path) -> str | None:
    """What a file is that no decoder opens, in words; None where it may be a damaged video.

    Examples:
        >>> _ = Path("notes.txt").write_text("some words")
        >>> foreign_kind(Path("notes.txt")), foreign_kind(Path("clip.avi"))
        ('a text', None)
    """
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError:
        return None
    named = next((name for beginning, name in _FOREIGN if start.startswith(beginning)), None)
    if named is not None or not start or len(start) < 4:
        return named
    if re.match(rb"\s*(?:<!doctype html|<html)", start, re.IGNORECASE):
        return "a web page"
    is_text = re.search(rb"[^\t\n\r\x20-\x7e\x80-\xff]", start) is None and _is_utf8(start)
    return "a text" if is_text else None


def _is_utf8(start: bytes) -> bool:
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(start) - 4  # cut in the middle of a character
    return True


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
