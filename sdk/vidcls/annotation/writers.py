"""Which writer of films this machine has."""

from __future__ import annotations

from pathlib import Path

from vidcls.annotation.film import Film, Shape
from vidcls.annotation.opencv_film import OpenCVFilm
from vidcls.annotation.original import NoOriginal, Original
from vidcls.annotation.pyav_film import PyAVFilm
from vidcls.video.optional import find_pyav
from vidcls.video.source import VideoSource


def open_film(path: Path, shape: Shape, original: VideoSource | None) -> Film:
    """A film to write at a path with a video's ending: by PyAV where it is installed, else by OpenCV.

    original: the video that it is made from, for its sound, colour tags and pixel aspect; None where it is painted.

    Raises:
        OSError: it cannot be written there.
    """
    if find_pyav() is None:
        return OpenCVFilm(path, shape)
    return PyAVFilm(path, shape, NoOriginal() if original is None else Original(original))
