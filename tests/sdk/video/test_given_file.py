"""Open files that fail while they are read: an error of their video's, in a decoder's C code no crash."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from generated import write_clip
from vidcls import Prediction, VideoClassifier, VideoError
from vidcls.video.reader import iter_frames

PROGRAM = """
import io, sys
from vidcls import VideoError
from vidcls.video.reader import read_times

class Failing(io.BytesIO):
    def read(self, size=-1):
        if self.tell() >= int(sys.argv[3]):
            raise OSError(5, "Input/output error")
        return super().read(size)

with open(sys.argv[1], "rb") as file:
    failing = Failing(file.read())
try:
    read_times(failing, decoder=sys.argv[2])
except VideoError as error:
    print(error)
"""


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
@pytest.mark.parametrize("decoder", ["opencv", "pyav"])
def test_a_file_that_fails_while_it_is_read_is_one_sentence_and_no_crash(
    clip: Path, decoder: str, share: float
) -> None:
    readable = str(int(share * clip.stat().st_size))
    command = [sys.executable, "-c", PROGRAM, str(clip), decoder, readable]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    said = "<video in memory>: the open file cannot be read ([Errno 5] Input/output error); open it again\n"
    assert (found.returncode, found.stdout) == (0, said)
    assert "Traceback" not in found.stderr


def _closed(clip: Path) -> io.BufferedIOBase:
    opened = clip.open("rb")
    opened.close()
    return opened


def _cut_off(clip: Path) -> io.BufferedIOBase:
    return gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(clip.read_bytes())[:-2000]))  # type: ignore[return-value]


@pytest.mark.parametrize("given", [_closed, _cut_off])
def test_one_that_cannot_be_read_answers_in_its_place_and_the_rest_go_on(
    given: Callable[[Path], io.BufferedIOBase], model: Path, clip: Path
) -> None:
    bad, good = VideoClassifier(model, device="cpu").predict_many([given(clip), clip])
    assert isinstance(bad, VideoError)
    assert "the open file cannot be read (" in str(bad)
    assert isinstance(good, Prediction)


class Failing(io.BytesIO):
    fails = False

    def read(self, size: int | None = -1, /) -> bytes:
        if self.fails:
            raise OSError(5, "Input/output error")
        return super().read(size)


def test_one_that_fails_between_two_frames_says_why(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "large.avi", frames=50, codec="MJPG", width=640, height=480)
    opened = Failing(path.read_bytes())
    frames = iter_frames(opened, range(50), decoder="opencv")  # PyAV would have read all of it by then
    next(frames)
    opened.fails = True
    with pytest.raises(VideoError, match="the open file cannot be read"):
        list(frames)
