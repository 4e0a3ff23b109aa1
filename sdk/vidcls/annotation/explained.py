"""An explanation, written as a video or a picture."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vidcls.annotation.film import Shape
from vidcls.annotation.formats import CONTAINERS, check_output
from vidcls.annotation.writers import open_film
from vidcls.explanation.explanation import Explanation
from vidcls.figures.heat_map import FRAME_SECONDS, PICTURE_ENDINGS, explained_frames, write_picture
from vidcls.files.atomic import whole_files
from vidcls.video.frame_index import FrameIndex
from vidcls.video.source import VideoSource


def check_explained(path: Path, videos: Iterable[int | VideoSource]) -> None:
    """Raise, as `check_output` does, unless an explanation can be written there without a video being lost."""
    check_output(path, videos, pictures=PICTURE_ENDINGS)


def write_explanation(explanation: Explanation, path: Path) -> None:
    """Write an explanation as a video, an animation (.gif, .webp), or one sheet of all frames (.png).

    It is written whole, or not at all.

    Raises:
        ValueError: the path has another ending.
        DependencyError: only PyAV writes such a file.
        OSError: the file cannot be written.
    """
    check_explained(path, [])
    with whole_files(path.parent) as folder:
        if path.suffix.lower() in CONTAINERS:
            _write_film(explained_frames(explanation), folder / path.name)
        else:
            write_picture(explanation, folder / path.name)


def _write_film(pictures: npt.NDArray[np.uint8], path: Path) -> None:
    height, width = pictures.shape[1:3]
    times = [FRAME_SECONDS * number for number in range(len(pictures))]
    duration = FRAME_SECONDS * len(pictures)
    index = FrameIndex(times=times, duration=duration, pts_seconds=None, key_frames=[0], parts=[0])
    with closing(open_film(path, Shape(width=width, height=height, index=index), None)) as film:
        for number, picture in enumerate(pictures):
            film.add(picture, number)
        film.finish(decoded_share=1.0)
