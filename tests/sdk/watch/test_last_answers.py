"""A source is lost, or ends, while the model is busy: what it showed before is answered late, and is the same event."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mjpeg_server
from generated import write_clip
from loopback import free_port
from vidcls import VideoClassifier
from vidcls.watch.run import run
from vidcls.watch.settings import CameraSettings, WatchSettings

# What the model takes for a window, of which several are complete by then.
ANSWER_SECONDS = 1.5
# Within which another event would have followed the first: with the next answer, and ended a second or two later.
ANOTHER_SECONDS = ANSWER_SECONDS + 2.5


@pytest.fixture(autouse=True)
def _slow_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real one, as on a small machine."""
    answer = VideoClassifier.predict_clips

    def answer_late(classifier: VideoClassifier, clips: Any) -> Any:
        time.sleep(ANSWER_SECONDS)
        return answer(classifier, clips)

    monkeypatch.setattr(VideoClassifier, "predict_clips", answer_late)


def watched(folder: Path, model: Path, source: str, *, turn: Callable[[], object]) -> list[dict[str, Any]]:
    """The events of a source of which all is one, some time after the first has ended. turn: is called all the time."""
    cameras = (
        CameraSettings(name="door", source=source, enter_score=0.0, leave_score=0.0),
        CameraSettings(name="yard", source="http://127.0.0.1:9/yard"),  # nothing is there; it is waited for
    )
    file = folder / "events.jsonl"
    ended: list[float] = []

    def is_over() -> bool:
        turn()
        if not ended and file.read_text():
            ended.append(time.monotonic())
        return bool(ended) and time.monotonic() > ended[0] + ANOTHER_SECONDS

    settings = WatchSettings(model=model, cameras=cameras, state=folder, device="cpu", page=None)
    run(settings, is_stopped=is_over, on_ready=lambda _: None)
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_camera_that_is_lost_leaves_one_event_behind(model: Path, tmp_path: Path) -> None:
    port = free_port()
    with mjpeg_server.start(port)[0] as server:
        begun: list[float] = []

        def lose() -> None:
            """In the middle of the answer after the one with which an event began, of which the file is the sign."""
            if not begun and (tmp_path / "unended.json").exists():
                begun.append(time.monotonic())
            if begun and time.monotonic() > begun[0] + ANSWER_SECONDS / 2:
                server.kill()

        try:
            (event,) = watched(tmp_path, model, f"http://127.0.0.1:{port}/", turn=lose)
        finally:
            server.kill()
    # It began with the first window, and ends with the last, which was complete when the camera was lost.
    assert event["start_seconds"] == 0.0
    assert event["end_seconds"] > 1.5


def test_a_film_that_ends_leaves_one_event_behind(model: Path, tmp_path: Path) -> None:
    film = write_clip(tmp_path / "film.mp4", frames=75, rate=25)
    (event,) = watched(tmp_path, model, str(film), turn=lambda: None)
    assert (event["start_seconds"], event["end_seconds"]) == (0.0, pytest.approx(3.0))
