"""Clips that wait to be written, where they are too many."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

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
