"""How a clip is encoded and what it shows, from one pass over it: what all checks of the data go by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from vidcls.errors import VideoError
from vidcls.sampling import duration_seconds
from vidcls.video.reader import scan_frames
from vidcls_train.audit.fingerprint import Fingerprint, FrameSampler, fingerprint

# Between sampled frames. Those of a copy that starts elsewhere are off by up to half of this.
_STEP_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipInfo:
    """One readable clip.

    frames, seconds: how long it is. header_frames: how long its header says it is; 0 where it does not.
    width, height: pixels, upright. file_bytes: the file's size. audio: whether it has a sound track.
    codec, pixels, container: FFmpeg's names, "unknown" where its Python binding cannot say.
    """

    path: Path
    frames: int
    header_frames: int
    seconds: float
    width: int
    height: int
    file_bytes: int
    codec: str
    pixels: str
    container: str
    audio: bool
    fingerprint: Fingerprint

    @property
    def bits_per_second(self) -> float:
        """Of the whole file; a single frame counts as a second."""
        return self.file_bytes * 8 / (self.seconds or 1.0)

    @property
    def frame_rate(self) -> float:
        """Frames per second, as decoded; 0 for a single frame."""
        return self.frames / self.seconds if self.seconds else 0.0


def probe(path: Path) -> ClipInfo:
    """Decode a clip once, from front to back.

    Raises:
        VideoError: it cannot be opened, or not one frame of it can be decoded.
    """
    sampler = FrameSampler()
    times = scan_frames(path, every_seconds=_STEP_SECONDS, visit=sampler.add)
    if not sampler.reduced:
        raise VideoError(str(path), "its first frame cannot be converted to RGB")
    height, width = sampler.size
    header = _read_header(path)
    return ClipInfo(
        path=path,
        frames=len(times),
        seconds=duration_seconds(times),
        width=width,
        height=height,
        file_bytes=path.stat().st_size,
        header_frames=header.frames,
        codec=header.codec,
        pixels=header.pixels,
        container=header.container,
        audio=header.audio,
        fingerprint=fingerprint(np.stack(sampler.reduced)),
    )


class _Header(NamedTuple):
    frames: int
    codec: str
    pixels: str
    container: str
    audio: bool


def _read_header(path: Path) -> _Header:
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
        return _Header(frames=0, codec="unknown", pixels="unknown", container="unknown", audio=False)
