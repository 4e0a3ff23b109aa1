"""Clips that wait to be written: where they are too many, and where the program ends before they are."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

import watched
from generated import painted_frame
from vidcls.watch import recording
from vidcls.watch.clips import ClipRecorder
from vidcls.watch.event import CameraEvent
from vidcls.watch.recording import Recording
from vidcls.watch.settings import ClipSettings
from watched import finished, wait_for


def test_an_event_whose_clip_finds_no_place_holds_no_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The first clip waits for pictures that are still to come, the second for the first; the third is one too many."""
    monkeypatch.setattr(recording, "MAX_WAITING", 1)
    recorder = ClipRecorder(ClipSettings(folder=tmp_path, before_seconds=1, after_seconds=3))
    events = [finished(number, camera=camera) for number, camera in enumerate(("door", "yard", "hall"))]

    def show(event: CameraEvent, *, after: float) -> None:
        picture = painted_frame(number, width=64, height=48)
        recorder.add(event.camera, event.start_seconds + after, picture)

    with closing(Recording(recorder)) as saving:
        for number, event in enumerate(events):
            recorder.begin(replace(event, state="provisional", end=None, end_seconds=None))
            show(event, after=1)
            saved = saving.save(event)
            assert (saved.clip is None) == (event.camera == "hall")
            wait_for(lambda number=number: saving._finished.qsize() == min(number, 1))  # type: ignore[misc]
        assert f"hall: too many clips wait to be written; the event {events[2].id} has none" in caplog.messages
        show(events[2], after=100)  # when its pictures are long over
        assert recorder.save(events[2]) is None
        wait_for(lambda: len(list(tmp_path.glob("*.webm"))) == 2)


class Faulty(ClipRecorder):
    """Fails at the clips of the first two events, for a reason that nobody foresaw."""

    def save(self, event: CameraEvent) -> str | None:
        """As ClipRecorder's."""
        if int(event.id, 16) < 2:
            raise ZeroDivisionError("float division by zero")
        return super().save(event)


def test_a_fault_in_one_clip_costs_no_other_event_its_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    recorder = Faulty(ClipSettings(folder=tmp_path))
    for number in range(40):
        recorder.add("door", number / 10, painted_frame(number, width=64, height=48))
    with closing(Recording(recorder)) as saving:
        saved = [saving.save(replace(finished(number), start_seconds=0.0, end_seconds=1.0)) for number in range(3)]
        wait_for((tmp_path / str(saved[2].clip)).exists)
    assert caplog.messages == [f"door: a fault left the event {saved[0].id} without a clip"]


def test_clips_may_be_kept_for_good(tmp_path: Path) -> None:
    """For longer than there are dates."""
    recorder = ClipRecorder(ClipSettings(folder=tmp_path, max_days=1e12))
    recorder.add("door", 0.0, painted_frame(0, width=64, height=48))
    recorder.close()
    name = recorder.save(replace(finished(0), start_seconds=0.0, end_seconds=1.0))
    assert name is not None
    ClipRecorder(ClipSettings(folder=tmp_path, max_days=1e12))
    assert recorder.path(name) is not None


_ENDS_WHILE_A_CLIP_IS_WRITTEN = """
import logging, sys, time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, sys.argv[2])
from generated import painted_frame
from vidcls.watch import recording
from vidcls.watch.clips import ClipRecorder
from vidcls.watch.settings import ClipSettings
from watched import finished

recording.LAST_SECONDS = 0.0
logging.basicConfig(format="%(message)s")
recorder = ClipRecorder(ClipSettings(folder=Path(sys.argv[1])))
for number in range(80):
    recorder.add("door", number / 10, painted_frame(number, width=640, height=480))
saving = recording.Recording(recorder)
for number in range(2):
    saving.save(replace(finished(number), start_seconds=0.0, end_seconds=6.0))
while not list(Path(sys.argv[1]).iterdir()):
    time.sleep(0.001)
saving.close()
"""


def test_a_program_that_ends_while_a_clip_is_written_ends_well(tmp_path: Path) -> None:
    """The clip takes a second, and has none; whoever waits for it is told, and nothing of it stays."""
    script = [sys.executable, "-c", _ENDS_WHILE_A_CLIP_IS_WRITTEN, str(tmp_path), str(Path(watched.__file__).parent)]
    ended = subprocess.run(script, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, list(tmp_path.iterdir())) == (0, []), ended.stderr
    assert ended.stderr.splitlines() == [
        f"door: the program ends, so the event {finished(number).id} has no clip" for number in range(2)
    ]
