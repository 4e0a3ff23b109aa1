"""How a clip is encoded and what it shows, from one pass over it: what all checks of the data go by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vidcls.fingerprint import Fingerprinter
from vidcls.sampling import CLOCK_SECONDS, duration_seconds
from vidcls.video.protocol import Picture, Video
from vidcls.video.pyav import PyAVVideo
from vidcls.video.reader import open_video
from vidcls_train.audit.fingerprint import Fingerprint, FrameSampler, fingerprint
from vidcls_train.data.clip_list import Footage
from vidcls_train.data.frame_cache import CachedVideo, FrameCache
from vidcls_train.data.one_pass import read_once

# Between sampled frames. Those of a copy that starts elsewhere are off by up to half of this.
_STEP_SECONDS = 0.1
# Frames per second above which a header states its clock rather than a rate.
_PLAUSIBLE_RATE = 120.0


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipInfo:
    """One readable clip.

    stretch: of a file of which it is a part, as `vidcls_train.data.clip_list.Footage` has it.
    frames, seconds: how long it is. file_seconds: how long the file is. decoded_share: how much of the
    file's video could be decoded, 0 to 1.
    width, height: pixels, upright. file_bytes: the file's size. audio: whether it has a sound track.
    codec, pixels, container: FFmpeg's names, "unknown" where its Python binding is not what decodes.
    contract_fingerprint: what a model's contract says of a clip that it knows, see `vidcls.fingerprint`.
    cached: where its frames were written to a cache.
    """

    path: Path
    stretch: tuple[float, float] | None
    frames: int
    decoded_share: float
    seconds: float
    file_seconds: float
    width: int
    height: int
    file_bytes: int
    codec: str
    pixels: str
    container: str
    audio: bool
    fingerprint: Fingerprint
    contract_fingerprint: bytes
    cached: CachedVideo | None

    @property
    def footage(self) -> Footage:
        """What of which file it is."""
        return Footage(self.path, self.stretch)

    @property
    def bits_per_second(self) -> float:
        """Of the whole file; a single frame counts as a second."""
        return self.file_bytes * 8 / (self.file_seconds or 1.0)

    @property
    def frame_rate(self) -> float:
        """Frames per second, as decoded; 0 for a single frame."""
        return self.frames / self.seconds if self.seconds else 0.0


def probe(path: Path, stretch: tuple[float, float] | None = None, *, cache: FrameCache | None = None) -> ClipInfo:
    """Decode a clip once, from front to back.

    Args:
        path: the file.
        stretch: (start, end) of it in seconds after its first frame; None for all of it.
        cache: that its frames are written to in the same pass; None: they are not kept.

    Raises:
        VideoError: it cannot be opened, or is damaged so far that prediction refuses it.
    """
    with open_video(path) as reader:
        video = reader.video
        header = _header(video)
        samples = _Samples(rate=min(video.average_rate or _PLAUSIBLE_RATE, _PLAUSIBLE_RATE))
        known = _ContractFingerprint()
        cached = None if cache is None else cache.add_along(reader, path, [samples, known], stretch=stretch)
        times = read_once(reader, [samples, known], stretch=stretch) if cached is None else cached.pts_seconds
        decoded_share = reader.decoded_share
        file_seconds = duration_seconds(times) if stretch is None else reader.index.duration
    height, width = samples.sampler.size
    return ClipInfo(
        path=path,
        stretch=stretch,
        frames=len(times),
        decoded_share=decoded_share,
        seconds=duration_seconds(times),
        file_seconds=file_seconds,
        width=width,
        height=height,
        file_bytes=path.stat().st_size,
        codec=header.codec,
        pixels=header.pixels,
        container=header.container,
        audio=header.audio,
        fingerprint=fingerprint(np.stack(samples.sampler.reduced)),
        contract_fingerprint=known.fingerprinter.finish(),
        cached=cached,
    )


class _Samples:
    """A `vidcls_train.data.one_pass.FrameSink`: some ten frames a second, as far as the stated rate is right."""

    def __init__(self, *, rate: float) -> None:
        self.sampler = FrameSampler()
        self._rate = rate
        self._count = 0

    def restart(self, times: Sequence[float]) -> None:
        del times
        self.sampler = FrameSampler()
        self._count = 0

    def add(self, number: int, picture: Picture) -> None:
        if number / self._rate >= self._count * _STEP_SECONDS - CLOCK_SECONDS:
            self._count += 1
            self.sampler.add(picture())


class _ContractFingerprint:
    """A `vidcls_train.data.one_pass.FrameSink`: every frame, for the fingerprint that goes with the model."""

    def __init__(self) -> None:
        self.fingerprinter = Fingerprinter()

    def restart(self, times: Sequence[float]) -> None:
        del times
        self.fingerprinter = Fingerprinter()

    def add(self, number: int, picture: Picture) -> None:
        del number
        if self.fingerprinter.wants_next:
            self.fingerprinter.add(picture())
        else:
            self.fingerprinter.skip()


class _Header(NamedTuple):
    codec: str
    pixels: str
    container: str
    audio: bool


def _header(video: Video) -> _Header:
    if not isinstance(video, PyAVVideo):  # then nobody says
        return _Header(codec="unknown", pixels="unknown", container="unknown", audio=False)
    return _Header(codec=video.codec, pixels=video.pixel_format, container=video.container, audio=video.has_audio)
