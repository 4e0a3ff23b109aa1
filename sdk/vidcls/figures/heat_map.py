"""What an answer hangs on, as a picture: the frames that the model is given, with an explanation's map on them."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from vidcls.explanation.explanation import Explanation
from vidcls.figures.animation import write_animation
from vidcls.figures.letters import Colour, line, line_height

PICTURE_ENDINGS = (".gif", ".webp", ".png")
# Long enough to be looked at, however many frames a second the model is given.
FRAME_SECONDS = 0.5

_PANEL = 320  # px, the side of a frame as it is shown, at least
_MARGIN = 12
_TEXT = 14
_COLUMNS = 4  # of a sheet of all frames
_BLACK: Colour = (0, 0, 0)
# From little to much: orange to pale yellow, lighter throughout, which every kind of colour vision sees apart from the
# grey below (Okabe, Ito, "Color Universal Design", 2008).
_LITTLE = np.array((213, 94, 0), np.float32)
_MUCH = np.array((255, 245, 150), np.float32)
# The picture below the map keeps so much of its light, so that the map stands out on white as well.
_DIMMED = 0.6
_OPAQUE = 0.9


def write_picture(explanation: Explanation, path: Path) -> None:
    """Write an explanation as an animation (.gif, .webp), or as one sheet of all frames (.png).

    On the left what the model is given; on the right the same in grey, with the map in orange, the lighter the more.
    Frames stand for half a second each. A video is written by `vidcls.annotation.explained`.

    Raises:
        ValueError: the path has another ending.
        OSError: the file cannot be written.

    >>> from pathlib import Path
    >>> from vidcls.figures.heat_map import write_picture
    >>> explanation = VideoClassifier("model.onnx").explain("clip.avi", runs=150)
    >>> write_picture(explanation, Path("why.gif"))
    """
    if path.suffix.lower() == ".png":
        Image.fromarray(sheet(explanation)).save(path)
    else:
        pictures = explained_frames(explanation)
        write_animation(pictures, path, seconds=FRAME_SECONDS * len(pictures))


def explained_frames(explanation: Explanation) -> npt.NDArray[np.uint8]:
    """What a video or an animation shows, frame by frame: uint8 RGB [T, height, width, 3].

    >>> from vidcls.figures.heat_map import explained_frames
    >>> explained_frames(VideoClassifier("model.onnx").explain("clip.avi", runs=150)).shape[0]
    4
    """
    shown, heated = _shown(explanation), _heated(explanation)
    pairs = [np.concatenate([left, right], axis=1) for left, right in zip(shown, heated, strict=True)]
    times = [_time(explanation, number) for number in range(len(pairs))]
    return np.stack([_captioned(pair, explanation, below=time) for pair, time in zip(pairs, times, strict=True)])


def sheet(explanation: Explanation) -> npt.NDArray[np.uint8]:
    """All frames with the map on them, four in a row: uint8 RGB [height, width, 3].

    >>> from vidcls.figures.heat_map import sheet
    >>> sheet(VideoClassifier("model.onnx").explain("clip.avi", runs=150)).shape[2]
    3
    """
    heated = list(_heated(explanation))
    for number, picture in enumerate(heated):
        _write(picture, _time(explanation, number), x=6, y=4, width=picture.shape[1] - 12, colour=(255, 255, 255))
    columns = min(_COLUMNS, len(heated))
    heated += [np.full_like(heated[0], 255)] * (-len(heated) % columns)
    rows = [np.concatenate(heated[start : start + columns], axis=1) for start in range(0, len(heated), columns)]
    return _captioned(np.concatenate(rows), explanation, below="")


def _shown(explanation: Explanation) -> list[npt.NDArray[np.uint8]]:
    """The frames, large enough for text beside them."""
    scale = _scale(explanation)
    size = explanation.frames.shape[1] * scale
    return [
        np.asarray(cv2.resize(frame, (size, size), interpolation=cv2.INTER_NEAREST)) for frame in explanation.frames
    ]


def _scale(explanation: Explanation) -> int:
    size: int = explanation.frames.shape[1]
    return max(1, math.ceil(_PANEL / size))


def _heated(explanation: Explanation) -> list[npt.NDArray[np.uint8]]:
    scale = _scale(explanation)
    size = explanation.frames.shape[1] * scale
    found = []
    for frame, importance in zip(_shown(explanation), explanation.importance, strict=True):
        heat = cv2.resize(importance, (size, size), interpolation=cv2.INTER_LINEAR)
        found.append(_coloured(frame, np.asarray(heat)))
    return found


def _coloured(frame: npt.NDArray[np.uint8], heat: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[..., None] * np.float32(_DIMMED)
    share = heat[..., None]
    colour = _LITTLE + (_MUCH - _LITTLE) * share
    return np.asarray(np.rint(grey + (colour - grey) * share * _OPAQUE).astype(np.uint8))


def _time(explanation: Explanation, number: int) -> str:
    if len(explanation.timestamps):
        return f"{explanation.timestamps[number]:.2f} s"
    return f"frame {number + 1} of {len(explanation.frames)}"


def _captioned(picture: npt.NDArray[np.uint8], explanation: Explanation, *, below: str) -> npt.NDArray[np.uint8]:
    """The picture between what it explains, and the legend with what can be believed."""
    width = picture.shape[1] + 2 * _MARGIN
    row = line_height(_TEXT) + 4
    letters = max(20, round(picture.shape[1] / (_TEXT * 0.55)))
    sentences = [f"highest {explanation.place}", explanation.belief.sentence(), *([below] if below else [])]
    texts = [text for sentence in sentences for text in textwrap.wrap(sentence, letters)]
    top = 2 * row + _MARGIN
    canvas = np.full((top + picture.shape[0] + (len(texts) + 1) * row + 2 * _MARGIN, width, 3), 255, np.uint8)
    known = "" if explanation.prediction.known else ", not known"
    heading = f"{explanation.label} {explanation.score:.2f}{known}"
    _write(canvas, heading, x=_MARGIN, y=_MARGIN // 2, width=width - 2 * _MARGIN, colour=_BLACK, size=20)
    canvas[top : top + picture.shape[0], _MARGIN:-_MARGIN] = picture
    y = top + picture.shape[0] + _MARGIN // 2
    _write_legend(canvas, y=y, row=row)
    for number, text in enumerate(texts, start=1):
        _write(canvas, text, x=_MARGIN, y=y + number * row, width=width - 2 * _MARGIN, colour=_BLACK)
    even = canvas[: canvas.shape[0] // 2 * 2, : canvas.shape[1] // 2 * 2]  # as encoders of video want it
    return np.ascontiguousarray(even)


def _write_legend(canvas: npt.NDArray[np.uint8], *, y: int, row: int) -> None:
    steps = np.linspace(0, 1, 120, dtype=np.float32)
    bar = _coloured(np.full((row - 8, 120, 3), 128, np.uint8), np.tile(steps, (row - 8, 1)))
    canvas[y + 4 : y + row - 4, _MARGIN : _MARGIN + 120] = bar
    text = "from no part in the answer to the most"
    _write(canvas, text, x=_MARGIN + 128, y=y, width=canvas.shape[1] - 2 * _MARGIN - 128, colour=_BLACK)


def _write(
    canvas: npt.NDArray[np.uint8], text: str, *, x: int, y: int, width: int, colour: Colour, size: int = _TEXT
) -> None:
    written = line(text, size=size, width=width, colour=colour)
    region = canvas[y : y + written.height, x : x + written.width]
    below = Image.fromarray(np.ascontiguousarray(region))
    below.paste(written, (0, 0), written)
    region[:] = np.asarray(below)
