"""Whether a training has come to its end: its folder says so itself.

The word is taken back before anything in the folder is changed, and given last, with the files that it is for.
"""

from __future__ import annotations

import json
from pathlib import Path

from vidcls.files.atomic import is_unfinished, sync_file, write_whole

STATUS_FILE = "status.json"

# What a run of ours has from its beginning, and what runs of versions without a status wrote at their end.
SETTINGS_FILE, METRICS_FILE = "settings.json", "metrics.json"

_COMPLETE, _UNFINISHED = "complete", "unfinished"


def mark_unfinished(folder: Path) -> None:
    """Say of a run's folder that what is in it may change, or be of different moments."""
    _write(folder, {"status": _UNFINISHED})


def is_not_begun(folder: Path) -> bool:
    """Whether a run of ours was to begin in a folder, and was killed before it had: it has a status and no settings.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as name:
        ...     before = is_not_begun(Path(name))
        ...     mark_unfinished(Path(name))
        ...     marked = is_not_begun(Path(name))
        ...     (Path(name) / "settings.json").touch()
        ...     before, marked, is_not_begun(Path(name))
        (False, True, False)
    """
    if (folder / SETTINGS_FILE).exists():
        return False
    try:
        fields = json.loads((folder / STATUS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return bool(fields == {"status": _UNFINISHED})


def mark_complete(folder: Path) -> None:
    """Say of a run's folder that all its files are written, and which they are."""
    files = [path for path in folder.iterdir() if path.is_file() and not is_unfinished(path.name)]
    names = sorted(path.name for path in files if path.name != STATUS_FILE)
    for name in names:
        sync_file(folder / name)
    _write(folder, {"status": _COMPLETE, "files": names})


def why_incomplete(folder: Path) -> str | None:
    """What is not as a finished run leaves it, as the second half of a sentence; None where nothing is.

    Of a checkpoint that no run of ours has made, nothing is known, and so nothing is wrong.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as name:
        ...     folder = Path(name)
        ...     (folder / "settings.json").touch()
        ...     mark_unfinished(folder)
        ...     before = why_incomplete(folder)
        ...     mark_complete(folder)
        ...     before, why_incomplete(folder)
        ('its run has not come to its end', None)
    """
    file = folder / STATUS_FILE
    if not file.is_file():
        began, ended = ((folder / name).is_file() for name in (SETTINGS_FILE, METRICS_FILE))
        return "its run has not come to its end" if began and not ended else None
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
        status, names = fields["status"], [str(name) for name in fields.get("files", [])]
    except (OSError, ValueError, LookupError, AttributeError, TypeError, RecursionError):
        return f"its {STATUS_FILE} is damaged"
    if status != _COMPLETE:
        return "its run has not come to its end"
    missing = [name for name in names if not (folder / name).is_file()]
    return f"its run has written {missing[0]}, which is not there" if missing else None


def _write(folder: Path, fields: dict[str, object]) -> None:
    write_whole(folder / STATUS_FILE, (json.dumps(fields, indent=1) + "\n").encode())
