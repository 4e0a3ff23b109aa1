"""What a person names: one name is one source, and never its letters; folders, patterns, bytes and files."""

from __future__ import annotations

import io
import itertools
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from generated import write_clip
from vidcls import Prediction, VideoClassifier, VideoError
from vidcls.inputs.kinds import one_video
from vidcls.inputs.sources import each_video, every_video, typed_source, videos_of
from vidcls.video.folders import list_videos, walk_videos


@pytest.fixture(scope="module")
def classifier(model: Path) -> VideoClassifier:
    return VideoClassifier(model, device="cpu")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with empty files in clips/."""
    for name in ("b.mp4", "a.AVI", "c/d/e.webm", "a.b/f.mkv", ".g.mp4", ".h/i.mp4", "notes.txt", "take.bin"):
        path = tmp_path / "clips" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "videos"),
    [
        ("clips", ["clips/a.AVI", "clips/a.b/f.mkv", "clips/b.mp4", "clips/c/d/e.webm"]),
        ("clips/", ["clips/a.AVI", "clips/a.b/f.mkv", "clips/b.mp4", "clips/c/d/e.webm"]),
        ("clips/*.mp4", ["clips/b.mp4"]),
        ("clips/?.*", ["clips/a.AVI", "clips/a.b/f.mkv", "clips/b.mp4"]),  # a folder is matched as a shell does
        ("clips/*", ["clips/a.AVI", "clips/a.b/f.mkv", "clips/b.mp4", "clips/c/d/e.webm"]),
        ("clips/**/*.webm", ["clips/c/d/e.webm"]),
        ("clips/**", ["clips/a.AVI", "clips/a.b/f.mkv", "clips/b.mp4", "clips/c/d/e.webm"]),
        ("clips/*.bin", ["clips/take.bin"]),
        ("clips/[!a].*", ["clips/b.mp4"]),
        ("clips/notes.txt", ["clips/notes.txt"]),
        ("gone.mp4", ["gone.mp4"]),
        ("http://host/clips/*.mp4", ["http://host/clips/*.mp4"]),
        ("rtsp://host/[1]", ["rtsp://host/[1]"]),
    ],
)
def test_a_name_gives_its_videos_in_order(name: str, videos: list[str]) -> None:
    assert list(videos_of(name)) == videos


def test_a_path_gives_paths_and_a_name_that_is_there_is_no_pattern(folder: Path) -> None:
    assert list(videos_of(folder / "clips" / "c")) == [folder / "clips" / "c" / "d" / "e.webm"]
    strange = folder / "clips" / "take [1].mp4"
    strange.touch()
    assert list(videos_of(strange)) == [strange]
    assert list(videos_of(str(strange))) == [str(strange)]


def test_one_after_the_other_is_the_order_of_the_whole_list(folder: Path) -> None:
    # A folder's name that sorts between the names of files: "a", "a.b" and "a.mp4" by their letters, "a/" after them.
    for name in ("a/x.mp4", "a.mp4", "a-b/x.mp4", "a b/x.mp4"):
        (folder / "clips" / name).parent.mkdir(exist_ok=True)
        (folder / "clips" / name).touch()
    found = list(walk_videos(folder / "clips"))
    assert found == sorted(found) == list_videos(folder / "clips")
    assert len(found) == 8


@pytest.mark.usefixtures("folder")
def test_videos_are_taken_as_they_are_needed() -> None:
    endless = each_video(itertools.cycle(["clips", b"bytes", 0, "gone/*.mp4"]))
    first = list(itertools.islice(endless, 8))
    assert first[4:6] == [b"bytes", 0]
    assert isinstance(first[6], VideoError)
    assert first[7] == first[0] == "clips/a.AVI"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("clips/*.mpg", r"clips/\*\.mpg: no video matches this pattern; videos are known by their endings"),
        ("clips/n*", r"clips/n\*: no video matches this pattern"),
        ("clip", r"clip: there is no such file or folder; did you mean 'clips'\?"),
        ("nowhere/at/all", "nowhere/at/all: there is no such file or folder; check its name"),
        ("empty", "empty: is a folder without a video; videos are known by their endings"),
        ("~/clips", r"~/clips: there is no such file or folder; give os\.path\.expanduser\('~/clips'\)"),
    ],
)
def test_one_name_of_no_video_is_raised_at_once(name: str, problem: str, classifier: VideoClassifier) -> None:
    Path("empty").mkdir()
    with pytest.raises(VideoError, match=rf"^{problem}"):
        classifier.predict_many(name)
    (answer,) = classifier.predict_many([name])  # in a list, in its place
    assert isinstance(answer, VideoError)


def _clips(folder: Path) -> list[Path]:
    return [write_clip(folder / name, frames=frames) for name, frames in (("a.mp4", 8), ("deep/b.mp4", 30))]


def _logits(answers: Any) -> list[np.ndarray]:
    found = list(answers)
    assert all(isinstance(answer, Prediction) for answer in found), found
    return [answer.logits for answer in found]


def test_one_name_is_one_source_and_never_its_letters(classifier: VideoClassifier, tmp_path: Path) -> None:
    first, second = _clips(tmp_path)
    expected = [classifier.predict(clip).logits for clip in (first, second)]
    assert expected[0].tobytes() != expected[1].tobytes()
    many: list[Any] = [str(tmp_path), tmp_path, f"{tmp_path}/**/*.mp4", [str(first), second], (first,)]
    for given in many:
        found = _logits(classifier.predict_many(given))
        np.testing.assert_array_equal(found, expected[: len(found)])
    with first.open("rb") as file:
        for single in (str(first), first, first.read_bytes(), file):
            np.testing.assert_array_equal(_logits(classifier.predict_many(single)), expected[:1])
    names = np.array([str(first), str(second)])
    np.testing.assert_array_equal(_logits(classifier.predict_many(names)), expected)
    answers = list(classifier.predict_many([first, tmp_path / "gone.mp4", b"no video", tmp_path]))
    assert [isinstance(answer, VideoError) for answer in answers] == [False, True, True, True]


def test_items_have_one_answer_each_whatever_they_are_called(classifier: VideoClassifier, tmp_path: Path) -> None:
    first = write_clip(tmp_path / "clip 1.mp4", frames=8)
    items: list[Any] = [
        tmp_path / "clip [12].mp4",
        first,
        tmp_path,
        "gone/*.mp4",
    ]  # the first is missing, and matches the second
    answers = list(classifier.predict_many(items))
    assert [isinstance(answer, Prediction) for answer in answers] == [False, True, False, False]
    assert re.search(r"clip \[12\]\.mp4: is a pattern, and no file is called so; predict_many\(", str(answers[0]))
    assert re.search(r"is a folder; predict_many\('.*'\) answers for each", str(answers[2]))


def test_a_live_item_with_options_of_files_fails_in_its_place(classifier: VideoClassifier, clip: Path) -> None:
    answers = list(classifier.predict_many([clip, 97, clip], views=2))
    assert [isinstance(answer, Prediction) for answer in answers] == [True, False, True]
    assert str(answers[1]).startswith("camera 97: views is 2 and decoder 'auto'; a live source can have only 1")


def test_names_that_cannot_be_looked_for_are_video_errors(classifier: VideoClassifier, clip: Path) -> None:
    long = "a" * 300 + ".mp4"
    for name in (long, f"{long}/**/*.mp4", "data:video/mp4;base64," + "A" * 300, "half a pair \ud800.mp4"):
        with pytest.raises(VideoError, match=r"cannot be looked for|is a pattern|'data:|valid UTF-8|no such file"):
            classifier.predict(name)
        first, second = classifier.predict_many([name, clip])
        assert isinstance(first, VideoError)
        assert isinstance(second, Prediction)


def test_a_number_of_numpy_is_no_picture() -> None:
    with pytest.raises(TypeError, match=r"video is a numpy\.float32, expected a path, a URL"):
        one_video(np.float32(3))


def test_explain_takes_one_video_as_predict_does(classifier: VideoClassifier, clip: Path) -> None:
    expected = classifier.explain(clip, runs=150)
    assert classifier.explain(clip.read_bytes(), runs=150).importance.tobytes() == expected.importance.tobytes()
    with pytest.raises(VideoError, match="is a folder; predict_many"):
        classifier.explain(clip.parent)


def test_a_link_that_leads_back_is_not_followed(folder: Path) -> None:
    (folder / "clips" / "loop").symlink_to(".")
    assert list(videos_of("clips/**/*.webm")) == ["clips/c/d/e.webm"]
    assert list(videos_of("clips/**/d/**/*.webm")) == ["clips/c/d/e.webm"]
    assert list(videos_of("**/b.mp4")) == ["clips/b.mp4"]
    assert len(list(videos_of("clips/**"))) == 4


def test_a_videos_bytes_give_the_answer_of_the_file(classifier: VideoClassifier, clip: Path) -> None:
    expected, content = classifier.predict(clip, views=2).logits, clip.read_bytes()
    for given in (content, bytearray(content), memoryview(content), io.BytesIO(content)):
        np.testing.assert_array_equal(classifier.predict(given, views=2).logits, expected)
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        np.testing.assert_array_equal(classifier.predict(file, views=2).logits, expected)  # type: ignore[arg-type]


def test_what_is_many_is_not_taken_for_one(classifier: VideoClassifier, tmp_path: Path) -> None:
    _clips(tmp_path)
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "0.jpg").touch()
    for name, problem in (
        (str(tmp_path), r"is a folder; predict_many\('.*'\) answers for each of its videos"),
        (f"{tmp_path}/*.mp4", r"is a pattern, and no file is called so; predict_many\('.*'\) answers for each"),
        (str(tmp_path / "frames"), r"is a folder of pictures, not of videos; .*predict\(frames, fps=25\.0\)"),
    ):
        with pytest.raises(VideoError, match=problem):
            classifier.predict(name)


def test_a_link_that_leads_nowhere_does_not_keep_a_folder_from_being_read(
    classifier: VideoClassifier, tmp_path: Path
) -> None:
    _clips(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(VideoError, match=r"is a folder; predict_many"):
        classifier.predict(tmp_path)


def test_numbers_that_are_typed_are_cameras_unless_a_file_is_called_so(folder: Path) -> None:
    assert [typed_source(text) for text in ("0", "12", "-1", "0.mp4", "")] == [0, 12, "-1", "0.mp4", ""]
    (folder / "7").touch()
    assert typed_source("7") == "7"


def test_a_cameras_number_is_whatever_python_counts_with_at_every_door(classifier: VideoClassifier) -> None:
    """NumPy's numbers too, also in an array of no axis; but no truth value, and none that no camera has."""
    doors: list[Callable[[Any], Any]] = [
        classifier.predict,
        classifier.stream,
        classifier.explain,
        lambda number: list(classifier.predict_many([number])),
        lambda number: list(classifier.predict_many(number)),
    ]
    for door in doors:
        for number in (97, np.int64(97), np.uint8(97), np.array(97)):
            try:
                (problem,) = door(number)
            except VideoError as error:
                problem = error
            assert str(problem) == "camera 97: cannot be opened; check it is plugged in and not in use"
        for number in (-1, np.int64(-1), 100):
            with pytest.raises(ValueError, match=rf"the camera's number is {number}, expected 0 for the first one"):
                door(number)
        for value in (True, np.True_, np.float64(0)):
            with pytest.raises(TypeError):
                door(value)
    with pytest.raises(ValueError, match="camera 97 has a pace of its own"):
        classifier.timeline(np.int64(97))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"path": "a.mp4"}, "videos is a dict, expected a folder, a pattern .*give the list or column"),
        (np.zeros((4, 8, 8, 3), np.uint8), r"videos is an array, .*predict\(frames, fps=25\.0\)"),
        (None, "video is None, expected a path, a URL"),
        (io.StringIO("a.mp4"), r"video is a io\.StringIO; a video file is opened as binary"),
    ],
)
def test_what_names_no_videos_is_a_type_error_at_once(given: Any, problem: str) -> None:
    with pytest.raises(TypeError, match=problem):
        every_video(given)


def test_a_generator_of_names_is_taken(classifier: VideoClassifier, tmp_path: Path) -> None:
    def names() -> Iterator[str]:
        yield from map(str, _clips(tmp_path))

    assert len(_logits(classifier.predict_many(names()))) == 2
