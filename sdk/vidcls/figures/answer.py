"""What the model says of a frame, drawn on it: for people who watch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from vidcls.errors import ArgumentError
from vidcls.figures.letters import Colour, line, line_height, line_width
from vidcls.prediction import Prediction
from vidcls.temporal.record import Record
from vidcls.temporal.timeline import Segment, clock

NOTHING_KNOWN = "nothing known"
TOP = 3

# Text takes such a share of the picture's shorter side, so that it can be read on a telephone as well.
_TEXT_SHARE = 1 / 24
_LEAST_TEXT = 10  # px
_PANEL_EMS = 18  # and wider where a label is longer
# Below text the picture keeps a quarter of its light (>> 2): at most 63 of 255, on which white has a contrast of 10:1.
_DARKER_BITS = 2
_TEXT: Colour = (255, 255, 255)
_FAINT: Colour = (200, 200, 200)
_BAR: Colour = (86, 180, 233)
_FAINT_BAR: Colour = (150, 150, 150)

Box = tuple[int, int, int, int]


class _Row(NamedTuple):
    """A label and its bar. score: 0 to 1; None has no bar."""

    text: str
    score: float | None
    size: int
    colour: Colour
    bar: Colour


def draw(
    frame: npt.NDArray[np.uint8],
    answer: Record | Prediction | None,
    *,
    segments: Sequence[Segment] | None = None,
    status: str = "",
    boxes: Sequence[Box] = (),
) -> npt.NDArray[np.uint8]:
    """Draw what the model says on a frame: label, probabilities as bars, time; in sizes that follow the picture's.

    Examples:
        >>> prediction = VideoClassifier("model.onnx").predict("clip.avi")
        >>> frame = np.zeros((240, 320, 3), np.uint8)
        >>> draw(frame, prediction, status="front door").shape
        (240, 320, 3)

    In the upper left corner stands what the frame shows, or "nothing known", with the three most probable labels; at
    the bottom a line with `status`, the time of the window, and how late the answer of a live stream is. Where there is
    no room for a line, it is left out; of a text too long for its line, the end is.

    Args:
        frame: uint8 RGB [H, W, 3]; stays as it is.
        answer: of a stream, or of one video; None before the first.
        segments: those of a timeline that the frame lies in, which then say what it shows and from when to when; the
            probabilities are still the answer's. None: the answer says that too.
        status: what else is to be said, such as the camera's name, or that it is lost.
        boxes: (left, top, right, bottom) in pixels, what the model is given of the picture; each gets a thin frame.

    Returns:
        uint8 RGB [H, W, 3], a new array.

    Raises:
        TypeError: the frame is not a uint8 array.
        ValueError: the frame is of another shape.
    """
    _check(frame)
    drawn = np.array(frame)  # in rows, whatever the frame's layout
    height, width = drawn.shape[:2]
    size = max(_LEAST_TEXT, round(min(height, width) * _TEXT_SHARE))
    for box in boxes:
        _draw_box(drawn, box, thickness=max(1, size // 12))
    _write_below(drawn, ", ".join(part for part in (status, *_facts(answer, segments or ())) if part), size=size)
    if answer is not None:
        prediction = answer.prediction if isinstance(answer, Record) else answer
        _write_panel(drawn, _rows(prediction, _shown(prediction, segments), size=size), size=size)
    return drawn


def _check(frame: npt.NDArray[np.uint8]) -> None:
    if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8:
        kind = frame.dtype if isinstance(frame, np.ndarray) else type(frame).__name__
        raise TypeError(f"the frame is {kind}, expected a NumPy array of uint8 RGB [height, width, 3]")
    if frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
        raise ArgumentError(f"the frame has the shape {list(frame.shape)}, expected uint8 RGB [height, width, 3]")


def _shown(prediction: Prediction, segments: Sequence[Segment] | None) -> tuple[str, ...]:
    """The labels of what a frame shows; none where nothing known happens."""
    if segments is None:
        return prediction.labels_present
    return tuple(segment.label for segment in segments if segment.label is not None)


def _facts(answer: Record | Prediction | None, segments: Sequence[Segment]) -> list[str]:
    """The time of what is shown; of a stream, how late the answer is and how long nothing came before it."""
    if answer is None:
        return []
    windows = [answer.window] if isinstance(answer, Record) else answer.windows
    if len(segments) == 1:
        windows = [(segments[0].start, segments[0].end)]
    facts = [f"{clock(windows[0][0], digits=1)} to {clock(windows[-1][1], digits=1)}"] if windows else []
    if isinstance(answer, Record):
        facts += [f"lag {answer.lag_seconds:.1f} s"] if answer.lag_seconds else []
        facts += [f"after {answer.gap_seconds:.1f} s without a picture"] if answer.gap_seconds else []
    return facts


def _rows(prediction: Prediction, present: tuple[str, ...], *, size: int) -> list[_Row]:
    """What it shows, large; below it the labels that are the next most probable."""
    top = prediction.top(TOP)
    large = round(1.4 * size)
    if not present:
        below = [_Row(label, score, size, _FAINT, _FAINT_BAR) for label, score in top]
        return [_Row(NOTHING_KNOWN, None, large, _FAINT, _FAINT_BAR), *below]
    score = _probability(prediction, present[0]) if len(present) == 1 else None
    others = [(label, score) for label, score in top if present != (label,)]
    return [
        _Row(", ".join(present), score, large, _TEXT, _BAR),
        *(_Row(label, score, size, _TEXT, _BAR) for label, score in others[: TOP - 1 if score is not None else TOP]),
    ]


def _probability(prediction: Prediction, label: str) -> float:
    return float(prediction.probabilities[prediction.labels.index(label)])


def _write_panel(drawn: npt.NDArray[np.uint8], rows: Sequence[_Row], *, size: int) -> None:
    """As many rows as there is room for in the upper half."""
    pad, bar = size // 2, max(2, size // 6)
    room = drawn.shape[0] // 2 - pad
    shown: list[tuple[int, _Row]] = []
    y = pad
    for row in rows:
        end = y + line_height(row.size) + (0 if row.score is None else 3 * bar)
        if end > room:
            break
        shown.append((y, row))
        y = end
    widest = max((_row_width(row, pad=pad) for _, row in shown), default=0)
    width = min(drawn.shape[1], max(_PANEL_EMS * size, widest) + 2 * pad)
    if not shown or width <= 4 * pad:
        return
    region = drawn[: y + pad, :width]
    panel = Image.fromarray(np.ascontiguousarray(region >> _DARKER_BITS))
    for y, row in shown:
        _write_row(panel, row, y=y, pad=pad, bar=bar)
    region[:] = np.asarray(panel)


def _row_width(row: _Row, *, pad: int) -> int:
    number = 0 if row.score is None else line_width(f"{row.score:.2f}", size=row.size) + pad
    return line_width(row.text, size=row.size) + number


def _write_row(panel: Image.Image, row: _Row, *, y: int, pad: int, bar: int) -> None:
    room = panel.width - 2 * pad
    if row.score is not None:
        number = line(f"{row.score:.2f}", size=row.size, width=room, colour=row.colour)
        panel.paste(number, (pad + room - number.width, y), number)
        room -= number.width + pad
    text = line(row.text, size=row.size, width=room, colour=row.colour)
    panel.paste(text, (pad, y), text)
    if row.score is not None:
        top, length = y + line_height(row.size) + bar, panel.width - 2 * pad
        pen = ImageDraw.Draw(panel)
        pen.rectangle((pad, top + bar // 2, pad + length - 1, top + bar // 2), _FAINT_BAR)
        if round(length * row.score) > 0:
            pen.rectangle((pad, top, pad + round(length * row.score) - 1, top + bar - 1), row.bar)


def _write_below(drawn: npt.NDArray[np.uint8], text: str, *, size: int) -> None:
    """A line at the bottom, where that leaves two thirds of the picture."""
    pad = size // 2
    room = line_height(size) + 2 * (pad // 2)
    if not text or drawn.shape[0] < 3 * room or drawn.shape[1] <= 4 * pad:
        return
    region = drawn[-room:]
    region >>= _DARKER_BITS
    written = line(text, size=size, width=drawn.shape[1] - 2 * pad, colour=_TEXT)
    part = region[pad // 2 :, pad : pad + written.width]
    below = Image.fromarray(np.ascontiguousarray(part))
    below.paste(written, (0, 0), written)
    part[:] = np.asarray(below)


def _draw_box(drawn: npt.NDArray[np.uint8], box: Box, *, thickness: int) -> None:
    """White between black, which shows on any picture; what of it lies outside of the picture is left out."""
    height, width = drawn.shape[:2]
    left, top, right, bottom = max(0, box[0]), max(0, box[1]), min(width, box[2]), min(height, box[3])
    for inset, value in ((0, 0), (thickness, 255), (2 * thickness, 0)):
        rows, columns = slice(top + inset, max(top, bottom - inset)), slice(left + inset, max(left, right - inset))
        inside = drawn[rows, columns]
        for edge in (inside[:thickness], inside[-thickness:], inside[:, :thickness], inside[:, -thickness:]):
            edge[:] = value
