"""Fingerprints of clips: 16 bytes by which a model knows a clip that it was trained on, however that is encoded.

"dct-1" takes the signs of 128 coefficients of a clip's three-dimensional discrete cosine transform, after Coskun,
Sankur and Memon, "Spatio-temporal transform based video hashing" (2006). Other sizes, codecs, bit rates and frame rates
change fine detail first, and these are the coarsest coefficients. Two that differ in few bits are of one clip.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from vidcls.contract import ClipFingerprints
from vidcls.sampling import stretch_frames
from vidcls.video.protocol import Frame
from vidcls.video.reader import Decoder, open_video

ALGORITHM: Literal["dct-1"] = "dct-1"
BYTES = 16

# Of 128: two fingerprints that differ in so many bits, or fewer, are of one clip. All 390 other encodings of 39 clips
# of UCF101 differ in 16 at most (median 1), all 46,864 pairs of clips with other footage in 35 or more, and in 64 +- 6
# (tests/benchmarks/fingerprints.py).
MATCHING_BITS = 16

# Clips of plain pictures, drawn or of one fixed camera, are alike: of 3,000 generated ones the next is 24 bits away in
# the median, where it is 47 on UCF101. A copy has to be so many times nearer than that.
_TIMES_NEARER = 3
# A clip may be known in other encodings, brighter or trimmed, and these say nothing of how far other clips are. More
# that are as near as copies are no copies, but clips that are much alike: of a camera before which little happens, say.
_MOST_COPIES = 16
_SAMPLED = 300

# Height and width, in pixels, of the small copy of a frame that everything here goes by.
REDUCED = 32

# The weights of red, green and blue in brightness (ITU-R BT.601).
GREY = np.array([0.299, 0.587, 0.114], np.float32)

# Of a longer clip every second frame is dropped, as often as need be.
_MOST_FRAMES = 256

# Bits of the picture alone, and of each of the three lowest frequencies in time; the latter are also mixed with as many
# further bits of the picture, so that clips in which nothing moves differ as well.
_PICTURE_BITS = 32
_MOTION_BITS = 32
_FREQUENCIES = 3

# Grey levels, of a coefficient as it is scaled here: less motion is noise of an encoder, and counts as none.
_STILL = 0.03

_COARSEST = 16  # frequencies in each direction of the picture, more than are used


def cosines(frequencies: int, samples: int) -> npt.NDArray[np.float64]:
    """The first rows, float64 [frequencies, samples], of the discrete cosine transform (type II).

    Example:
        >>> cosines(2, 4).round(2).tolist()
        [[1.0, 1.0, 1.0, 1.0], [0.92, 0.38, -0.38, -0.92]]
    """
    return np.asarray(np.cos(np.pi * np.outer(np.arange(frequencies), np.arange(samples) + 0.5) / samples))


class FrameSampler:
    """Keeps small copies of at most 256 frames, evenly spread, of a clip whose length is not known beforehand.

    reduced: float32 RGB [32, 32, 3], 0 to 255, one per kept frame. size: height and width of the last of them.

    Example:
        >>> sampler = FrameSampler()
        >>> for _ in range(1000):
        ...     sampler.add(np.zeros((48, 64, 3), np.uint8))
        >>> len(sampler.reduced), sampler.size
        (250, (48, 64))
    """

    def __init__(self) -> None:
        self.reduced: list[npt.NDArray[np.float32]] = []
        self.size = (0, 0)
        self._every = 1
        self._count = 0

    @property
    def wants_next(self) -> bool:
        """Whether the next frame will be kept: where not, it need not be converted to RGB for this."""
        return self._count % self._every == 0

    def skip(self) -> None:
        """Count the next frame, of which nothing is wanted."""
        self._count += 1

    def add(self, frame: Frame) -> None:
        """Take the next frame: uint8 RGB [H, W, 3]."""
        if self.wants_next:
            small = cv2.resize(frame, (REDUCED, REDUCED), interpolation=cv2.INTER_AREA)
            self.reduced.append(small.astype(np.float32))
            self.size = (frame.shape[0], frame.shape[1])
        self._count += 1
        if len(self.reduced) > _MOST_FRAMES:
            self.reduced = self.reduced[::2]
            self._every *= 2


class Fingerprinter:
    """Computes the fingerprint of a clip from all of its frames, as they are decoded.

    Example:
        >>> fingerprinter = Fingerprinter()
        >>> for number in range(10):
        ...     fingerprinter.add(np.full((48, 64, 3), 20 * number, np.uint8))
        >>> len(fingerprinter.finish())
        16
    """

    def __init__(self) -> None:
        self._sampler = FrameSampler()

    @property
    def wants_next(self) -> bool:
        """Whether the next frame counts: where not, `skip` may be called instead of `add`."""
        return self._sampler.wants_next

    def skip(self) -> None:
        """Count the next frame, of which nothing is wanted."""
        self._sampler.skip()

    def add(self, frame: Frame) -> None:
        """Take the next frame: uint8 RGB [H, W, 3], upright."""
        self._sampler.add(frame)

    def finish(self) -> bytes:
        """The fingerprint, 16 bytes, of the frames so far; at least one."""
        grey = np.stack(self._sampler.reduced) @ GREY
        return np.packbits(_bits(grey.astype(np.float64))).tobytes()


def fingerprint_of(video: Path, *, decoder: Decoder = "auto") -> bytes:
    """The fingerprint, 16 bytes, of a video, which is decoded from beginning to end.

    Example:
        >>> len(fingerprint_of(Path("clip.avi")))
        16

    Raises:
        VideoError: it cannot be opened or decoded.
        DependencyError: decoder="pyav" without PyAV.
    """
    return stretch_fingerprints(video, [None], decoder=decoder)[0]


def stretch_fingerprints(
    video: Path, stretches: Sequence[tuple[float, float] | None], *, decoder: Decoder = "auto"
) -> list[bytes]:
    """The fingerprint of each stretch of a video, as if it was a file of its own; the video is decoded once.

    Args:
        video: its path.
        stretches: (start, end) in seconds after the first frame; None is all of the video. They may overlap. One that
            no frame is shown in is left out.
        decoder: as for `open_video`.

    Example:
        >>> first, whole = stretch_fingerprints(Path("clip.avi"), [(0.0, 0.5), None])
        >>> whole == fingerprint_of(Path("clip.avi"))
        True

    Raises:
        VideoError, DependencyError: as `fingerprint_of`.
    """
    current, parts = None, list[tuple[range, Fingerprinter]]()
    with open_video(video, decoder=decoder) as reader:
        for frame_index, number, picture in reader.read_along(lambda index: range(len(index.times))):
            if frame_index is not current:  # it has other frames than its packets say, and is read anew
                frames = [stretch_frames(frame_index.times, stretch) for stretch in stretches]
                current, parts = frame_index, [(each, Fingerprinter()) for each in frames if each]
            within = [fingerprinter for each, fingerprinter in parts if number in each]
            wanting = [fingerprinter for fingerprinter in within if fingerprinter.wants_next]
            frame = picture() if wanting else None
            for fingerprinter in within:
                if frame is not None and fingerprinter.wants_next:
                    fingerprinter.add(frame)
                else:
                    fingerprinter.skip()
    return [fingerprinter.finish() for _, fingerprinter in parts]


def encode(fingerprints: Sequence[bytes]) -> str:
    """The text of fingerprints, as a contract holds them: base64, sorted, so that nothing follows from their order.

    Example:
        >>> encode([bytes(16), bytes(16)])
        'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='
    """
    return base64.b64encode(b"".join(sorted(fingerprints))).decode("ascii")


def decode(text: str) -> list[bytes]:
    """The fingerprints that `encode` wrote.

    Example:
        >>> decode(encode([bytes(16), bytes(range(16))])) == [bytes(16), bytes(range(16))]
        True
    """
    joined = base64.b64decode(text, validate=True)
    return [joined[start : start + BYTES] for start in range(0, len(joined), BYTES)]


class KnownClips:
    """The clips that a model was trained on, and chosen by.

    matching_bits: two fingerprints that differ in so many bits, or fewer, are of one clip: 16, or fewer where the
    model's own clips are much alike.

    Example:
        >>> mine = Fingerprinter()
        >>> mine.add(np.zeros((48, 64, 3), np.uint8))
        >>> clips = ClipFingerprints(algorithm="dct-1", train=encode([mine.finish()]), val="")
        >>> KnownClips(clips).match(mine.finish()), KnownClips(None).match(mine.finish())
        ('train', None)
    """

    def __init__(self, clips: ClipFingerprints | None) -> None:
        """Args: clips: of the contract; None where they are unknown, and then none is found."""
        self._train = _words(b"" if clips is None else b"".join(decode(clips.train)))
        self._val = _words(b"" if clips is None else b"".join(decode(clips.val)))
        self.matching_bits = _matching_bits(np.concatenate([self._train, self._val], axis=1))

    def match(self, fingerprint: bytes) -> Literal["train", "val"] | None:
        """Which clips this one is among, by the fingerprint that differs least; None: neither."""
        in_train, in_val = _least_difference(self._train, fingerprint), _least_difference(self._val, fingerprint)
        if min(in_train, in_val) > self.matching_bits:
            return None
        return "train" if in_train <= in_val else "val"


def _bits(grey: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """[128] of the small copies of a clip's frames, [n, 32, 32]."""
    in_time = np.tensordot(cosines(1 + _FREQUENCIES, len(grey)) / len(grey), grey, axes=1)
    across = cosines(_COARSEST, REDUCED) / REDUCED
    coefficients = 2 * across @ in_time @ across.T
    picture = coefficients[0][_zigzag(1, _PICTURE_BITS + _FREQUENCIES * _MOTION_BITS)]
    brighter = picture > np.median(picture)
    rows, columns = _zigzag(0, _MOTION_BITS)
    moving = coefficients[1:, rows, columns].ravel() > _STILL
    return np.concatenate([brighter[:_PICTURE_BITS], brighter[_PICTURE_BITS:] ^ moving])


