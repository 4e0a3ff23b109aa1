"""Folders of videos: one subfolder per label."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from vidcls.errors import ArgumentError

# What counts as a video in a folder. A file named on a command line is opened whatever its ending.
VIDEO_EXTENSIONS = frozenset(
    [
        ".3g2",
        ".3gp",
        ".asf",
        ".avi",
        ".divx",
        ".dv",
        ".f4v",
        ".flv",
        ".gif",
        ".m2ts",
        ".m2v",
        ".m4v",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpe",
        ".mpeg",
        ".mpg",
        ".mts",
        ".mxf",
        ".ogv",
        ".qt",
        ".ts",
        ".vob",
        ".webm",
        ".wmv",
        ".y4m",
    ]
)

# The folder, beside those of the labels, of clips that show none of them.
NONE_FOLDER = "_none"


def list_videos(folder: Path) -> list[Path]:
    """All videos below `folder`, at any depth, sorted; hidden files and folders are left out.

    Links to folders elsewhere are followed; what is below `folder` already is not there twice.
    """
    return list(walk_videos(folder))


def walk_videos(folder: Path) -> Iterator[Path]:
    """What `list_videos` gives, one after the other: only the names in the folders on the way are held."""
    return _walk(folder, [folder.resolve()])


def _walk(folder: Path, walked: list[Path]) -> Iterator[Path]:
    """`walked`: all real folders that are gone through with what is below them; where a link leads joins them."""
    for entry in _entries(folder):
        path = folder / entry.name
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(path, walked)
        elif (elsewhere := _linked_folder(path)) is not None:
            if not any(elsewhere.is_relative_to(known) or known.is_relative_to(elsewhere) for known in walked):
                walked.append(elsewhere)
                yield from _walk(path, walked)
        elif path.suffix.lower() in VIDEO_EXTENSIONS and may_be_file(path):
            yield path


def _linked_folder(path: Path) -> Path | None:
    """The folder that a link leads to; None of all else, and where it may not be followed."""
    with suppress(OSError, RuntimeError):  # RuntimeError: links in a circle, before Python 3.13
        return path.resolve() if path.is_symlink() and path.is_dir() else None
    return None


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with suppress(PermissionError, FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)
    return []


def may_be_file(path: Path) -> bool:
    """Whether a file is there, or, where a link may not be followed, whether opening it will say why it has none."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def label_folders(folder: Path) -> dict[str, list[Path]]:
    """{label: its videos} of a folder with one subfolder per label, sorted by label; empty ones too."""
    return {
        child.name: list_videos(child)
        for child in sorted(folder.iterdir())
        if child.is_dir() and not child.name.startswith(".")
    }


def label_named(name: str, labels: Sequence[str]) -> str | None:
    """The one of the labels that is written so, if need be in other code points: nobody sees a difference.

    Of an accented letter or a Hangul syllable macOS, and archives made there, hold the parts; others hold the whole.

    >>> from vidcls.video.folders import label_named
    >>> label_named("\\u1104\\u1171\\u1100\\u1175", ["걷기", "뛰기"]), label_named("jump", ["Jump"])
    ('뛰기', None)
    """
    if name in labels:
        return name
    composed = unicodedata.normalize("NFC", name)
    return next((label for label in labels if unicodedata.normalize("NFC", label) == composed), None)


def labelled_videos(
    folder: Path, labels: Iterable[str], *, none_label: str | None = None
) -> list[tuple[Path, int | None]]:
    """(video, class id) of every video in a folder with one subfolder per label.

    Args:
        folder: one subfolder per label, and, where there are videos that show none of them, a folder `_none`.
        labels: the model's labels in class-id order.
        none_label: the one of them that means "none of the labels", if there is one.

    Returns:
        of a video in `_none` the class id of `none_label`, or of a label `_none`; None where the model has no such
        class.

    Raises:
        ValueError: not a folder, no videos in it, or a subfolder that is not one of the labels.
    """
    labels = list(labels)
    known: dict[str, int | None] = {label: index for index, label in enumerate(labels)}
    if none_label is not None or NONE_FOLDER not in known:
        known[NONE_FOLDER] = None if none_label is None else known[none_label]
    if not folder.is_dir():
        raise ArgumentError(f"{folder}: is not a folder; name a folder that holds one folder of videos per label")
    found = {label: videos for label, videos in label_folders(folder).items() if videos}
    if not found:
        raise ArgumentError(_without_labels(folder))
    named = {name: label_named(name, list(known)) for name in found}
    unknown = sorted(name for name, label in named.items() if label is None)
    if unknown:
        raise ArgumentError(
            f"{folder}: the folder '{unknown[0]}' is not one of the model's labels ({_shortened(labels)}); "
            f"rename or remove it, or call it '{NONE_FOLDER}' if its videos show none of them"
        )
    return [(video, known[label]) for name, label in named.items() if label is not None for video in found[name]]


def _without_labels(folder: Path) -> str:
    stray = next(walk_videos(folder), None)
    if stray is None:
        return f"{folder}: holds no videos; expected one folder of videos per label"
    return (
        f"{folder}: its videos lie in no label's folder; expected one folder of videos per label, as in "
        f"{folder / 'LABEL' / stray.name}"
    )


def _shortened(names: list[str]) -> str:
    shown = ", ".join(names[:8])
    return shown if len(names) <= 8 else f"{shown}, ... {len(names)} in all"
