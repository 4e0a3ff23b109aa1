"""Explanations as files: every kind can be opened, and shows every frame for half a second."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from commands import run
from region_model import write_region_model
from vidcls import Explanation, VideoClassifier
from vidcls.annotation import formats, writers
from vidcls.annotation.explained import write_explanation
from vidcls.figures.heat_map import FRAME_SECONDS, explained_frames, sheet

# Of 255, in the mean: by a lossy codec with half the colours' pixels, and sharp letters. A neighbouring frame is
# further away, as its time is written below it, and its map lies elsewhere.
LEVELS = 3.0


@pytest.fixture(scope="module")
def region_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_region_model(tmp_path_factory.mktemp("region") / "model.onnx")


@pytest.fixture(scope="module")
def explanation(region_model: Path, clip: Path) -> Explanation:
    return VideoClassifier(region_model, device="cpu").explain(clip, runs=150)


@pytest.mark.parametrize(("ending", "codec"), [(".mp4", "h264"), (".mov", "h264"), (".mkv", "h264"), (".webm", "vp9")])
def test_a_video_shows_every_frame_for_half_a_second(
    ending: str, codec: str, explanation: Explanation, tmp_path: Path
) -> None:
    path = tmp_path / f"why{ending}"
    write_explanation(explanation, path)
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == codec
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
        assert not container.streams.audio
        frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
        assert float((container.duration or 0) / av.time_base) == pytest.approx(4 * FRAME_SECONDS, abs=0.01)
    assert [time for time, _ in frames] == [0, 0.5, 1, 1.5]
    for (_, found), picture in zip(frames, explained_frames(explanation), strict=True):
        assert found.shape == picture.shape
        assert np.abs(found.astype(int) - picture).mean() < LEVELS


def test_without_pyav_opencv_writes_it_and_the_command_says_what_it_lacks(
    region_model: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (writers, formats):
        monkeypatch.setattr(module, "find_pyav", lambda: None)
    monkeypatch.setattr("vidcls.video.optional.find_pyav", lambda: None)
    path = tmp_path / "why.mp4"
    options = ("--runs", 150, "--decoder", "opencv", "-o")
    assert run("explain", region_model, clip, *options, path).stderr.count("codec that browsers do not play") == 1
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == 1 / FRAME_SECONDS
    assert len([None for _ in range(9) if capture.read()[0]]) == 4
    assert "browsers" not in run("explain", region_model, clip, *options, tmp_path / "why.png").stderr
    refused = run("explain", region_model, clip, *options, tmp_path / "why.webm", code=1)
    assert "without PyAV a video is written as .mp4, .mov, .mkv" in refused.stderr


def test_pictures_are_written_whole(explanation: Explanation, tmp_path: Path) -> None:
    for name in ("why.png", "why.gif", "why.WEBP"):
        write_explanation(explanation, tmp_path / name)
    with Image.open(tmp_path / "why.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), sheet(explanation))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["why.WEBP", "why.gif", "why.png"]


def test_what_cannot_be_written_is_said(explanation: Explanation, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"written as \.mp4, .+, \.webm, \.gif, \.webp, \.png, not as '\.jpg'"):
        write_explanation(explanation, tmp_path / "why.jpg")
    for name in ("why.mp4", "why.gif", "why.png"):
        with pytest.raises(OSError, match="no such folder"):
            write_explanation(explanation, tmp_path / "gone" / name)
    assert not list(tmp_path.iterdir())


def test_the_video_itself_is_never_written_over(region_model: Path, clip: Path) -> None:
    before = clip.read_bytes()
    taken = clip.suffix.lower() in formats.CONTAINERS
    refused = run("explain", region_model, clip, "-o", clip, code=2).stderr
    assert ("is the video" if taken else "it is written as") in refused
    assert clip.read_bytes() == before
