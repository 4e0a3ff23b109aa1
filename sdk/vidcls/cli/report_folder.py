"""The folder of `vidcls evaluate --report`: what is never overwritten there, and what of an earlier report goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

PAGE_FILE, FIELDS_FILE = "report.html", "report.json"
PREDICTIONS_FILE, EVENTS_FILE = "predictions.csv", "events.csv"
# A report has one of the two lists, and these are its columns.
PREDICTION_COLUMNS = ["video", "label", "predicted", "score", "known", "clip_is", "error"]
EVENT_COLUMNS = ["video", "start", "end", "label", "score", "handed_out"]


def check_spared(folder: Path | None, given: Path) -> None:
    """Refuse a folder for a report in which `given`, a list that somebody wrote by hand, would be overwritten."""
    if folder is None or not given.is_file():
        return
    for name in (PAGE_FILE, FIELDS_FILE, PREDICTIONS_FILE, EVENTS_FILE):
        written = folder / name
        if written.exists() and written.samefile(given):
            raise click.UsageError(
                f"--report {folder} would overwrite {given}, which is read; name another folder to write"
            )


def begin_report(folder: Path, fields: dict[str, Any]) -> None:
    """Make the folder and write the figures as JSON.

    The page, the pictures and the lists of an earlier report go first: not every report has them, and those of another
    model would then stand beside its figures. A list of other columns than a report's is somebody's own, and stays.
    """
    from vidcls.evaluation.report import CONFUSION_FILE, MISTAKES_FILE

    folder.mkdir(parents=True, exist_ok=True)
    for name in (PAGE_FILE, CONFUSION_FILE, MISTAKES_FILE):
        (folder / name).unlink(missing_ok=True)
    for name, columns in ((PREDICTIONS_FILE, PREDICTION_COLUMNS), (EVENTS_FILE, EVENT_COLUMNS)):
        if _has_columns(folder / name, columns):
            (folder / name).unlink()
    text = json.dumps(fields, ensure_ascii=False, indent=1) + "\n"
    (folder / FIELDS_FILE).write_text(text, encoding="utf-8")


def _has_columns(path: Path, columns: list[str]) -> bool:
    if not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline(1000).rstrip("\n") == ",".join(columns)
