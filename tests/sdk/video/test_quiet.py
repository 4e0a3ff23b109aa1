"""What FFmpeg and OpenCV say of bad files stays off a command's terminal, whether they are loaded already or not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

QUIET = "from vidcls.video.quiet import quiet_decoders; quiet_decoders()"
LOAD = "import cv2"


def said(program: list[str], tmp_path: Path, **variables: str) -> str:
    """What is printed once OpenCV has been asked to open what is no video, and to read what is no picture."""
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(bytes((0, 0, 0, 16)) + b"ftypisom" + bytes(4 + 4096))  # without the part that says what is in it
    program = [*program, f"cv2.VideoCapture({str(bad)!r}); cv2.imread('none.png')"]
    mine = {name: value for name, value in os.environ.items() if not name.startswith("OPENCV_")}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(program)], env=mine | variables, capture_output=True, text=True, check=True
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("program", [[QUIET, LOAD], [LOAD, QUIET]], ids=["before", "after"])
def test_it_is_quiet_before_opencv_is_loaded_and_after(program: list[str], tmp_path: Path) -> None:
    assert said([LOAD], tmp_path).count("\n") > 1
    assert said(program, tmp_path) == ""


def test_who_asks_for_it_hears_it(tmp_path: Path) -> None:
    told = said([QUIET, LOAD], tmp_path, OPENCV_FFMPEG_LOGLEVEL="16", OPENCV_LOG_LEVEL="WARNING")
    assert "moov atom not found" in told
    assert "none.png" in told
