"""Whether a source's pictures are black or frozen, as cameras' are that are covered, or stuck. No thread, no clock.

A black picture: at least BLACK_SHARE of its pixels have no colour above BLACK_LEVEL of 255 (FFmpeg's `blackdetect`
takes the same two). Where all pictures are so for BLACK_SECONDS, the source is "black". A frozen one is the same to the
last bit for FROZEN_SECONDS. No real scene is that for long, because a sensor's noise changes and an encoder begins
anew with every key frame; a test pattern is, and so is a slide.
"""

from __future__ import annotations

import logging
from typing import Literal, TypeAlias

import numpy as np

from vidcls.video.protocol import Frame

PictureState: TypeAlias = Literal["ok", "black", "frozen"]

BLACK_LEVEL, BLACK_SHARE, BLACK_SECONDS = 25, 0.98, 5.0
# Longer than any usual distance of key frames: between two, an encoder may well repeat a still scene bit for bit.
FROZEN_SECONDS = 10.0

# Of the rows of a picture, the first of so many is looked at; the others only where it decides nothing.
_ROWS = 16

_WHAT = {
    "black": "its picture is black; check its lens, its light and its cable",
    "frozen": "its picture is frozen: the same to the last bit; restart the camera, unless it shows something drawn",
}
# What OpenCV hands out of interlaced video, where its version cannot convert it, is one picture again and again.
_OR_INTERLACED = "; or its video is interlaced, which some versions of OpenCV cannot convert: set it to progressive"

_logger = logging.getLogger("vidcls")


class PictureWatch:
    """The pictures of one source, one after the other; logs when they begin and cease to be black or frozen."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.state: PictureState = "ok"
        self._same: tuple[float, Frame] | None = None  # since when, and the picture
        self._black_since: float | None = None

    def add(self, at: float, picture: Frame, *, gap_seconds: float = 0.0) -> None:
        """Take the next picture, uint8 RGB [H, W, 3], `at` seconds after the stream's first frame.

        gap_seconds: of the time since the one before, how long there was no picture, which does not count.
        """
        if self._same is not None:
            self._same = self._same[0] + gap_seconds, self._same[1]
        if self._black_since is not None:
            self._black_since += gap_seconds
        if self._same is None or not is_same(self._same[1], picture):
            self._same = at, picture
        if not is_black(picture):
            self._black_since = None
        elif self._black_since is None:
            self._black_since = at
        self._become(self._state(at), at=at)

    def _state(self, at: float) -> PictureState:
        if self._black_since is not None and at - self._black_since >= BLACK_SECONDS:
            return "black"
        if self._same is not None and at - self._same[0] >= FROZEN_SECONDS:
            return "frozen"
        return "ok"

    def _become(self, state: PictureState, *, at: float) -> None:
        if state == self.state:
            return
        self.state = state
        if state == "ok":
            _logger.warning("%s: its picture is all right again", self._name)
        else:
            is_still = self._same is not None and at > self._same[0]
            _logger.warning("%s: %s%s", self._name, _WHAT[state], _OR_INTERLACED if is_still else "")


def shared(picture: Frame) -> Frame:
    """It, which several will have from now on, so that none of them can paint over what the others are given."""
    picture.flags.writeable = False
    return picture


def is_same(one: Frame, other: Frame) -> bool:
    """Whether two pictures are the same to the last bit."""
    return one.shape == other.shape and bool(
        np.array_equal(one[::_ROWS], other[::_ROWS]) and np.array_equal(one, other)
    )


def is_black(picture: Frame) -> bool:
    """Whether a picture, uint8 RGB [H, W, 3], shows nothing: judged by every 16th row."""
    red, green, blue = np.moveaxis(picture[::_ROWS], -1, 0)
    return bool((np.maximum(np.maximum(red, green), blue) <= BLACK_LEVEL).mean() >= BLACK_SHARE)
