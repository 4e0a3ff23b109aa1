"""A picture of a timeline: thumbnails over time, and below them a band per label."""

from __future__ import annotations

import errno
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from vidcls.errors import ArgumentError
from vidcls.figures.letters import font, spelled
from vidcls.temporal.record import Record
from vidcls.temporal.timeline import Segment, clock

WIDTH = 1600  # px, of the whole picture
THUMBNAILS = 10
HIGHEST_THUMBNAIL = 180  # px
MARGIN = 16
ROW = 30  # px, height of a label's band
TEXT = 15  # px

# Distinct to people with any kind of colour vision (Okabe and Ito's palette, without black and yellow).
COLOURS = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233), (230, 159, 0))
INK, FAINT, PAPER = (40, 40, 40), (225, 225, 225), (255, 255, 255)
NOTHING_KNOWN = (240, 240, 240)  # behind a stretch in which nothing known happens

# Seconds between marks on the time axis, of which the first is taken that leaves no more than 12.
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)


class Thumbnails:
    """Small pictures from the middles of THUMBNAILS equal parts of a video, kept while its records go by.

    pictures: as many or fewer, each the first one at or after its time.
    """

    def __init__(self, *, duration: float) -> None:
        self._times = [duration * (number + 0.5) / THUMBNAILS for number in range(THUMBNAILS)]
        self._newest: Image.Image | None = None
        self._pictures: list[Image.Image] = []

    def add(self, record: Record) -> None:
        """Take the next record's picture, where it is the first of its part."""
        self._newest = _thumbnail(record.picture)
        while len(self._pictures) < THUMBNAILS and record.prediction.timestamps.max() >= self._next_time:
            self._pictures.append(self._newest)

    @property
    def pictures(self) -> list[Image.Image]:
        """One per part; parts after the last record show its picture."""
        missing = THUMBNAILS - len(self._pictures)
        return self._pictures + ([self._newest] * missing if self._newest is not None else [])

    @property
    def _next_time(self) -> float:
        return self._times[len(self._pictures)]


def check_format(path: Path) -> None:
    """Raise unless a picture can be written under this name.

    Raises:
        ValueError: no format that Pillow writes in colour has this ending; some it only reads.
        FileNotFoundError: there is no such folder.
    """
    kind = Image.registered_extensions().get(path.suffix.lower())
    try:
        Image.new("RGB", (ROW, ROW)).save(io.BytesIO(), kind or "")
    except (KeyError, OSError, ValueError):
        raise ArgumentError(f"{path}: no format of pictures has this ending; end the name in .png") from None
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder to write it to", str(path))


def write_timeline(
    path: Path, found: Sequence[Segment], *, labels: Sequence[str], duration: float, thumbnails: Sequence[Image.Image]
) -> None:
    """Draw segments and thumbnails to `path`; the format follows from its ending.

    Args:
        found: the segments; of the labels, only those that occur get a band. Behind a stretch in which nothing known
            happens, the picture is grey.
        labels: the model's labels, in whose order the bands stand.
        duration: of the video, in seconds.
        thumbnails: spread evenly over the video.

    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from vidcls import Segment
    >>> from vidcls.figures.timeline import write_timeline
    >>> found = [Segment(start=0.0, end=4.0, label="clap", score=0.9)]
    >>> thumbnails = [Image.new("RGB", (80, 60))]
    >>> write_timeline(Path("timeline.png"), found, labels=["clap"], duration=4.0, thumbnails=thumbnails)
    """
    shown = [label for label in labels if any(segment.label == label for segment in found)]
    names = [spelled(label) for label in shown]
    text = font(TEXT, texts=names)
    left = MARGIN + round(max((text.getlength(name) for name in names), default=0)) + MARGIN
    scale = (WIDTH - MARGIN - left) / duration if duration > 0 else 0.0
    top = MARGIN + max(picture.height for picture in thumbnails) + MARGIN
    bottom = top + ROW * max(1, len(shown))
    canvas = Image.new("RGB", (WIDTH, bottom + 2 * MARGIN + TEXT), PAPER)
    draw = ImageDraw.Draw(canvas)
    part = (WIDTH - MARGIN - left) / len(thumbnails)
    for number, picture in enumerate(thumbnails):
        canvas.paste(picture, (round(left + part * (number + 0.5) - picture.width / 2), MARGIN))
    for segment in found:
        if not segment.known:
            draw.rectangle((left + segment.start * scale, top, left + segment.end * scale, bottom), NOTHING_KNOWN)
    _draw_ticks(draw, text, duration=duration, left=left, scale=scale, top=top, bottom=bottom)
    for row, (label, name) in enumerate(zip(shown, names, strict=True)):
        middle = top + ROW * row + ROW // 2
        draw.line((left, middle, WIDTH - MARGIN, middle), FAINT)
        draw.text((left - MARGIN // 2, middle), name, INK, text, anchor="rm")
        for segment in found:
            if segment.label == label:
                _draw_segment(draw, segment, left + segment.start * scale, left + segment.end * scale, middle, row)
    canvas.save(path)


def _draw_ticks(
    draw: ImageDraw.ImageDraw,
    text: ImageFont.FreeTypeFont,
    *,
    duration: float,
    left: float,
    scale: float,
    top: float,
    bottom: float,
) -> None:
    """Lines from `top` to `bottom` with the time below them; `scale` is in px per second."""
    tick = next((step for step in TICKS if duration / step <= 12), TICKS[-1])
    for number in range(int(duration / tick) + 1):
        x = left + number * tick * scale
        draw.line((x, top, x, bottom + 4), FAINT)
        draw.text((x, bottom + 8), clock(number * tick, digits=1 if tick < 1 else 0), INK, text, anchor="ma")


def _draw_segment(
    draw: ImageDraw.ImageDraw, segment: Segment, start: float, end: float, middle: float, row: int
) -> None:
    """A bar, the paler the less probable, with the probability on it where there is room."""
    colour = np.array(COLOURS[row % len(COLOURS)])
    mixed = colour * segment.score + np.array(PAPER) * (1 - segment.score)
    box = (start, middle - ROW // 2 + 3, max(end - 1, start + 1), middle + ROW // 2 - 3)
    draw.rectangle(box, tuple(int(value) for value in mixed), tuple(int(value) for value in colour))
    score, small = f"{segment.score:.2f}", font(TEXT - 2, texts=[])
    if small.getlength(score) + 6 < end - start:
        ink = PAPER if mixed.mean() < 140 else INK
        draw.text(((start + end) / 2, middle), score, ink, small, anchor="mm")


def _thumbnail(picture: npt.NDArray[np.uint8]) -> Image.Image:
    """No wider than its part of the picture, and no higher than HIGHEST_THUMBNAIL."""
    widest = (WIDTH - 10 * MARGIN) // THUMBNAILS - 4
    height, width = picture.shape[:2]
    scale = min(widest / width, HIGHEST_THUMBNAIL / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR, reducing_gap=2)
