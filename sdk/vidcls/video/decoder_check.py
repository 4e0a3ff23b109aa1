"""Small clips of every kind -> whether a decoder on this machine gives the frames that it should, and when.

What has to come out of the clips in `reference_clips` was written down on x86-64 by tests/reference_clips.py, which
uses nothing of vidcls. FFmpeg's conversion to RGB rounds otherwise on other processors, where it is written with other
instructions; a few grey levels are allowed there, and said.
"""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vidcls.errors import DependencyError, VideoError
from vidcls.versions import package_version
from vidcls.video import opencv
from vidcls.video.protocol import Frame
from vidcls.video.reader import default_decoder, iter_frames, read_times
from vidcls.video.versions import NAMES, InstalledDecoder, decodes_nothing, reinstall_line

CLIPS = Path(__file__).with_name("reference_clips")
# One time reckoned in two ways, in floats; the finest clock of the clips ticks every 65 us.
TIME_TOLERANCE_SECONDS = 1e-5
# In the mean of a part of the picture, on other processors than x86-64. FFmpeg's plain C code is 2 away; decoders that
# take a video's colours, range or depth for another are 20 and more away.
ROUNDING_LEVELS = 4
# The parts of the picture, as in tests/reference_clips.py.
_ROWS, _COLUMNS = 6, 8


@dataclass(frozen=True, kw_only=True)
class DecoderCheck:
    """What one decoder makes of the reference clips.

    Examples:
        >>> [found.ok for found in VideoClassifier("model.onnx").verify().decoders]
        [True, True]

    Attributes:
        decoder: what `predict` calls it: "opencv" or "pyav".
        name: what people call it.
        version: the installed one.
        ok: whether all that it decodes are the right frames at the right times.
        exact: whether they are so bit for bit, as they have to be on x86-64.
        decoded: codecs of which it decodes a clip, right or wrong.
        not_decoded: codecs that it cannot decode. Such videos are refused and never answered otherwise, so that is
            no fault.
        problem: if it is not ok, one sentence: what differs, and after "; " what mends it. Else None.
    """

    decoder: InstalledDecoder
    name: str
    version: str
    ok: bool
    exact: bool
    decoded: tuple[str, ...]
    not_decoded: tuple[str, ...]
    problem: str | None


@dataclass(frozen=True, kw_only=True)
class _Difference:
    """What differs in one clip; `levels` where it is only pixels."""

    what: str
    levels: int | None = None


@cache
def check_decoders() -> tuple[DecoderCheck, ...]:
    """Decode the reference clips with every decoder that is installed; the default one comes first.

    Once in a process, as its decoders stay those that they are: most of what verifying a small model takes.
    """
    installed: list[InstalledDecoder] = ["opencv"] if package_version("av") is None else ["opencv", "pyav"]
    return tuple(check_decoder(decoder) for decoder in sorted(installed, key=lambda name: name != default_decoder()))


def check_decoder(decoder: InstalledDecoder) -> DecoderCheck:
    """Decode the reference clips with one decoder, through the SDK's own reader, and compare every frame.

    >>> from vidcls.video.decoder_check import check_decoder
    >>> found = check_decoder("opencv")
    >>> found.name, found.ok, found.problem
    ('OpenCV', True, None)
    """
    decoded: set[str] = set()
    not_decoded: set[str] = set()
    differences: list[tuple[str, _Difference]] = []
    problem = None
    try:
        for file, expected in _reference().items():
            times = _times(CLIPS / file, decoder=decoder)
            if times is None:
                not_decoded.add(expected["codec"])
                continue
            decoded.add(expected["codec"])
            difference = _difference(CLIPS / file, times, expected, decoder=decoder)
            if difference is not None:
                differences.append((expected["shows"], difference))
        problem = _problem(decoder, differences) if decoded else decodes_nothing(decoder)
    except DependencyError as error:  # too old to be asked
        problem = str(error)
    return DecoderCheck(
        decoder=decoder,
        name=NAMES[decoder],
        version=_version(decoder),
        ok=problem is None,
        exact=problem is None and not differences,
        decoded=tuple(sorted(decoded)),
        not_decoded=tuple(sorted(not_decoded - decoded)),
        problem=problem,
    )


def _reference() -> dict[str, dict[str, Any]]:
    reference: dict[str, dict[str, Any]] = json.loads((CLIPS / "reference.json").read_text(encoding="utf-8"))
    return reference


def _version(decoder: InstalledDecoder) -> str:
    return opencv.VERSION if decoder == "opencv" else package_version("av") or "of no package"


def _times(clip: Path, *, decoder: InstalledDecoder) -> list[float] | None:
    """The clip's times; None where this decoder cannot decode it."""
    try:
        return read_times(clip, decoder=decoder)
    except VideoError:
        return None


def _difference(
    clip: Path, times: list[float], expected: dict[str, Any], *, decoder: InstalledDecoder
) -> _Difference | None:
    if len(times) != len(expected["times"]):
        return _Difference(what=f"with {len(times)} frames instead of {len(expected['times'])}")
    away = max(abs(one - other) for one, other in zip(times, expected["times"], strict=True))
    if away > TIME_TOLERANCE_SECONDS:
        return _Difference(what=f"at times that are up to {away:.3g} s away")
    try:
        frames = list(iter_frames(clip, range(len(times)), decoder=decoder))
    except VideoError:
        return _Difference(what="but not to its end")
    if any(frame.shape[:2] != (expected["height"], expected["width"]) for frame in frames):
        return _Difference(what=f"in another size than {expected['width']} x {expected['height']}")
    if [hashlib.sha256(frame.tobytes()).hexdigest() for frame in frames] == expected["sha256"]:
        return None
    levels = max(map(_levels, frames, expected["thumbnails"]))
    unit = "grey level" if levels == 1 else "grey levels"
    return _Difference(what=f"by {levels} {unit}" if levels else "in single pixels", levels=levels)


def _levels(frame: Frame, thumbnail: str) -> int:
    """How far the mean of a part of the picture is from what it should be, at most, in grey levels."""
    expected = np.frombuffer(bytes.fromhex(thumbnail), np.uint8).reshape(_ROWS, _COLUMNS, 3)
    return int(np.abs(_thumbnail(frame) - expected).max())


def _thumbnail(frame: Frame) -> npt.NDArray[np.int64]:
    """The mean colours of the parts of a picture, rounded: RGB [_ROWS, _COLUMNS, 3]."""
    bands = [np.array_split(band, _borders(frame.shape[1], _COLUMNS), axis=1) for band in _bands(frame)]
    means = np.array([[part.mean(axis=(0, 1)) for part in band] for band in bands])
    return np.floor(means + 0.5).astype(np.int64)


def _bands(frame: Frame) -> list[Frame]:
    return np.array_split(frame, _borders(frame.shape[0], _ROWS))


def _borders(length: int, parts: int) -> list[int]:
    return [number * length // parts for number in range(1, parts)]


def _problem(decoder: InstalledDecoder, differences: list[tuple[str, _Difference]]) -> str | None:
    faults = [f"{shows} {difference.what}" for shows, difference in differences if not _is_rounding(difference)]
    if not faults:
        return None
    return (
        f"{NAMES[decoder]} {_version(decoder)} decodes videos otherwise than models are proven with "
        f"({', '.join(faults)}); {reinstall_line(decoder)}"
    )


def _is_rounding(difference: _Difference) -> bool:
    """Whether it is what another processor may do."""
    is_small = difference.levels is not None and difference.levels <= ROUNDING_LEVELS
    return is_small and platform.machine() not in ("x86_64", "AMD64")
