"""The video that a film is made from, opened by PyAV once more for what is not in its frames: sound and colour tags."""

from __future__ import annotations

import math
from contextlib import suppress
from fractions import Fraction
from typing import Any

from vidcls.video.film import choose_film
from vidcls.video.http_file import check_http, close_http, opened_for_reading
from vidcls.video.optional import require_pyav
from vidcls.video.protocols import protocol_whitelist
from vidcls.video.source import OPEN_SECONDS, READ_SECONDS, VideoSource, openable, source_name

# FFmpeg's AVCOL_SPC_SMPTE170M, AVCOL_PRI_SMPTE170M and AVCOL_TRC_SMPTE170M, in that order: what RGB is converted by.
_CONVERTED = (6, 6, 6)


class NoOriginal:
    """Stands for an `Original` where a film's pictures were painted: no sound, square pixels, RGB's own colours."""

    container: Any = None
    sound: Any = None
    first_pts = 0.0
    colour_tags = _CONVERTED
    name = ""

    def pixel_aspect(self, width: int, height: int) -> Fraction:  # noqa: ARG002 - they are square in every size
        """How much wider than high each pixel is to be shown."""
        return Fraction(1)

    def check_read(self) -> None:
        """There is nothing to read."""

    def close(self) -> None:
        """There is nothing to let go of."""


class Original:
    """An open container at its beginning.

    name: the video's, for messages: without a URL's password. container: PyAV's. film, sound: its streams; `sound` is
    the one that FFmpeg holds for the best, None where there is none. first_pts: seconds of the container's clock at
    which the first frame is shown.
    colour_tags: (colorspace, color_primaries, color_trc), which say how players are to show a film's pixels. Frames
    became RGB by one and the same formula, whatever the tags said, and become a film's pixels by its inverse; so these
    are the video's own again, and its own tags are right for them.
    """

    def __init__(self, source: VideoSource) -> None:
        self._source, self._pyav = source, require_pyav()
        self.name = source_name(source)
        video = self._pyav.PyAVVideo(source)
        self.first_pts = video.first_pts if math.isfinite(video.first_pts) else 0.0
        video.close()
        self._open()
        self.colour_tags = self._colour_tags()
        self.close()
        self._open()  # as no packet of it was read

    def _open(self) -> None:
        opened = openable(self._source)
        self._opened = opened_for_reading(opened, name=self.name, open_seconds=OPEN_SECONDS)
        self.container: Any = self._pyav.av.open(
            self._opened,
            timeout=(OPEN_SECONDS, READ_SECONDS),
            metadata_errors="replace",
            options={"protocol_whitelist": protocol_whitelist(opened)},
        )
        self.film: Any = choose_film(self.container, self.name)
        self.sound: Any = self.container.streams.best("audio")

    def _colour_tags(self) -> tuple[int, int, int]:
        codec = self.film.codec_context
        with suppress(self._pyav.av.FFmpegError):
            next(self.container.decode(self.film), None)  # some say it in their frames alone
        if codec.format is not None and codec.format.is_rgb:
            return _CONVERTED
        return int(codec.colorspace), int(codec.color_primaries), int(codec.color_trc)

    def pixel_aspect(self, width: int, height: int) -> Fraction:
        """How much wider than high each pixel of upright frames of that size is to be shown."""
        codec = self.film.codec_context
        aspect = self.film.sample_aspect_ratio or codec.sample_aspect_ratio or Fraction(1)
        is_turned = (codec.width, codec.height) == (height, width) != (width, height)
        return 1 / aspect if is_turned else aspect

    def check_read(self) -> None:
        """Raise VideoError where its server broke off, and what was read last was not the end."""
        check_http(self._opened, name=self.name)

    def close(self) -> None:
        """Let go of the file."""
        self.container.close()
        close_http(self._opened)
