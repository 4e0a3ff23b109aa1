"""Which videos a model knows already: those that it was trained on, and those that it was chosen by."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from vidcls.concurrency.prefetch import map_ahead
from vidcls.contract import ClipFingerprints
from vidcls.cpus import usable_cpus
from vidcls.errors import VideoError
from vidcls.fingerprint import KnownClips, fingerprint_of, stretch_fingerprints
from vidcls.progress import Track, untracked
from vidcls.video.reader import Decoder

# A video that the model was trained on, or one that its epoch and its decision were chosen by.
Origin: TypeAlias = Literal["train", "val"]


def origins_of(
    videos: Sequence[Path],
    clips: ClipFingerprints | None,
    *,
    decoder: Decoder = "auto",
    track: Track = untracked,
) -> list[Origin | None]:
    """Of each video where the model knows it from; None for one that is new to it.

    Each is decoded once from beginning to end, by as many threads as there are CPUs. One that cannot be is new:
    training refuses it as well.

    Args:
        videos: their paths.
        clips: the model's fingerprints; None where it has none: then nothing is decoded, and each gets None.
        decoder: as for `open_video`.
        track: follows the work, video by video.
    """
    if clips is None:
        return [None] * len(videos)
    find = partial(_origin, known=KnownClips(clips), decoder=decoder)
    with closing(map_ahead(find, videos, threads=usable_cpus())) as found:
        return list(track(found, label="comparing with what the model knows", length=len(videos)))


def stretch_origins(
    videos: Sequence[tuple[Path, Sequence[tuple[float, float]]]],
    clips: ClipFingerprints | None,
    *,
    decoder: Decoder = "auto",
    track: Track = untracked,
) -> list[Origin | None]:
    """Of each long video where the model knows any of its stretches from, or all of it; None if it knows nothing of it.

    A stretch is known where training had one with nearly the same borders: the same lines of one CSV.

    Args:
        videos: (path, stretches), a stretch (start, end) in seconds after the video's first frame.
        clips, decoder, track: as for `origins_of`.
    """
    if clips is None:
        return [None] * len(videos)
    find = partial(_stretch_origin, known=KnownClips(clips), decoder=decoder)
    with closing(map_ahead(find, videos, threads=usable_cpus())) as found:
        return list(track(found, label="comparing with what the model knows", length=len(videos)))


def _stretch_origin(
    video: tuple[Path, Sequence[tuple[float, float]]], *, known: KnownClips, decoder: Decoder
) -> Origin | None:
    path, stretches = video
    try:
        found = {known.match(each) for each in stretch_fingerprints(path, [None, *stretches], decoder=decoder)}
    except VideoError:
        return None
    return "train" if "train" in found else "val" if "val" in found else None


def _origin(video: Path, *, known: KnownClips, decoder: Decoder) -> Origin | None:
    try:
        return known.match(fingerprint_of(video, decoder=decoder))
    except VideoError:
        return None
