"""What people type in their first minutes, and the one sentence that each mistake is answered with.

In Python it is an error whose text says what to do; on the command line one line on stderr and an exit code. Nothing is
a traceback out of the depths. Mistakes with vidcls-train are in tests/mistakes.py.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from generated import write_audio, write_clip, write_model
from loopback import answering, serving
from vidcls import VidclsError, VideoClassifier
from vidcls.cli.main import main


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What lies in a beginner's working folder."""
    folder = tmp_path_factory.mktemp("beginner")
    write_model(folder / "model.onnx")
    write_clip(folder / "clip.avi", frames=30, codec="MJPG")
    write_audio(folder / "sound.m4a")
    for name in ("my clip.avi", "flat/one.avi", "labelled/jump/one.avi", "labelled/juggle/two.avi"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "clip.avi", folder / name)
    for number in range(3):
        (folder / "frames").mkdir(exist_ok=True)
        Image.new("RGB", (64, 48), (number, 0, 0)).save(folder / "frames" / f"{number}.jpg")
    (folder / "nothing").mkdir()
    (folder / "notes.mp4").write_text("I will record this tomorrow.\n" * 9, encoding="utf-8")
    (folder / "empty.mp4").touch()
    (folder / "checkpoint").mkdir()
    (folder / "checkpoint" / "config.json").write_text(json.dumps({"model_type": "videomae"}), encoding="utf-8")
    (folder / "list.m3u").write_text("#EXTM3U\nclip.avi\n", encoding="utf-8")
    np.save(folder / "frames.npy", np.zeros((4, 8, 8, 3), np.uint8))
    with zipfile.ZipFile(folder / "clips.zip", "w") as archive:
        archive.write(folder / "clip.avi", "clip.avi")
    return folder