def _zigzag(first: int, count: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows and columns of `count` spatial frequencies, the lowest first, from number `first` on; 0 is the mean."""
    order = sorted(
        ((row, column) for row in range(_COARSEST) for column in range(_COARSEST)),
        key=lambda place: (sum(place), max(place), place),
    )
    rows, columns = zip(*order[first : first + count], strict=True)
    return np.array(rows), np.array(columns)


def _words(fingerprints: bytes) -> npt.NDArray[np.uint64]:
    """[2, n]: the first and the second halves of n fingerprints, each in one piece of memory."""
    return np.ascontiguousarray(np.frombuffer(fingerprints, np.uint64).reshape(-1, BYTES // 8).T)


def _matching_bits(known: npt.NDArray[np.uint64]) -> int:
    """How near a copy has to be, by how near clips are that are none: to the next one, in the median of a sample."""
    distinct = np.unique(known, axis=1)
    count = distinct.shape[1]
    if count < 2:
        return MATCHING_BITS
    chosen = np.unique(np.linspace(0, count - 1, _SAMPLED).round().astype(int))
    nearest = [_nearest_other(distinct, index) for index in chosen]
    return min(MATCHING_BITS, int(np.median(nearest)) // _TIMES_NEARER)


def _nearest_other(distinct: npt.NDArray[np.uint64], index: int) -> int:
    """Bits from one to the nearest that is no copy of it; all 128 where they are all copies."""
    first, second = np.bitwise_count(distinct ^ distinct[:, index : index + 1])
    bits = first + second
    bits[index] = 8 * BYTES  # itself
    copies = bits <= MATCHING_BITS
    has_copies = 0 < np.count_nonzero(copies) <= _MOST_COPIES
    return int((bits[~copies] if has_copies else bits).min())


def _least_difference(known: npt.NDArray[np.uint64], fingerprint: bytes) -> int:
    """Bits, of 128, in which a fingerprint differs from the one of `known` that is most alike."""
    first, second = np.bitwise_count(known ^ _words(fingerprint))
    return int((first + second).min(initial=8 * BYTES))
