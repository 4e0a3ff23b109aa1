"""What the checks of the data found, as a picture: clips per label, their encodings, and pairs of clips."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from PIL import Image

from vidcls.figures.contact_sheet import Strip, contact_sheet
from vidcls.sampling import stretch_frames
from vidcls.video.frame_index import FrameIndex
from vidcls.video.protocol import Frame
from vidcls.video.reader import open_video
from vidcls_train.audit.data_report import ClipPair, DataReport, worst_first
from vidcls_train.audit.letters import families, writable
from vidcls_train.data.clip_list import SPLITS, Footage
from vidcls_train.data.stored_frames import fit

_PAIRS_DRAWN = 6
_FRAMES_DRAWN = 8
_LEGEND_ENTRIES = 20
_LARGEST_INCHES = 30.0
_COLOURS = {"train": "tab:blue", "val": "tab:orange", "test": "tab:green"}


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
    pairs = worst_first(report.pairs)
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


def _draw_counts(report: DataReport, labels: Sequence[str], axes: Axes) -> None:
    start = np.zeros(len(labels))
    for split in SPLITS:
        counts = np.array([report.counts[label][split] for label in labels])
        axes.barh(range(len(labels)), counts, left=start, color=_COLOURS[split], label=f"{split} {counts.sum()}")
        start += counts
    for row, label in enumerate(labels):
        if not report.counts[label]["train"]:
            axes.text(start[row], row, " none in train", va="center", color="tab:red")
    names = [_shortened(writable(label)) for label in labels]
    axes.set_yticks(range(len(labels)), names, parse_math=False, fontfamily=families("".join(names)))
    axes.invert_yaxis()
    axes.set(xlabel="readable clips", title="clips per label and split")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=len(SPLITS))  # else it covers bars


def _draw_encodings(report: DataReport, labels: Sequence[str], axes: Axes) -> None:
    colours = mpl.colormaps["tab20" if len(labels) > 10 else "tab10"]
    for number, label in enumerate(labels):
        rows = [row for row in report.clips if label in row.labels and row.seconds > 0]
        axes.scatter(
            [row.seconds for row in rows],
            [row.kbit_per_second for row in rows],
            s=14,
            alpha=0.7,
            color=colours(number % colours.N),
            label=_shortened(writable(label)),
        )
    axes.set(xlabel="seconds", ylabel="kbit/s", title=_encoding_title(report))
    if not any(row.seconds > 0 for row in report.clips):  # then there is nothing that a log scale could show
        axes.text(0.5, 0.5, "every clip is a single frame", ha="center", va="center", transform=axes.transAxes)
        axes.set(xticks=[], yticks=[])
        return
    axes.set(xscale="log", yscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())  # its labels run into each other
    axes.grid(alpha=0.3)
    if len(labels) <= _LEGEND_ENTRIES:
        legend = axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
        for text in legend.get_texts():
            text.set_parse_math(False)
            text.set_fontfamily(families(text.get_text()))


def _encoding_title(report: DataReport) -> str:
    if report.encoding is None:
        return "encodings"
    baseline = report.encoding
    return f"encodings: they tell {baseline.accuracy:.0%} of labels (most frequent label {baseline.majority:.0%})"


def _strips(pair: ClipPair) -> Iterable[Strip]:
    """Both clips of a pair below each other."""
    for line, (video, split, label) in enumerate(zip(pair.videos, pair.splits, pair.labels, strict=True)):
        footage = Footage(Path(pair.files[line]), pair.stretches[line])
        about = f"{pair.kind} (motion {pair.motion:.2f}): " if line == 0 else "    and "
        yield Strip(
            caption=f"{about}{split} / {_shortened(label)} / {_shortened(Path(video).name)}",
            frames=_spread_frames(footage),
        )


def _spread_frames(footage: Footage) -> npt.NDArray[np.uint8]:
    """Frames spread evenly over a clip: uint8 RGB [n, H, W, 3], all of the first one's size."""

    def choose(frame_index: FrameIndex) -> list[int]:
        inside = stretch_frames(frame_index.times, footage.stretch)
        last = len(inside) - 1
        return sorted({inside[round(number * last / (_FRAMES_DRAWN - 1))] for number in range(_FRAMES_DRAWN)})

    current: FrameIndex | None = None
    frames: list[Frame] = []
    with open_video(footage.path) as reader:
        for frame_index, _, picture in reader.read_along(choose):
            if frame_index is not current:  # the first frame, or the first again where the video had to be read anew
                current = frame_index
                frames.clear()
            frames.append(picture())
    height, width = frames[0].shape[:2]
    return np.stack([fit(frame, (width, height)) for frame in frames])


def _shortened(label: str) -> str:
    return label if len(label) <= 32 else f"{label[:20]}...{label[-9:]}"
