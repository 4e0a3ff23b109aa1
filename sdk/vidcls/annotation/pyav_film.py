"""A film as PyAV writes it: every frame at its own time, with the sound of the video that it may be made from."""

from __future__ import annotations

import errno
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

from vidcls.annotation.film import Shape, even, rounded_rate
from vidcls.annotation.formats import container_of
from vidcls.annotation.original import NoOriginal, Original
from vidcls.annotation.sound import SoundCopy
from vidcls.cpus import usable_cpus
from vidcls.errors import DependencyError
from vidcls.video.optional import require_pyav
from vidcls.video.protocol import Frame

# Ticks of a film's clock in a second; MP4 keeps them, Matroska and WebM count milliseconds.
CLOCK = 90_000
# FFmpeg's AVCOL_RANGE_MPEG.
_LIMITED_RANGE = 1
# The first of a container's encoders that PyAV has writes it, with these options: pictures that look like their
# original, at a speed that two CPUs hold. PyAV's wheels have x264; another build may not.
_H264: tuple[tuple[str, dict[str, str]], ...] = (
    ("libx264", {"crf": "20", "preset": "veryfast"}),
    ("libopenh264", {"b": "6M"}),
    ("mpeg4", {"qscale": "3"}),
)
_ENCODERS: dict[str, tuple[tuple[str, dict[str, str]], ...]] = {
    "webm": (
        ("libvpx-vp9", {"crf": "30", "b": "0", "deadline": "realtime", "cpu-used": "7", "row-mt": "1"}),
        ("libvpx", {"crf": "10", "b": "4M", "deadline": "realtime", "cpu-used": "5"}),
    )
}
# What makes a browser play a file before it has all of it.
_CONTAINER_OPTIONS = {"mp4": {"movflags": "+faststart"}, "mov": {"movflags": "+faststart"}}
# A player that is sent to another moment shows it at once.
_KEY_FRAME_SECONDS = 2


class PyAVFilm:
    """A `vidcls.annotation.film.Film` in H.264, or for WebM in VP9; no frame is reordered, so that none needs an edit.

    Its pixels are yuv420p, which everything plays; so of an odd width or height, one row or column is added.
    """

    def __init__(self, path: Path, shape: Shape, original: Original | NoOriginal) -> None:
        self._av, self._path = require_pyav().av, path
        kind = container_of(path)
        self._original = original
        options = _CONTAINER_OPTIONS.get(kind, {})
        self._container: Any = self._av.open(str(path), "w", format=kind, options=options)
        self._stream = self._add_stream(kind, shape)
        self._sound = SoundCopy(self._original, self._container, container=kind, av=self._av)
        self.sound = self._sound.kind
        self._times = shape.index.times
        ends = [*shape.index.times[1:], shape.index.duration]
        self._ticks = [round(time * CLOCK) for time in (*self._times, ends[-1])]

    def add(self, frame: Frame, number: int) -> None:
        """Encode it, and write the sound that is heard before it."""
        with self._writing():
            self._add(frame, number)

    def finish(self, *, decoded_share: float) -> None:
        """Write the last frames, the rest of the sound, and what says where everything is."""
        with self._writing():
            self._write(None)
            self._sound.finish(until=math.inf if decoded_share == 1 else self._ticks[-1] / CLOCK)
            self._container.close()
        self.sound = self._sound.kind

    def close(self) -> None:
        """Let go of the files."""
        with suppress(self._av.FFmpegError, OSError):  # it was not finished, so whatever is left goes
            self._container.close()
        self._original.close()

    def _add(self, frame: Frame, number: int) -> None:
        picture = self._av.VideoFrame.from_ndarray(even(frame), format="rgb24")
        picture.pts, picture.time_base = self._ticks[number], Fraction(1, CLOCK)
        picture.duration = max(1, self._ticks[number + 1] - self._ticks[number])
        self._write(picture)
        self._sound.write(until=self._times[number])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Make what the system says of a file of it, such as that the disk is full."""
        try:
            yield
        except self._av.FFmpegError as error:
            raise OSError(error.errno or errno.EIO, f"cannot be written ({error.strerror})", str(self._path)) from error

    def _write(self, picture: Any) -> None:
        for packet in self._stream.encode(picture):
            self._container.mux(packet)

    def _add_stream(self, kind: str, shape: Shape) -> Any:
        name, options = self._encoder(kind)
        stream = self._container.add_stream(name, rate=rounded_rate(shape.rate), options=options)
        stream.width, stream.height = shape.width + shape.width % 2, shape.height + shape.height % 2
        stream.pix_fmt = "yuv420p"
        codec = stream.codec_context
        codec.time_base = Fraction(1, CLOCK)
        codec.max_b_frames = 0
        codec.gop_size = max(1, round(_KEY_FRAME_SECONDS * shape.rate))
        codec.thread_count = usable_cpus()
        codec.color_range = _LIMITED_RANGE
        codec.sample_aspect_ratio = self._original.pixel_aspect(shape.width, shape.height)
        codec.colorspace, codec.color_primaries, codec.color_trc = self._original.colour_tags
        return stream

    def _encoder(self, kind: str) -> tuple[str, dict[str, str]]:
        for name, options in _ENCODERS.get(kind, _H264):
            try:
                self._av.codec.Codec(name, "w")
            except self._av.codec.codec.UnknownCodecError:
                continue
            return name, options
        raise DependencyError("this PyAV has no encoder for videos; run 'pip install --force-reinstall av'")
