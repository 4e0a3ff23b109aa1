"""A folder or a CSV on this machine -> labelled videos, without opening one of them.

Everything here is said before PyTorch is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vidcls.contract import LABELS
from vidcls.files.kinds import why_no_file
from vidcls.printable import printable
from vidcls.video.folders import VIDEO_EXTENSIONS
from vidcls_train.data.archives import is_archive
from vidcls_train.data.clip_list import MULTI_LABEL, NONE_LABEL, ClipList, DataError
from vidcls_train.data.csv_source import read_csv
from vidcls_train.data.folder_source import read_folder

# DATA that begins so is none on this machine yet: `sources` fetches it.
HUB_PREFIX = "hf:"


def check_kind(path: Path, *, data: str) -> None:
    """Refuse what is neither a folder nor a file of a kind that lists or holds clips.

    Args:
        path: what DATA is on this machine.
        data: its name, for messages.

    Raises:
        DataError: it is not there, or something else; says what was expected.
    """
    if path.is_dir():
        return
    if not path.exists():
        raise DataError(f"{data}: there is no such file or folder")
    problem = why_no_file(path)
    if problem is not None:  # a named pipe would be waited for
        raise DataError(f"{data}: {problem} or a folder")
    if not is_archive(path) and path.suffix.lower() != ".csv":
        kind = "a video" if path.suffix.lower() in VIDEO_EXTENSIONS else "a file"
        raise DataError(
            f"{data}: is {kind}, expected a folder with one folder of videos per label, a .csv, a .tar.gz or a .zip"
        )


def list_clips(path: Path, *, data: str) -> ClipList:
    """The labelled videos that a folder or a CSV names.

    Args:
        path: of the folder or the CSV.
        data: what the user called it.

    Raises:
        DataError: there are none, or the folder or CSV is not of a form that is known.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for video in ("jump/a.mp4", "wave/b.mp4"):
        ...         (Path(folder) / video).parent.mkdir()
        ...         (Path(folder) / video).touch()
        ...     list_clips(Path(folder), data="clips").labels
        ('jump', 'wave')
    """
    found = read_csv(path) if path.is_file() else read_folder(path)
    if not found.clips:
        raise DataError(f"{data}: {_what_it_holds(path)}; expected one folder of videos per label")
    return found


def check_some_exist(found: ClipList) -> None:
    """Refuse a CSV none of whose videos is there; single ones that are missing are reported with the unreadable.

    Raises:
        DataError: names the first.
    """
    if not any(clip.path.exists() for clip in found.clips):
        raise DataError(
            f"{found.name}: not one of its {len(found.clips)} videos is there; its first row names "
            f"'{printable(str(found.clips[0].path))}', and paths are absolute or relative to the CSV's folder"
        )


def check_learnable(found: ClipList, *, data: str) -> None:
    """Refuse one class by itself, which learns nothing: a label needs another one, or clips that show none.

    Raises:
        DataError: says what to add.
    """
    labels = [label for label in found.labels if label != NONE_LABEL]
    by_column = found.problem_type == MULTI_LABEL
    if not labels:
        what = "rows of videos that show some" if by_column else "one folder of videos per label"
        raise DataError(f"{data}: holds only videos that show none of the labels; add {what}")
    if len(labels) == 1 and all(clip.labels == (labels[0],) for clip in found.clips):
        what = "rows with nothing in 'labels'" if by_column else f"a folder '{NONE_LABEL}'"
        if any(clip.stretch for clip in found.clips):
            what = "time that no row covers, at least a clip's length,"
        raise DataError(
            f"{data}: holds only the label '{labels[0]}', and a class by itself learns nothing; add another label, or "
            f"{what} for videos that show none of the labels"
        )


def check_label_count(labels: Sequence[str], *, data: str) -> None:
    """Refuse more labels than a contract holds: that is better said before the training than after it.

    Raises:
        DataError: there are too many.
    """
    if len(labels) > LABELS.high:
        raise DataError(f"{data}: holds {len(labels):,} labels, expected {LABELS.expected}")


def _what_it_holds(path: Path) -> str:
    loose = 0 if path.is_file() else sum(child.suffix.lower() in VIDEO_EXTENSIONS for child in path.iterdir())
    if not loose:
        return "holds no videos"
    return f"holds {loose} videos outside of any label's folder" if loose > 1 else "holds a single video"
