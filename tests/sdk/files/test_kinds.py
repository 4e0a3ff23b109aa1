"""What stands at a path is named as what it is, and nothing waits for it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from commands import run
from generated import write_model
from vidcls import ModelError, VideoClassifier, VideoError
from vidcls.files.kinds import mistaken, where_else, why_no_file
from vidcls.video.reader import read_times

ENDS_SECONDS = 20.0


@pytest.fixture
def places(tmp_path: Path) -> Iterator[dict[str, Path]]:
    """What is no file, by what it is called."""
    if sys.platform == "win32":
        pytest.skip("Windows has neither named pipes nor sockets in its folders")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(tmp_path)  # a socket's name may have about 100 characters
        server.bind("socket")
        yield {
            "is a named pipe, expected a file": tmp_path / "pipe",
            "is a folder, expected a file": tmp_path / "folder",
            "is a socket, expected a file": tmp_path / "socket",
            "is a device, expected a file": Path("/dev/zero"),
            "there is no such file": tmp_path / "gone",
            "cannot be looked for (File name too long)": tmp_path / ("long" * 100),
            "is not a name that a file can have": tmp_path / "nul\0",
        }


@pytest.fixture(autouse=True)
def _same_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # and back at the end


def ended(problem: list[str], ask: object) -> None:
    assert callable(ask)
    try:
        ask()
    except (ModelError, VideoError) as error:
        problem.append(str(error))


def answer_of(ask: object) -> str:
    """The error of what must not wait."""
    problem: list[str] = []
    thread = threading.Thread(target=ended, args=[problem, ask], daemon=True)
    thread.start()
    thread.join(ENDS_SECONDS)
    assert not thread.is_alive(), "it waits"
    (message,) = problem
    return message


def test_what_is_no_file_is_named(places: dict[str, Path], model: Path) -> None:
    assert why_no_file(model) is None
    for problem, path in places.items():
        assert why_no_file(path) == problem


def test_no_door_opens_or_waits_for_what_is_no_file(places: dict[str, Path]) -> None:
    for problem, path in places.items():
        assert problem in answer_of(lambda path=path: VideoClassifier(path))
        assert problem in answer_of(lambda path=path: read_times(path))


def test_the_commands_say_so_too(places: dict[str, Path], model: Path) -> None:
    pipe = places["is a named pipe, expected a file"]
    assert run("predict", model, pipe, code=1).stderr == f"Error: {pipe}: is a named pipe, expected a file\n"
    expected = f"Error: {pipe}: is a named pipe, expected a file; export a model with vidcls-export\n"
    assert run("info", pipe, code=1).stderr == expected
    assert run("verify", pipe, "--max-seconds", 60, code=1).stderr == expected


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg writes the videos")
def test_what_is_easily_named_in_anothers_place(tmp_path: Path) -> None:
    clips = {suffix: tmp_path / f"clip.{suffix}" for suffix in ("mp4", "avi", "mkv", "webm", "ts", "mov", "flv", "mpg")}
    for path in clips.values():
        subprocess.run(
            ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=25:duration=1", str(path)],
            check=True,
        )
    assert {suffix: mistaken(path) for suffix, path in clips.items()} == dict.fromkeys(clips, "video")
    assert mistaken(write_model(tmp_path / "model.onnx")) == "model"
    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    assert mistaken(checkpoint) is None
    header = b'{"__metadata__":{}}'
    (checkpoint / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    assert mistaken(checkpoint) == "checkpoint"
    assert mistaken(checkpoint / "model.safetensors") == "weights"
    with zipfile.ZipFile(checkpoint / "pytorch_model.bin", "w") as archive:
        archive.writestr("pytorch_model/data.pkl", b"")
    assert mistaken(checkpoint / "pytorch_model.bin") == "weights"
    for name, content in {"text.txt": b"{}", "clips.zip": b"PK\x03\x04", "empty.onnx": b"", "gone": None}.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        assert mistaken(tmp_path / name) is None, name


def test_what_was_meant_is_found_without_comparing_every_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(300):
        (tmp_path / f"v_{number:03}_juggling.avi").touch()
    (tmp_path / "holiday.mp4").touch()
    compared: list[float] = []
    ratio = SequenceMatcher.ratio

    def counted(matcher: SequenceMatcher[str]) -> float:
        compared.append(ratio(matcher))
        return compared[-1]

    monkeypatch.setattr(SequenceMatcher, "ratio", counted)
    assert where_else(tmp_path / "hoilday.mp4", {".mp4", ".avi"}) == f"did you mean '{tmp_path / 'holiday.mp4'}'?"
    assert len(compared) < 10
    assert where_else(tmp_path / "v_999_juggling.avi", {".avi"}) is None  # one video is not the next
    assert where_else(tmp_path / "holiday.avi", {".mp4"}) == f"did you mean '{tmp_path / 'holiday.mp4'}'?"
