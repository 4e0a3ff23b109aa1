"""Events that were marked wrong become a folder that vidcls-train takes, and nothing outside of it."""

from __future__ import annotations

import dataclasses
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cv2
import pytest

from generated import painted_frame
from vidcls import VidclsError
from vidcls.watch.clips import ClipRecorder
from vidcls.watch.event import CameraEvent
from vidcls.watch.feedback import mark
from vidcls.watch.settings import ClipSettings

BEGIN = datetime(2026, 11, 29, 12, tzinfo=timezone.utc)


def events(folder: Path, count: int) -> list[CameraEvent]:
    """Events one second after the other, with their clips in `folder`."""
    recorder = ClipRecorder(ClipSettings(folder=folder, max_days=1e6))
    for number in range(10 * count + 1):
        recorder.add("door", number / 10, painted_frame(number, width=64, height=48))
    recorder.close()
    found = []
    for number in range(count):
        start = BEGIN + timedelta(seconds=number)
        event = CameraEvent(
            id=f"{number:08x}",
            camera="door",
            label="fall",
            state="final",
            start=start,
            end=start + timedelta(seconds=0.5),
            start_seconds=float(number),
            end_seconds=number + 0.5,
            peak_score=0.9,
            mean_score=0.8,
            detection_delay=1.0,
            coverage=1.0,
        )
        found.append(dataclasses.replace(event, clip=recorder.save(event)))
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[CameraEvent]]:
    clips = tmp_path_factory.mktemp("clips")
    return clips, events(clips, 3)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_marked_clips_are_data_for_training(made: tuple[Path, list[CameraEvent]], tmp_path: Path) -> None:
    sources = pytest.importorskip("vidcls_train.data.sources")
    clips, (first, second, third) = made
    feedback = tmp_path / "new" / "feedback"
    mark(first, label=None, clips=clips, feedback=feedback)
    mark(second, label="wave", clips=clips, feedback=feedback)
    mark(third, label="넘어짐 (낙상)", clips=clips, feedback=feedback)

    found = sources.find_clips(str(feedback), unpack_to=tmp_path / "unpacked")

    assert {(clip.path.name, clip.labels) for clip in found.clips} == {
        (first.clip, ("_none",)),
        (second.clip, ("wave",)),
        (third.clip, ("넘어짐 (낙상)",)),
    }
    for clip in found.clips:
        video = cv2.VideoCapture(str(clip.path))
        read = 0
        while video.read()[0]:
            read += 1
        assert read == round(video.get(cv2.CAP_PROP_FRAME_COUNT)) >= 6


def test_a_clip_is_there_once_wherever_it_was_marked_last(made: tuple[Path, list[CameraEvent]], tmp_path: Path) -> None:
    clips, (event, *_) = made
    (tmp_path / "wave").mkdir()
    (tmp_path / "wave" / "mine.mp4").touch()
    written: list[int] = []
    for label, folder in ((None, "_none"), ("wave", "wave"), ("wave", "wave"), ("jump", "jump"), ("_none", "_none")):
        marked = mark(event, label=label, clips=clips, feedback=tmp_path)
        assert marked == tmp_path / folder / str(event.clip)
        assert files(tmp_path) == {"wave/mine.mp4", f"{folder}/{event.clip}"}
        written.append(marked.stat().st_ino)
        assert marked.read_bytes() == (clips / str(event.clip)).read_bytes()
    assert len(files(clips)) == 3
    assert written[1] == written[2]  # not written again


def test_a_clip_that_was_removed_meanwhile_can_still_be_moved(
    made: tuple[Path, list[CameraEvent]], tmp_path: Path
) -> None:
    clips, (event, *_) = made
    mark(event, label=None, clips=clips, feedback=tmp_path)
    mark(event, label="wave", clips=tmp_path / "empty", feedback=tmp_path)
    assert files(tmp_path) == {f"wave/{event.clip}"}


@pytest.mark.parametrize(
    "label",
    [
        "",
        ".",
        "..",
        ".hidden",
        "../x",
        "a/b",
        "/etc",
        "a\\b",
        "C:x",
        "a\0b",
        "a\nb",
        "\ud800",
        "wave.",
        "wave ",
        "con",
        "NUL.txt",
        "é" * 200,
    ],
)
def test_a_label_that_is_no_folder_is_refused_and_nothing_is_written(
    label: str, made: tuple[Path, list[CameraEvent]], tmp_path: Path
) -> None:
    clips, (event, *_) = made
    with pytest.raises(ValueError, match=r"the label '.*' .*; copy the clip yourself, and name its label in a CSV"):
        mark(event, label=label, clips=clips, feedback=tmp_path / "deep" / "feedback")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("clip", [None, "../secret", "/etc/passwd", "mine.webm"])
def test_an_event_without_a_clip_of_its_own_is_refused(
    clip: str | None, made: tuple[Path, list[CameraEvent]], tmp_path: Path
) -> None:
    clips, (event, *_) = made
    with pytest.raises(VidclsError, match="the event 00000000 has no clip, so there is nothing to learn from"):
        mark(dataclasses.replace(event, clip=clip), label=None, clips=clips, feedback=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_clip_that_is_gone_and_a_folder_that_cannot_be_written_are_one_sentence(
    made: tuple[Path, list[CameraEvent]], tmp_path: Path
) -> None:
    clips, (event, *_) = made
    with pytest.raises(
        VidclsError, match=rf"{event.clip}: there is no such clip, not yet or no longer; try again in a minute"
    ):
        mark(event, label="wave", clips=tmp_path, feedback=tmp_path / "feedback")
    assert files(tmp_path) == set()
    (tmp_path / "file").touch()
    with pytest.raises(VidclsError, match=r"the clip cannot be copied there \("):
        mark(event, label="wave", clips=clips, feedback=tmp_path / "file")


def test_a_full_disk_leaves_the_copy_that_was_there(made: tuple[Path, list[CameraEvent]], tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    clips, (event, *_) = made
    mark(event, label=None, clips=clips, feedback=tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))  # what the system refuses then, as on a full disk
    try:
        with pytest.raises(VidclsError, match="cannot be copied there"):
            mark(event, label="wave", clips=clips, feedback=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert files(tmp_path) == {f"_none/{event.clip}"}
    assert os.listdir(tmp_path / "wave") == []  # noqa: PTH208 - hidden files too