@pytest.fixture(autouse=True)
def _in_place(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


@pytest.fixture(scope="module")
def opened(place: Path) -> VideoClassifier:
    return VideoClassifier(place / "model.onnx", device="cpu")


def _one_sentence(text: str) -> None:
    assert "\n" not in text
    assert not re.search(r"Traceback|object at 0x|NoneType|__\w+__", text), text
    assert len(text) < 330, text


def _pictures(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.uint8)


NAMED = VidclsError
WRONG_TYPE, WRONG_VALUE = TypeError, ValueError

# What is given to predict: the error, and what its sentence says.
PREDICTED: list[tuple[str, Callable[[Any], Any], type[Exception], str]] = [
    (
        "a capture",
        lambda c: c.predict(cv2.VideoCapture()),
        WRONG_TYPE,
        r"cv2\.VideoCapture; give predict what it was",
    ),
    ("a picture", lambda c: c.predict(Image.new("RGB", (64, 48))), WRONG_TYPE, r"PIL\.Image; one picture is no video"),
    ("nothing", lambda c: c.predict(None), WRONG_TYPE, "video is None, expected a path, a URL, a camera's number"),
    ("a dict", lambda c: c.predict({"path": "clip.avi"}), WRONG_TYPE, "a dict; give the one of its values that names"),
    ("a set", lambda c: c.predict({"clip.avi"}), WRONG_TYPE, "a set; predict takes one video; predict_many takes many"),
    ("a list of names", lambda c: c.predict(["clip.avi"]), WRONG_TYPE, "holds names instead of pixels .*predict_many"),
    ("a number", lambda c: c.predict(0.5), WRONG_TYPE, "video is 0.5, expected"),
    (
        "a generator",
        lambda c: c.predict(iter([])),
        WRONG_TYPE,
        r"make a list of it first: predict\(list\(",
    ),
    ("a text file", lambda c: c.predict(io.StringIO()), WRONG_TYPE, r"opened as binary, by open\(path, 'rb'\)"),
    (
        "floats",
        lambda c: c.predict(np.zeros((4, 8, 8, 3)), fps=5),
        WRONG_TYPE,
        r"an array of float64, .*\(frames \* 255\)",
    ),
    ("gray", lambda c: c.predict(_pictures(4, 8, 8), fps=5), WRONG_VALUE, "gray frames become RGB by"),
    ("NCHW", lambda c: c.predict(_pictures(4, 3, 8, 8), fps=5), WRONG_VALUE, r"transpose\(0, 2, 3, 1\)"),
    ("one frame", lambda c: c.predict(_pictures(8, 8, 3), fps=5), WRONG_VALUE, r"one frame is given as \[frame\]"),
    ("no size", lambda c: c.predict(_pictures(4, 0, 8, 3), fps=5), WRONG_VALUE, "at least one pixel"),
    ("sizes", lambda c: c.predict([_pictures(8, 8, 3), _pictures(9, 8, 3)], fps=5), WRONG_VALUE, "frames of one size"),
    (
        "objects",
        lambda c: c.predict(np.array([_pictures(8, 8, 3), None], dtype=object), fps=5),
        WRONG_TYPE,
        "an array of object, .*give a list of frames of one size",
    ),
    (
        "no times",
        lambda c: c.predict(_pictures(4, 8, 8, 3)),
        WRONG_VALUE,
        r"give fps=25\.0 or times=.* predict_frames",
    ),
    ("fps 0", lambda c: c.predict(_pictures(4, 8, 8, 3), fps=0), WRONG_VALUE, "fps is 0, expected .* more than 0"),
    ("fps nan", lambda c: c.predict(_pictures(4, 8, 8, 3), fps=float("nan")), WRONG_VALUE, "fps is nan, expected"),
    ("times", lambda c: c.predict(_pictures(2, 8, 8, 3), times=[1, 1]), WRONG_VALUE, "that strictly increase"),
    (
        "count",
        lambda c: c.predict(_pictures(2, 8, 8, 3), times=[1]),
        WRONG_VALUE,
        "has length 1 and there are 2 frames",
    ),
    ("BGR", lambda c: c.predict_frames(_pictures(4, 8, 8, 3), channels="BGR"), WRONG_VALUE, "one of 'rgb', 'bgr'"),
    ("a folder", lambda c: c.predict("flat"), NAMED, r"flat: is a folder; predict_many\('flat'\) answers"),
    ("pictures", lambda c: c.predict("frames"), NAMED, "frames: is a folder of pictures, .*give them to predict"),
    ("no videos", lambda c: c.predict_many("nothing"), NAMED, "nothing: is a folder without a video; videos are known"),
    ("a home", lambda c: c.predict("~/clip.avi"), NAMED, r"~/clip\.avi: there is no such file; give os\.path\.expand"),
    ("a camera", lambda c: c.predict("0"), NAMED, "0: there is no such file; a camera is given .* number, without"),
    ("below 0", lambda c: c.predict(-1), WRONG_VALUE, "the camera's number is -1, expected 0 for the first one"),
    ("no name", lambda c: c.predict(""), WRONG_VALUE, "video is '', an empty name, expected"),
    ("no bytes", lambda c: c.predict(b""), WRONG_VALUE, "0 bytes, expected the content of a video file"),
    ("a name in bytes", lambda c: c.predict(b"clip.avi"), WRONG_TYPE, "a name in bytes; give it as a str"),
    ("views", lambda c: c.predict("clip.avi", views=0), WRONG_VALUE, "views is 0, expected 1 to 1000"),
    ("many views", lambda c: c.predict("clip.avi", views=10**12), WRONG_VALUE, "timeline answers for every moment"),
    ("camera", lambda c: c.predict(10**30), WRONG_VALUE, "expected 0 for the first one, 1 for the next, up to 99"),
    ("a model", lambda c: c.predict("model.onnx"), NAMED, "is a model, not a video; name the model first"),
    (
        "a picture's file",
        lambda c: c.predict("frames/0.jpg"),
        NAMED,
        "a single picture, .*predict_frames",
    ),
    ("a sound", lambda c: c.predict("sound.m4a"), NAMED, r"sound\.m4a: there are no pictures in it.*name a video file"),
    ("nothing in it", lambda c: c.predict("empty.mp4"), NAMED, r"empty\.mp4: the file is empty"),
    ("an archive", lambda c: c.predict("clips.zip"), NAMED, "is a zip archive, not a video; unpack it first"),
    (
        "an archive's bytes",
        lambda c: c.predict(Path("clips.zip").read_bytes()),
        NAMED,
        "<video in memory>: is a zip archive, not a video; unpack it first",
    ),
    (
        "arrays",
        lambda c: list(c.predict_many([_pictures(4, 8, 8, 3)])),
        WRONG_TYPE,
        r"predict\(frames, fps=25\.0\) takes",
    ),
    ("a text", lambda c: c.predict("notes.mp4"), NAMED, r"notes\.mp4: is a text, not a video; name a video file"),
    ("an array's file", lambda c: c.predict("frames.npy"), NAMED, "is an array of NumPy, not a video"),
    ("a list", lambda c: c.predict("list.m3u"), NAMED, r"list\.m3u: a playlist, not a video; name the video that"),
    ("a typo", lambda c: c.predict("clip.avy"), NAMED, r"there is no such file; did you mean 'clip\.avi'\?"),
    (
        "YouTube",
        lambda c: c.predict("https://youtu.be/x"),
        NAMED,
        "a web page of YouTube, not a video.*yt-dlp",
    ),
    ("one array", lambda c: c.predict_many(_pictures(4, 8, 8, 3)), WRONG_TYPE, r"is an array, .*predict\(frames, fps="),
    (
        "a rate for a file",
        lambda c: c.predict("clip.avi", fps=25),
        WRONG_VALUE,
        "those of frames in memory.*leave them",
    ),
    (
        "a timeline of frames",
        lambda c: c.timeline(_pictures(4, 8, 8, 3)),
        WRONG_TYPE,
        r"a str or a pathlib\.Path",
    ),
    ("a model's name", lambda _: VideoClassifier("modle.onnx"), NAMED, r"did you mean 'model\.onnx'\?"),
    ("a video as model", lambda _: VideoClassifier("clip.avi"), NAMED, "is a video, and the model comes first"),
    (
        "a checkpoint",
        lambda _: VideoClassifier("checkpoint"),
        NAMED,
        "exported first: vidcls-export checkpoint",
    ),
    ("a device", lambda c: type(c)("model.onnx", device="gpu"), WRONG_VALUE, "device is 'gpu', expected"),
]


@pytest.mark.parametrize(("call", "kind", "told"), [one[1:] for one in PREDICTED], ids=[one[0] for one in PREDICTED])
def test_a_mistake_in_python_is_told_in_one_sentence(
    call: Callable[[VideoClassifier], Any], kind: type[Exception], told: str, opened: VideoClassifier
) -> None:
    with pytest.raises(kind, match=told) as raised:
        call(opened)
    _one_sentence(str(raised.value))


# What is typed after `vidcls`: the exit code, and what the sentence says.
TYPED: list[tuple[str, int, str]] = [
    (
        "predict model.onnx my other.avi",
        1,
        r"Error: my: there is no such file; did you mean 'my clip\.avi'\? put quotes around a name with spaces",
    ),
    ("predict modle.onnx clip.avi", 1, r"Error: modle\.onnx: there is no such file; did you mean 'model\.onnx'\?"),
    ("predict clip.avi model.onnx", 1, r"Error: clip\.avi: is a video, and the model comes first, as in 'vidcls pred"),
    ("predict model.onnx model.onnx", 1, r"Error: model\.onnx: is a model, not a video"),
    ("predict checkpoint clip.avi", 1, "Error: checkpoint: is a checkpoint, which is exported first: vidcls-export"),
    ("predict model.onnx", 2, "SOURCE is missing; name the model, and then what to classify"),
    ("predict", 2, "Missing argument 'MODEL'"),
    ("predict model.onnx clip.avi --views 0", 2, "--views.*0 is not in the range 1<=x<=1000"),
    ("predict model.onnx clip.avi --device gpu", 2, "--device.*gpu"),
    ("predict model.onnx clip.avi --json --csv out.csv", 2, "--json and --csv are two forms .*leave one of them out"),
    ("predict model.onnx --csv clip.avi clip.avi", 2, r"does not end in \.csv; name the file to write"),
    ("predict model.onnx 98", 1, "Error: camera 98: cannot be opened; check it is plugged in and not in use"),
    ("predict model.onnx nothing", 1, "Error: nothing: is a folder without a video"),
    ("predict model.onnx frames", 1, "Error: frames: is a folder of pictures, not of videos"),
    ("predict model.onnx clips/*.mov", 1, r"Error: clips/\*\.mov: no video matches this pattern"),
    ("predict model.onnx notes.mp4", 1, r"Error: notes\.mp4: is a text, not a video"),
    ("predict model.onnx https://vimeo.com/1", 1, "Error: https://vimeo.com/1: is a web page of Vimeo"),
    ("predict model.onnx '~/clip.avi'", 1, "only a shell knows ~, outside of quotes"),
    ("evaluate model.onnx flat", 2, r"flat: its videos lie in no label's folder; expected one folder .*flat.LABEL.one"),
    ("evaluate model.onnx labelled", 2, "the folder 'juggle' is not one of the model's labels"),
    ("evaluate model.onnx labels.csv", 2, r"labels\.csv: cannot be read \(.*\); name a CSV or a folder of videos"),
    (
        "evaluate model.onnx clip.avi",
        2,
        r"clip\.avi: is not a folder; name a folder that holds one folder",
    ),
    ("timeline model.onnx flat", 1, "Error: flat: is a folder, expected a file"),
    ("preview model.onnx frames/0.jpg -o out.gif", 1, "a single picture, not a video"),
    ("info clip.avi", 1, r"clip\.avi: is a video, and the model comes first"),
    ("classify model.onnx clip.avi", 2, "No such command 'classify'"),
]


@pytest.mark.parametrize(("line", "code", "told"), TYPED, ids=[case[0] for case in TYPED])
def test_a_mistake_on_the_command_line_is_told_in_one_sentence(line: str, code: int, told: str) -> None:
    arguments = [part.strip("'") for part in line.split(" ")]
    result = CliRunner().invoke(main, arguments)
    assert isinstance(result.exception, SystemExit), result.exception
    assert (result.exit_code, result.stdout) == (code, "")
    # Wrong usage has click's lines above it; the error itself is wrapped by none.
    errors = [text for text in result.stderr.splitlines() if text.startswith("Error: ")]
    assert re.search(told, errors[0]), result.stderr
    for text in errors:
        _one_sentence(text)


def _page(handler: BaseHTTPRequestHandler) -> None:
    content = b"<!DOCTYPE html><html><body><video src='clip.mp4'></video></body></html>"
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html; charset=utf-8")
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    with serving(answering(_page)) as address:
        yield f"{address}/watch?v=1"


@pytest.mark.parametrize("decoder", ["pyav", "opencv"])
def test_a_page_with_a_video_in_it_is_told_from_a_video(decoder: Any, page: str, opened: VideoClassifier) -> None:
    told = r"watch\?v=1: is a web page \(HTML\), not a video; download its video first, for example with yt-dlp"
    with pytest.raises(VidclsError, match=told):
        opened.predict(page, decoder=decoder)
    with pytest.raises(VidclsError, match=told):
        opened.stream(page)


def test_a_real_video_is_taken_whatever_it_is_called(opened: VideoClassifier, tmp_path: Path) -> None:
    shutil.copy("clip.avi", tmp_path / "clip.txt")
    np.testing.assert_array_equal(opened.predict(tmp_path / "clip.txt").logits, opened.predict("clip.avi").logits)
