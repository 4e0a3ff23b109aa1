"""What to say where OpenCV does not open a video: the fault may be this OpenCV's, or its settings', and no video's."""

from __future__ import annotations

import io
import os

from vidcls.video.source import cannot_be_opened
from vidcls.video.versions import decodes_nothing

# Of the environment: how OpenCV opens whatever it opens.
OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"


def why_not_opened(opened: str | io.BufferedIOBase) -> str:
    """The problem, as part of a sentence, where OpenCV does not open what `openable` returned."""
    import cv2  # noqa: PLC0415 - where it cannot be imported, `opencv` says so

    if not cv2.videoio_registry.hasBackend(cv2.CAP_FFMPEG):
        return decodes_nothing("opencv")
    problem = cannot_be_opened(opened)
    return f"{problem}, or unset {OPTIONS}, by which OpenCV opens it" if os.environ.get(OPTIONS) else problem
