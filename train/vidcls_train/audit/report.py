"""What the checks of the data found, as text, JSON and a picture."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from PIL import Image

from vidcls.figures.contact_sheet import Strip, contact_sheet
from vidcls.video.reader import iter_frames, read_times
from vidcls_train.audit.findings import ClipPair, DataReport
from vidcls_train.data.sources import SPLITS

REPORT_NAME = "data-report"

_LISTED = 30
_PAIRS_DRAWN = 6
_FRAMES_DRAWN = 8
_LEGEND_ENTRIES = 20
_LARGEST_INCHES = 30.0
_COLOURS = {"train": "tab:blue", "val": "tab:orange", "test": "tab:green"}


def write_data_report(report: DataReport, folder: Path) -> None:
    """Write data-report.md, data-report.json and data-report.png into `folder`."""
    fields = json.dumps(dataclasses.asdict(report), ensure_ascii=False, indent=1)
    # Names of files may hold bytes that are not UTF-8.
    (folder / f"{REPORT_NAME}.json").write_text(fields + "\n", encoding="utf-8", errors="replace")
    (folder / f"{REPORT_NAME}.md").write_text(report_text(report), encoding="utf-8", errors="replace")
    write_data_picture(report, folder / f"{REPORT_NAME}.png")


def report_text(report: DataReport) -> str:
    """The report as Markdown."""
    lines = [f"# {report.data}", ""]
    for level, title in (("stop", "Stops"), ("warning", "Warnings"), ("note", "Notes")):
        found = [finding for finding in report.findings if finding.level == level]
        if found:
            lines += [f"## {title}", "", *(f"- {finding.what}. *{finding.mend}.*" for finding in found), ""]
    if not report.findings:
        lines += ["Nothing to remark.", ""]
    how = "made here, by groups of footage" if report.split_here else "those of the data"
    lines += [
        "## Clips",
        "",
        f"Splits: {how}; {report.groups} groups of footage.",
        "",
        f"| label | {' | '.join(SPLITS)} | seconds | frames/s | pixels | kbit/s |",
        f"|---|{'---:|' * len(SPLITS)}---|---|---|---|",
        *_label_rows(report),
        "",
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
                for pair in _worst_first(report.pairs)[:_LISTED]
            ),
            "",
            ", ".join(f"{count} pairs of the {kind}" for kind, count in sorted(report.pair_counts.items()))
            + " in all.",
            "",
        ]
    for title, videos in (("Shorter than the window", report.short), ("End early", report.truncated)):
        lines += _list(title, [place(video) for video in videos])
    lines += _list("Unreadable", [_cell(row["message"]) for row in report.unreadable], listed=len(report.unreadable))
    return "\n".join(lines)


def write_data_picture(report: DataReport, path: Path) -> None:
    """Draw clips per label and split, their encodings, and the pairs of clips that matter most."""
    labels = list(report.counts)
    figure = Figure(figsize=(13, min(max(4.0, 1.2 + 0.24 * len(labels)), _LARGEST_INCHES)), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    _draw_counts(report, labels, left)
    _draw_encodings(report, labels, right)
    canvas.draw()  # type: ignore[no-untyped-call]
    drawn = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    parts = [Image.fromarray(drawn).convert("RGB")]
    pairs = _worst_first(report.pairs)
    if pairs:
        strips = [strip for pair in pairs[:_PAIRS_DRAWN] for strip in _strips(pair)]
        total = sum(report.pair_counts.values())
        title = f"Clips that are not independent: {total} pairs, of which these"
        parts.append(contact_sheet(strips, title=title if total > _PAIRS_DRAWN else "Clips that are not independent"))
    sheet = Image.new("RGB", (max(part.width for part in parts), sum(part.height for part in parts)), "white")
    top = 0
    for part in parts:
        sheet.paste(part, (0, top))
        top += part.height
    sheet.save(path)


def _label_rows(report: DataReport) -> Iterable[str]:
    for label, by_split in report.counts.items():
        rows = [row for row in report.clips if row.label == label]
        ranges = [_span([getattr(row, name) for row in rows]) for name in ("seconds", "frame_rate")]
        sizes = sorted({f"{row.width}x{row.height}" for row in rows})
        shown = ", ".join(sizes[:2]) + (f", {len(sizes) - 2} more" if len(sizes) > 2 else "")
        counts = " | ".join(str(by_split[split]) for split in SPLITS)
        rates = _span([row.kbit_per_second for row in rows])
        yield f"| {_cell(label)} | {counts} | {' | '.join(ranges)} | {shown} | {rates} |"


def _span(values: Sequence[float]) -> str:
    """Smallest, median and largest."""
    if not values:
        return ""
    low, middle, high = min(values), float(np.median(values)), max(values)
    return f"{low:.3g}" if low == high else f"{low:.3g} / {middle:.3g} / {high:.3g}"


def _worst_first(pairs: Sequence[ClipPair]) -> list[ClipPair]:
    """Across splits before within one, train against the rest first; then as they are, the surest first."""
    return sorted(pairs, key=lambda pair: (pair.splits[0] == pair.splits[1], "train" not in pair.splits))


def _list(title: str, items: Sequence[str], *, listed: int = _LISTED) -> list[str]:
    if not items:
        return []
    more = [f"- and {len(items) - listed} more"] if len(items) > listed else []
    return [f"## {title}", "", *(f"- {item}" for item in items[:listed]), *more, ""]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


class _Shortener:
    """Paths without what all of them begin with, fit for a table."""

    def __init__(self, videos: Sequence[str]) -> None:
        folders = {os.path.dirname(video) for video in videos}  # noqa: PTH120 - of texts
        try:
            self._start = os.path.commonpath(folders)
        except ValueError:  # some absolute, some not
            self._start = ""

    def __call__(self, video: str) -> str:
        return _cell(os.path.relpath(video, self._start) if self._start else video)


def _draw_counts(report: DataReport, labels: Sequence[str], axes: Axes) -> None:
    start = np.zeros(len(labels))
    for split in SPLITS:
        counts = np.array([report.counts[label][split] for label in labels])
        axes.barh(range(len(labels)), counts, left=start, color=_COLOURS[split], label=f"{split} {counts.sum()}")
        start += counts
    for row, label in enumerate(labels):
        if not report.counts[label]["train"]:
            axes.text(start[row], row, " none in train", va="center", color="tab:red")
    axes.set_yticks(range(len(labels)), [_shortened(label) for label in labels], parse_math=False)
    axes.invert_yaxis()
    axes.set(xlabel="readable clips", title="clips per label and split")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=len(SPLITS))  # else it covers bars


def _draw_encodings(report: DataReport, labels: Sequence[str], axes: Axes) -> None:
    colours = mpl.colormaps["tab20" if len(labels) > 10 else "tab10"]
    for number, label in enumerate(labels):
        rows = [row for row in report.clips if row.label == label and row.seconds > 0]
        axes.scatter(
            [row.seconds for row in rows],
            [row.kbit_per_second for row in rows],
            s=14,
            alpha=0.7,
            color=colours(number % colours.N),
            label=_shortened(label),
        )
    axes.set(xscale="log", yscale="log", xlabel="seconds", ylabel="kbit/s", title=_encoding_title(report))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())  # its labels run into each other
    axes.grid(alpha=0.3)
    if len(labels) <= _LEGEND_ENTRIES:
        legend = axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
        for text in legend.get_texts():
            text.set_parse_math(False)


def _encoding_title(report: DataReport) -> str:
    if report.encoding is None:
        return "encodings"
    guess = report.encoding
    return f"encodings: they tell {guess.accuracy:.0%} of labels (most frequent label {guess.majority:.0%})"


def _strips(pair: ClipPair) -> Iterable[Strip]:
    """Both clips of a pair below each other."""
    for line, (video, split, label) in enumerate(zip(pair.videos, pair.splits, pair.labels, strict=True)):
        about = f"{pair.kind} (motion {pair.motion:.2f}): " if line == 0 else "    and "
        count = len(read_times(video))
        picks = sorted({round(index * (count - 1) / (_FRAMES_DRAWN - 1)) for index in range(_FRAMES_DRAWN)})
        yield Strip(
            caption=f"{about}{split} / {_shortened(label)} / {_shortened(Path(video).name)}",
            frames=np.stack(list(iter_frames(video, picks))),
        )


def _shortened(label: str) -> str:
    return label if len(label) <= 32 else f"{label[:20]}...{label[-9:]}"
