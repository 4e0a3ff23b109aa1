"""Videos that OpenCV does not open for a reason of its own: it is said, and no video is called damaged."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from vidcls import VideoError
from vidcls.video.reader import read_times

try:
    read_times(sys.argv[1], decoder="opencv")
except VideoError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("OPENCV_VIDEOIO_PRIORITY_FFMPEG", "0", "OpenCV can decode no video; unset OPENCV_VIDEOIO_PRIORITY_FFMPEG"),
        (
            "OPENCV_FFMPEG_CAPTURE_OPTIONS",
            "video_codec;none_is_called_so",
            "or unset OPENCV_FFMPEG_CAPTURE_OPTIONS, by which OpenCV opens it",
        ),
    ],
)
def test_what_the_environment_asks_of_opencv_is_named(clip: Path, variable: str, value: str, problem: str) -> None:
    command = [sys.executable, "-c", PROGRAM, str(clip)]
    found = subprocess.run(
        command, env={**os.environ, variable: value}, capture_output=True, text=True, timeout=60, check=False
    )
    assert found.stdout.startswith(f"{clip}: ")
    assert found.stdout.endswith(f"{problem}\n")
