"""Where and when a map is high, in words."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# A part of the picture, or a stretch of time, is named where it holds so much of the map.
_MOST = 0.5
# A stretch longer than this share of the clip says nothing.
_LONG = 0.75
_ACROSS = ("left", "", "right")
_DOWN = ("upper", "", "lower")


def main_frames(importance: npt.NDArray[np.floating]) -> tuple[int, int]:
    """(first, last) frame of the shortest stretch that holds half of a map [T, H, W]; the earliest of several.

    All frames where the map is 0 everywhere.

    >>> from vidcls.explanation.places import main_frames
    >>> main_frames(np.array([0.1, 0.5, 0.6, 0.1]).reshape(4, 1, 1))
    (1, 2)
    """
    by_frame = importance.sum(axis=(1, 2))
    sums = np.concatenate([[0.0], np.cumsum(by_frame)])
    enough = _MOST * sums[-1]
    for length in range(1, len(by_frame)):
        held = sums[length:] - sums[:-length]
        if held.max() >= enough > 0:
            first = int(held.argmax())
            return first, first + length - 1
    return 0, len(by_frame) - 1


def when(importance: npt.NDArray[np.floating], timestamps: npt.NDArray[np.floating]) -> str:
    """When a map [T, H, W] is high, in seconds where the frames have times [T], else in frames.

    >>> from vidcls.explanation.places import when
    >>> when(np.array([0.1, 0.5, 0.6, 0.1]).reshape(4, 1, 1), np.array([0.0, 0.5, 1.0, 1.5]))
    'from 0.50 to 1.00 s'
    """
    first, last = main_frames(importance)
    frames = len(importance)
    if last - first + 1 > _LONG * frames:
        return "at all times"
    if not len(timestamps):
        return f"in frame {first + 1} of {frames}" if first == last else f"in frames {first + 1} to {last + 1}"
    if first == last:
        return f"at {timestamps[first]:.2f} s"
    return f"from {timestamps[first]:.2f} to {timestamps[last]:.2f} s"


def where(importance: npt.NDArray[np.floating]) -> str:
    """In which part of what the model is given a map [T, H, W] is high.

    >>> from vidcls.explanation.places import where
    >>> picture = np.zeros((2, 6, 6))
    >>> picture[:, :2, 4:] = 1
    >>> where(picture)
    'upper right'
    """
    flat = importance.sum(axis=0)
    across, down = _named(flat.sum(axis=0), _ACROSS), _named(flat.sum(axis=1), _DOWN)
    if across is None and down is None:
        return "all over the picture"
    words = [word for word in (down, across) if word]
    if not words:
        return "in the middle"
    return " ".join(words) if len(words) == 2 else f"in the {words[0]} part"


def _named(along: npt.NDArray[np.floating], names: tuple[str, str, str]) -> str | None:
    """The name of the third that holds most of it; None where none does."""
    thirds = [part.sum() for part in np.array_split(along, 3)]
    highest = int(np.argmax(thirds))
    return names[highest] if thirds[highest] >= _MOST * sum(thirds) and sum(thirds) > 0 else None
