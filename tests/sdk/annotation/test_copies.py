"""Annotated copies in a folder: one of each video, and never in the place of anything else."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from commands import json_lines, run
from sounding import rgb
from vidcls import VideoClassifier, VideoError, draw
from vidcls.annotation.copies import Copies, plain_name


def test_videos_of_one_name_have_copies_of_their_own(model: Path, clip: Path, tmp_path: Path) -> None:
    videos = [tmp_path / folder / name for folder, name in (("a", "x.mp4"), ("b", "x.mp4"), ("b", "X.mkv"))]
    for video in videos:
        video.parent.mkdir(exist_ok=True)
        video.write_bytes(clip.read_bytes())
    before = {path: path.read_bytes() for path in videos}
    result = run(
        "predict", model, *videos, tmp_path / "gone.mp4", "--save", tmp_path / "new" / "copies", "--json", code=1
    )
    assert len(json_lines(result.stdout)) == 4
    names = sorted(path.name for path in (tmp_path / "new" / "copies").iterdir())
    assert names == ["X-annotated-3.mp4", "x-annotated-2.mp4", "x-annotated.mp4"]
    assert result.stderr.count("saved ") == 3
    assert {path: path.read_bytes() for path in videos} == before
    prediction = VideoClassifier(model).predict(videos[0])
    with av.open(str(tmp_path / "new" / "copies" / names[0])) as copy, av.open(str(clip)) as original:
        for one, other in zip(copy.decode(video=0), original.decode(video=0), strict=True):
            expected = draw(rgb(other), prediction)
            assert np.abs(rgb(one).astype(float) - expected).mean() < 6  # an encoder's


def test_a_copy_takes_no_inputs_place(model: Path, clip: Path, tmp_path: Path) -> None:
    first = tmp_path / "x.mp4"
    second = tmp_path / "x-annotated.mp4"  # a copy of before, given as a video
    for video in (first, second):
        video.write_bytes(clip.read_bytes())
    run("predict", model, first, second, "--save", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "x-annotated-2.mp4",
        "x-annotated-annotated.mp4",
        "x-annotated.mp4",
        "x.mp4",
    ]
    assert second.read_bytes() == clip.read_bytes()
    run("predict", model, first, "--save", tmp_path)  # a copy of before, given no longer, is made anew
    assert second.read_bytes() != clip.read_bytes()


def test_a_copy_takes_no_inputs_place_that_is_named_by_a_url(model: Path, clip: Path, tmp_path: Path) -> None:
    videos = [tmp_path / "q u.mp4", tmp_path / "q u-annotated.mp4"]
    for video in videos:
        video.write_bytes(clip.read_bytes())
    run("predict", model, *[video.as_uri() for video in videos], "--save", tmp_path)
    assert [video.read_bytes() == clip.read_bytes() for video in videos] == [True, True]
    assert (tmp_path / "q u-annotated-2.mp4").exists()


@pytest.mark.parametrize(
    ("video", "name"),
    [
        ("a/b/fall.avi", "fall"),
        ("../..", "video"),
        ("...", "video"),
        ("한글 이름.mp4", "한글 이름"),
        ("a:b|c?.mp4", "a_b_c_"),
        ("넘" * 200 + ".mp4", "넘" * 33),
        ("https://user:secret@example.org/clips/a%2Fb.mp4?token=1", "b"),
        ("https://example.org/", "video"),
        ("\u202egnp.mp4", "_gnp"),
    ],
)
def test_names_are_such_that_every_file_system_takes(video: str, name: str) -> None:
    assert plain_name(video) == name


def test_a_camera_has_no_copy(model: Path, tmp_path: Path) -> None:
    prediction = VideoClassifier(model).predict_frames(np.zeros((4, 8, 8, 3), np.uint8))
    for source in (0, "rtsp://127.0.0.1/door"):
        with pytest.raises(VideoError, match="record it first"):
            Copies(tmp_path).add(source, prediction)
    assert list(tmp_path.iterdir()) == []
