"""Annotated copies of many videos in one folder, each with the one answer that was given to it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from vidcls.annotation.annotate import Written, write_drawn
from vidcls.annotation.formats import is_same_file
from vidcls.errors import VideoError
from vidcls.figures.answer import draw
from vidcls.prediction import Prediction
from vidcls.progress import Track, untracked
from vidcls.video.reader import Decoder
from vidcls.video.source import VideoSource, is_live, is_url, source_name

# Bytes of a name, so that a number and an ending still fit into the 143 that an encrypted file system takes.
_LONGEST_NAME = 100
# What a name may not hold on one system or another, and what a file may not be called on Windows.
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]')


class Copies:
    """A folder of annotated copies, `<name>-annotated.mp4` and, where two videos have one name, `-annotated-2.mp4`."""

    def __init__(self, folder: Path, videos: Iterable[int | VideoSource] = ()) -> None:
        """Take a folder, which is made with the first copy.

        Args:
            folder: what is not a copy stays as it is, and so do `videos`.
            videos: that may lie in it; one that is added is among them of itself.
        """
        self._folder, self._videos = folder, list(videos)
        self._given: set[str] = set()

    def add(
        self,
        video: int | VideoSource,
        prediction: Prediction,
        *,
        decoder: Decoder = "auto",
        track: Track = untracked,
    ) -> tuple[Path, Written]:
        """Write the copy of a video, on every frame of which its answer is drawn; the file's path, and what is in it.

        Raises:
            VideoError: the video cannot be decoded to its end, or is a camera, whose pictures are over.
            OSError: the copy cannot be written.
        """
        if isinstance(video, int) or is_live(video):
            raise VideoError(source_name(video), "no copy is saved of it: its pictures are over; record it first")
        path = self._path(video)
        return path, write_drawn(video, path, lambda frame, _: draw(frame, prediction), decoder=decoder, track=track)

    def _path(self, video: VideoSource) -> Path:
        name, number = plain_name(video), 1
        while True:
            path = self._folder / f"{name}-annotated{'' if number == 1 else f'-{number}'}.mp4"
            is_taken = path.name.casefold() in self._given  # also where upper case makes no other file
            if not is_taken and not any(is_same_file(path, each) for each in (*self._videos, video)):
                self._given.add(path.name.casefold())
                return path
            number += 1


def plain_name(video: VideoSource) -> str:
    """What a video is called, without folders and ending, in characters that every file system takes.

    >>> from vidcls.annotation.copies import plain_name
    >>> plain_name("clips/fall: 1.avi"), plain_name("https://example.org/a/%ED%95%9C.mp4?token=1"), plain_name("..")
    ('fall_ 1', '한', 'video')
    """
    name = source_name(video)
    if isinstance(video, str) and is_url(video):
        name = unquote(urlsplit(name).path)
    stem = Path(name).stem
    plain = _FORBIDDEN.sub("_", stem).encode("utf-8", "replace")[:_LONGEST_NAME].decode("utf-8", "ignore").strip(" .")
    return plain or "video"
