"""Frames in memory, however they are held -> uint8 RGB frames, and when each of them is shown. No I/O."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, Protocol, TypeAlias, TypeGuard, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from vidcls.errors import ArgumentError
from vidcls.sampling import presentation_times
from vidcls.schema import check_choice, shown

Channels: TypeAlias = Literal["rgb", "bgr"]

# As of a video (vidcls.video.source): resized, a picture thinner than this would become as long as a book.
MAX_PROPORTION = 100


class Pixels(Protocol):
    """What NumPy can read: an array, a tensor of PyTorch on the CPU, and the like."""

    def __array__(self) -> npt.NDArray[Any]:
        """As an array."""


# One uint8 array [T, H, W, 3], or as many [H, W, 3] as there are frames.
Frames: TypeAlias = Pixels | Sequence[Pixels]
# Seconds, one per frame.
Times: TypeAlias = Sequence[float] | Pixels


@dataclass(frozen=True, kw_only=True)
class Shown:
    """When and how frames in memory are shown: see `frame_times` and `as_frames`."""

    fps: float | None = None
    times: Times | None = None
    channels: Channels = "rgb"

    @property
    def is_said(self) -> bool:
        """Whether any of it was given. Not by ==, which arrays of times answer for each of them."""
        return self.fps is not None or self.times is not None or self.channels != "rgb"


def is_frames(given: object) -> TypeGuard[Frames]:
    """Whether this is meant as pictures, rather than as the name or the content of a video.

    Examples:
        >>> is_frames([np.zeros((120, 160, 3), np.uint8)]), is_frames("clip.avi"), is_frames(0)
        (True, False, False)
    """
    return isinstance(given, list | tuple) or (hasattr(given, "__array__") and bool(getattr(given, "shape", ())))


def as_frames(given: Frames, *, channels: Channels = "rgb") -> list[npt.NDArray[np.uint8]]:
    """Frames as uint8 RGB arrays [H, W, 3] of one size; views of what was given, wherever that can be.

    Args:
        given: uint8 [T, H, W, 3], or a list or tuple of T frames [H, W, 3]: arrays, or tensors on the CPU.
        channels: the order of the colours in them: "rgb", or "bgr" as OpenCV has it.

    Raises:
        TypeError: not uint8 pixels.
        ValueError: of another shape, of several sizes, or none at all; an unknown order of colours.
    """
    check_choice("channels", channels, get_args(Channels))
    if isinstance(given, list | tuple):
        frames = [_pixels(frame, name=f"frame {number}", axes="H, W, 3") for number, frame in enumerate(given)]
    else:
        frames = list(_pixels(given, name="frames", axes="T, H, W, 3"))
    if not frames:
        raise ArgumentError("frames is empty, expected at least one frame [H, W, 3]")
    height, width, _ = frames[0].shape
    other = next((number for number, frame in enumerate(frames) if frame.shape != frames[0].shape), None)
    if other is not None:
        raise ArgumentError(
            f"frame {other} is {frames[other].shape[1]} x {frames[other].shape[0]} pixels and frame 0 {width} x "
            f"{height}, expected frames of one size; resize or crop them alike first"
        )
    if max(height, width) > MAX_PROPORTION * min(height, width):
        raise ArgumentError(
            f"frames are {width} x {height} pixels, expected at most {MAX_PROPORTION} times as long as wide"
        )
    return frames if channels == "rgb" else [frame[..., ::-1] for frame in frames]


def frame_times(count: int, *, fps: float | None = None, times: Times | None = None) -> list[float]:
    """Seconds after the first frame of each of `count` frames.

    Args:
        count: of frames, at least 1.
        fps: frames per second; frame i is shown at i / fps.
        times: seconds of each frame, by whatever clock, strictly increasing.

    Raises:
        TypeError: not numbers.
        ValueError: not exactly one of them is given, or it does not say when the frames are shown.
    """
    if fps is not None and times is not None:
        raise ArgumentError("fps and times are both given, and each says when frames are shown; give one of them")
    if times is not None:
        seconds = _seconds(times, count=count)
        return [second - seconds[0] for second in seconds]
    if fps is None:
        raise ArgumentError(
            "frames do not say when they are shown; give fps=25.0 or times=[...] in seconds, or call predict_frames, "
            "which spreads what the model takes evenly over them"
        )
    rate = _number(fps, name="fps", unit="frames per second")
    if not 0 < rate < float("inf") or not (count - 1) / rate < float("inf"):
        raise ArgumentError(f"fps is {fps}, expected frames per second, more than 0, such as 25.0")
    return presentation_times([None] * count, average_rate=rate)


def _pixels(given: Any, *, name: str, axes: str) -> npt.NDArray[np.uint8]:
    """uint8, of these axes."""
    expected = f"expected a uint8 numpy array [{axes}], RGB"
    dtype, kind = getattr(given, "dtype", None), type(given).__name__
    if isinstance(given, PillowImage.Image) and given.mode != "RGB":
        raise TypeError(f"{name} is a picture of mode '{given.mode}', expected 'RGB'; {_conversion(given.mode)}")
    if getattr(getattr(given, "device", None), "type", "cpu") != "cpu":
        raise TypeError(f"{name} is a tensor on {given.device}, {expected}; bring it to the CPU first, by its cpu()")
    name_held = _name_held(given)
    if name_held is not None or getattr(dtype, "kind", "") in ("U", "S"):
        raise TypeError(
            f"frames holds names instead of pixels ({shown(name_held or given)}); predict_many takes many videos, and "
            "pictures are opened first, as by np.asarray(PIL.Image.open(name).convert('RGB'))"
        )
    if dtype is not None and (held := str(dtype).rpartition(".")[2]) != "uint8":
        raise TypeError(f"{name} is {_noun(given)} of {held}, {expected}, 0 to 255; {_hint_for(held)}")
    if not hasattr(given, "__array__") and not hasattr(given, "__array_interface__"):
        raise TypeError(f"{name} is a {kind}, {expected}")
    try:
        array = np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{name} is a {kind}, which cannot be read as an array ({error}); {expected}") from None
    if array.dtype != np.uint8:
        raise TypeError(f"{name} is a {kind} of {array.dtype}, {expected}, 0 to 255; {_hint_for(str(array.dtype))}")
    wrong = _wrong_shape(array.shape, leading=axes.count(",") - 2)
    if wrong is not None:
        raise ArgumentError(f"{name} has shape {list(array.shape)}, expected [{axes}]; {wrong}")
    return array


def _conversion(mode: str) -> str:
    """What makes an RGB picture of one of Pillow's other modes: its pixels alone may be a palette's, or YCbCr."""
    if mode[0] in "IF":  # convert() would cut off what is above 255
        return "bring its values to 0 to 255, and then convert it by convert('L').convert('RGB')"
    return "convert it by convert('RGB')"


def _name_held(given: Any) -> object:
    """What is given, or the first thing in an array or a column of objects, where that is a name; else None."""
    if getattr(getattr(given, "dtype", None), "kind", "") == "O" and getattr(given, "shape", ()):
        given = next(iter(given), None)  # columns of pandas hold texts so
    return given if isinstance(given, str | bytes | os.PathLike) else None


def _noun(given: object) -> str:
    return "an array" if isinstance(given, np.ndarray) else f"a {type(given).__name__.lower()}"


def _hint_for(dtype: str) -> str:
    if "float" in dtype:
        return "values of 0 to 1 become it by (frames * 255).round().astype('uint8'), normalised ones have to be undone"
    if dtype == "object":
        return "NumPy makes it of frames of several sizes; give a list of frames of one size"
    return "convert them by frames.astype('uint8') where they are within 0 to 255"


def _wrong_shape(shape: tuple[int, ...], *, leading: int) -> str | None:
    """What to do about an array of this shape; None where it is [H, W, 3] behind so many axes, and has pixels."""
    axes = len(shape) - leading
    if axes == 3 and shape[-1] == 3:
        return None if 0 not in shape else "give at least one frame, of at least one pixel"
    if axes == 3 and shape[-1] == 4:
        return "drop what is no colour by frames[..., :3]"
    if (axes == 3 and shape[-1] == 1) or (axes == 2 and shape[-1] != 3):
        return "gray frames become RGB by repeating them along a last axis, as in np.stack([gray] * 3, axis=-1)"
    if axes == 3 and shape[leading] == 3:
        order = "0, 2, 3, 1" if leading else "1, 2, 0"
        return f"move the colours last, by transpose({order}) of an array, permute({order}) of a tensor"
    if axes == 3 and shape[0] == 3:
        return "move the colours last, by transpose(1, 2, 3, 0) of an array, permute(1, 2, 3, 0) of a tensor"
    if axes == 2 and leading:
        return "one frame is given as [frame]"
    return "give the frames of one video at a time" if axes > 3 else "give whole frames"


def _seconds(times: Times, *, count: int) -> list[float]:
    expected = "expected the seconds at which each frame is shown"
    try:
        given = np.asarray(times)
        seconds = given.astype(np.float64) if given.dtype.kind not in "mMc" else None
    except (TypeError, ValueError):
        raise TypeError(f"times holds what is no number, {expected}") from None
    if seconds is None:  # NumPy would count dates in a unit of their own, such as ns
        hint = "" if given.dtype.kind == "c" else "; (times - times[0]) / np.timedelta64(1, 's') gives them"
        raise TypeError(f"times holds {given.dtype}, {expected}{hint}")
    if seconds.ndim != 1 or len(seconds) != count:
        held = f"length {len(seconds)}" if seconds.ndim == 1 else f"shape {list(seconds.shape)}"
        raise ArgumentError(f"times has {held} and there are {count} frames, expected one time in seconds per frame")
    listed: list[float] = seconds.tolist()
    wrong = next((number for number, second in enumerate(listed) if not math.isfinite(second)), None)
    if wrong is not None:
        raise ArgumentError(f"times[{wrong}] is {listed[wrong]}, expected the seconds at which the frame is shown")
    back = next((number for number, (one, next_) in enumerate(pairwise(listed), 1) if not one < next_), None)
    if back is not None:
        raise ArgumentError(
            f"times[{back}] is {listed[back]} and times[{back - 1}] {listed[back - 1]}, expected seconds that strictly "
            "increase; give fps=25.0 where the times cannot be used"
        )
    return listed


def _number(value: Any, *, name: str, unit: str) -> float:
    try:
        if isinstance(value, str | bool):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} is {value!r}, expected a number of {unit}, such as 25.0") from None
