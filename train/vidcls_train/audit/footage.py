"""What a clip shows and how it is encoded, from one pass over it: what the checks of the data go by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
import numpy.typing as npt

from vidcls.errors import VideoError
from vidcls.sampling import duration_seconds
from vidcls.video.protocol import Frame
from vidcls.video.reader import scan_frames

# Between the frames that are looked at. Those of a copy that starts elsewhere are off by up to half of this.
STEP_SECONDS = 0.1

# Of a longer clip every second look is dropped, as often as need be.
_MOST_LOOKS = 256

THUMBNAIL = 16
_HASH = 8
_REDUCED = 32

# Grey levels: the standard deviation of a frame that shows less than this is black, white or fog, and its hash noise.
_FLAT = 4.0

HASH_BITS = _HASH * _HASH - 1

# The weights of red, green and blue in brightness (ITU-R BT.601).
_GREY = np.array([0.299, 0.587, 0.114], np.float32)

# The first rows of the discrete cosine transform (type II) of `_REDUCED` values.
_COSINES = np.cos(np.pi * np.outer(np.arange(_HASH), np.arange(_REDUCED) + 0.5) / _REDUCED).astype(np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Footage:
    """One readable clip.

    frames, seconds: how long it is. promised_frames: how long its header says it is; 0 where it does not.
    width, height: pixels, upright. file_bytes: the file's size. audio: whether it has a sound track.
    codec, pixels, container: FFmpeg's names, "unknown" where its Python binding cannot tell.
    hashes: float32 [n, 63], +-1, one row per look that shows something (see `_perceptual_hash`).
    thumbnails: uint8 grey [m, 16, 16], every look. picture: float32 RGB [16, 16, 3], their mean in colour.
    """

    path: Path
    frames: int
    promised_frames: int
    seconds: float
    width: int
    height: int
    file_bytes: int
    codec: str
    pixels: str
    container: str
    audio: bool
    hashes: npt.NDArray[np.float32]
    thumbnails: npt.NDArray[np.uint8]
    picture: npt.NDArray[np.float32]

    @property
    def bits_per_second(self) -> float:
        """Of the whole file; a single frame counts as a second."""
        return self.file_bytes * 8 / (self.seconds or 1.0)

    @property
    def frame_rate(self) -> float:
        """Frames per second, as decoded; 0 for a single frame."""
        return self.frames / self.seconds if self.seconds else 0.0


def look_at(path: Path) -> Footage:
    """Decode a clip once, from front to back.

    Raises:
        VideoError: it cannot be opened, or not one frame of it can be decoded.
    """
    looks = _Looks()
    times = scan_frames(path, every_seconds=STEP_SECONDS, visit=looks.see)
    if not looks.reduced:
        raise VideoError(str(path), "its first frame cannot be converted to RGB")
    colours = np.stack(looks.reduced)
    reduced = colours @ _GREY
    shows_something = reduced.std(axis=(1, 2)) > _FLAT
    height, width = looks.size
    header = _header(path)
    return Footage(
        path=path,
        frames=len(times),
        seconds=duration_seconds(times),
        width=width,
        height=height,
        file_bytes=path.stat().st_size,
        promised_frames=header.frames,
        codec=header.codec,
        pixels=header.pixels,
        container=header.container,
        audio=header.audio,
        hashes=_perceptual_hash(reduced[shows_something]),
        thumbnails=reduced.reshape(len(reduced), THUMBNAIL, 2, THUMBNAIL, 2).mean(axis=(2, 4)).round().astype(np.uint8),
        picture=colours.mean(axis=0).reshape(THUMBNAIL, 2, THUMBNAIL, 2, 3).mean(axis=(1, 3)),
    )


class _Looks:
    """Takes frames, and keeps small copies of at most `_MOST_LOOKS` of them, evenly spread."""

    def __init__(self) -> None:
        self.reduced: list[npt.NDArray[np.float32]] = []
        self.size = (0, 0)
        self._every = 1
        self._seen = 0

    def see(self, frame: Frame) -> None:
        if self._seen % self._every == 0:
            small = cv2.resize(frame, (_REDUCED, _REDUCED), interpolation=cv2.INTER_AREA)
            self.reduced.append(small.astype(np.float32))
            self.size = (frame.shape[0], frame.shape[1])
        self._seen += 1
        if len(self.reduced) > _MOST_LOOKS:
            self.reduced = self.reduced[::2]
            self._every *= 2


def _perceptual_hash(grey: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Which of a frame's 63 lowest frequencies, the mean left out, lie above their median: [n, 32, 32] -> +-1 [n, 63].

    The DCT hash of Zauner, "Implementation and benchmarking of perceptual image hash functions" (2010). It outlives
    other sizes, bit rates and codecs, since these change fine detail first.
    """
    frequencies = (_COSINES @ grey @ _COSINES.T).reshape(len(grey), _HASH * _HASH)[:, 1:]
    above = frequencies > np.median(frequencies, axis=1, keepdims=True)
    return np.where(above, np.float32(1), np.float32(-1))


class _Header(NamedTuple):
    frames: int = 0
    codec: str = "unknown"
    pixels: str = "unknown"
    container: str = "unknown"
    audio: bool = False


def _header(path: Path) -> _Header:
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            return _Header(
                frames=max(0, stream.frames),
                codec=stream.codec_context.name,
                pixels=stream.codec_context.pix_fmt or "unknown",
                container=container.format.name,
                audio=bool(container.streams.audio),
            )
    except (av.FFmpegError, IndexError, UnicodeError):  # the frames came from OpenCV, which is what counts
        return _Header()
