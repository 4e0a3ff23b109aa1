"""The order of a decoded frame's colours."""

from __future__ import annotations

import numpy as np

from vidcls.video.protocol import Frame


def rgb_of(bgr: Frame) -> Frame:
    """uint8 BGR [H, W, 3], whose rows may lie apart, to RGB, in memory of its own.

    Not by cvtColor: OpenCV 5.0 never frees the 900 bytes that it keeps of each thread that calls it, and a video is
    read in threads that end with it.

    >>> from vidcls.video.channels import rgb_of
    >>> rgb_of(np.array([[[1, 2, 3]]], np.uint8)).tolist()
    [[[3, 2, 1]]]
    """
    import cv2  # noqa: PLC0415 - where it cannot be imported, `opencv` says so

    (rgb,) = cv2.mixChannels([bgr], [np.empty(bgr.shape, np.uint8)], [0, 2, 1, 1, 2, 0])
    return np.asarray(rgb, np.uint8)
