"""Open files that fail while they are read: an error of their video's, in a decoder's C code no crash."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

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


ANSWERS_WRONGLY = """
import io, sys
from vidcls import VideoError
from vidcls.video.reader import read_times

class Gone(BaseException):
    pass

class Wrong(io.BytesIO):
    def read(self, size=-1):
        content = super().read(size)
        if self.tell() < 20_000:
            return content
        if sys.argv[3] == "raises":
            raise Gone("gone")
        return {"none": None, "text": "text", "more": content + bytes(1 << 20)}[sys.argv[3]]

with open(sys.argv[1], "rb") as file:
    wrong = Wrong(file.read())
try:
    read_times(wrong, decoder=sys.argv[2])
except (VideoError, Gone) as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("none", "(read() gives NoneType, expected bytes)"),
        ("text", "(read() gives str, expected bytes)"),
        ("more", " bytes); open it again"),
        ("raises", "Gone gone"),
    ],
)
@pytest.mark.parametrize("decoder", ["opencv", "pyav"])
def test_one_that_answers_what_no_file_does_neither_crashes_nor_holds_up_the_process(
    clip: Path, decoder: str, how: str, said: str
) -> None:
    command = [sys.executable, "-c", ANSWERS_WRONGLY, str(clip), decoder, how]
    found = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60, check=False
    )
    assert found.returncode == 0
    assert said in found.stdout


class Unusual(io.BytesIO):
    """Of a class written by hand: its `seek` gives nothing, its `read` a buffer of its own."""

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        super().seek(offset, whence)
        return None  # type: ignore[return-value]

    def read(self, size: int | None = -1, /) -> bytes:
        return memoryview(super().read(size))  # type: ignore[return-value]


@pytest.mark.parametrize("decoder", ["opencv", "pyav"])
def test_one_that_gives_buffers_and_no_place_is_read_all_the_same(
    clip: Path, decoder: Literal["opencv", "pyav"]
) -> None:
    expected = [frame.tobytes() for frame in iter_frames(clip, range(3), decoder=decoder)]
    opened = Unusual(clip.read_bytes())
    assert [frame.tobytes() for frame in iter_frames(opened, range(3), decoder=decoder)] == expected
