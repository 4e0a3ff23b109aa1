"""What the checks of the data found, as Markdown and JSON, with a picture beside them."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from vidcls.printable import markdown
from vidcls_train.audit.data_report import DataReport, worst_first
from vidcls_train.audit.report_picture import write_data_picture
from vidcls_train.audit.wording import REPORT_NAME
from vidcls_train.data.clip_list import SPLITS

_LISTED = 30


def write_data_report(report: DataReport, folder: Path) -> None:
    """Write data-report.md, data-report.json and data-report.png into `folder`."""
    fields = json.dumps(dataclasses.asdict(report), ensure_ascii=False, indent=1)
    # Names of files may hold bytes that are not UTF-8.
    (folder / f"{REPORT_NAME}.json").write_text(fields + "\n", encoding="utf-8", errors="replace")
    (folder / f"{REPORT_NAME}.md").write_text(report_text(report), encoding="utf-8", errors="replace")
    write_data_picture(report, folder / f"{REPORT_NAME}.png")


def report_text(report: DataReport) -> str:
    """The report as Markdown."""
    lines = [f"# {markdown(report.data)}", ""]
    for level, title in (("stop", "Stops"), ("warning", "Warnings"), ("note", "Notes")):
        found = [finding for finding in report.findings if finding.level == level]
        if found:
            lines += [f"## {title}", "", *(f"- {markdown(finding.what)}. *{finding.mend}.*" for finding in found), ""]
    if not report.findings:
        lines += ["Nothing to remark.", ""]
    how = "made here, by groups of footage" if report.split_here else "those of the data"
    if report.val_here:
        how += ", but for val, which is made here of train's clips, by groups of footage"
    lines += [
        "## Clips",
        "",
        f"Splits: {how}; {report.groups} groups of footage.",
        "",
        f"| label | {' | '.join(SPLITS)} | seconds | frames/s | pixels | kbit/s |",
        f"|---|{'---:|' * len(SPLITS)}---|---|---|---|",
        *_label_rows(report),
        "",
        *_without_label(report),
    ]
    place = _Shortener([row.video for row in report.clips] + [row["video"] for row in report.unreadable])
    if report.pair_counts:
        lines += [
            "## Clips that are not independent",
            "",
            "same file: byte for byte. same footage: at the same time, the same things move. same scene: it looks the "
            "same, and something else happens.",
            "",
            "| | clip | split | clip | split | alike | motion |",
            "|---|---|---|---|---|---:|---:|",
            *(
                f"| {pair.kind} | {place(pair.videos[0])} | {pair.splits[0]} | {place(pair.videos[1])} | "
                f"{pair.splits[1]} | {pair.similarity:.2f} | {pair.motion:.2f} |"
                for pair in worst_first(report.pairs)[:_LISTED]
            ),
            "",
            ", ".join(f"{count} pairs of the {kind}" for kind, count in sorted(report.pair_counts.items()))
            + " in all.",
            "",
        ]
    for title, videos in _videos_listed(report).items():
        lines += _list(title, [place(video) for video in videos])
    lines += _list("Unreadable", [markdown(row["message"]) for row in report.unreadable], listed=len(report.unreadable))
    return "\n".join(lines)


def _videos_listed(report: DataReport) -> dict[str, list[str]]:
    """The videos that a list of their own names, by its title."""
    return {
        "Known to the base or the teacher": [*report.known["val"], *report.known["test"]],
        "Shorter than the window": report.short,
        "End early": report.truncated,
    }


def _without_label(report: DataReport) -> list[str]:
    """Where clips may have several labels: how many have none."""
    train, val, test = (sum(not row.labels for row in report.clips if row.split == split) for split in SPLITS)
    counted = f"{train} train, {val} val and {test} test clips show none of the labels."
    return [counted, ""] if train + val + test else []


def _label_rows(report: DataReport) -> Iterable[str]:
    for label, by_split in report.counts.items():
        rows = [row for row in report.clips if label in row.labels]
        ranges = [_span([getattr(row, name) for row in rows]) for name in ("seconds", "frame_rate")]
        sizes = sorted({f"{row.width}x{row.height}" for row in rows})
        shown = ", ".join(sizes[:2]) + (f", {len(sizes) - 2} more" if len(sizes) > 2 else "")
        counts = " | ".join(str(by_split[split]) for split in SPLITS)
        rates = _span([row.kbit_per_second for row in rows])
        yield f"| {markdown(label)} | {counts} | {' | '.join(ranges)} | {shown} | {rates} |"


def _span(values: Sequence[float]) -> str:
    """Smallest, median and largest."""
    if not values:
        return ""
    low, middle, high = min(values), float(np.median(values)), max(values)
    return f"{low:.3g}" if low == high else f"{low:.3g} / {middle:.3g} / {high:.3g}"


def _list(title: str, items: Sequence[str], *, listed: int = _LISTED) -> list[str]:
    if not items:
        return []
    more = [f"- and {len(items) - listed} more"] if len(items) > listed else []
    return [f"## {title}", "", *(f"- {item}" for item in items[:listed]), *more, ""]


class _Shortener:
    """Paths without what all of them begin with, fit for a table."""

    def __init__(self, videos: Sequence[str]) -> None:
        folders = {os.path.dirname(video) for video in videos}  # noqa: PTH120 - of texts
        try:
            self._start = os.path.commonpath(folders)
        except ValueError:  # some absolute, some not
            self._start = ""

    def __call__(self, video: str) -> str:
        return markdown(os.path.relpath(video, self._start) if self._start else video)
