"""A driver hangs in the middle of an answer, and with it the thread that runs the model: who looks after the program
learns of it, and that all is well before and afterwards."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import mjpeg_server
from generated import write_clip
from loopback import free_port
from vidcls import VideoClassifier
from vidcls.watch import health
from vidcls.watch.run import run
from vidcls.watch.settings import CameraSettings, PageSettings, WatchSettings
from watched import wait_for

# Instead of minutes; windows are due twice a second.
ANSWER_SECONDS = 5.0


class Driver:
    """What runs the model: the real one, until it hangs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers = threading.Event()
        self.answers.set()
        real = VideoClassifier.predict_clips

        def answer(classifier: VideoClassifier, clips: Any) -> Any:
            self.answers.wait(60)
            return real(classifier, clips)

        monkeypatch.setattr(VideoClassifier, "predict_clips", answer)


class Watching:
    """`vidcls watch` in a thread. Its cameras: one that is there, and one that never is."""

    def __init__(self, folder: Path, model: Path, source: str) -> None:
        self.url, self._over = "", threading.Event()
        cameras = (
            CameraSettings(name="door", source=source),
            CameraSettings(name="yard", source=f"http://127.0.0.1:{free_port()}/"),
        )
        settings = WatchSettings(model=model, cameras=cameras, state=folder, device="cpu", page=PageSettings(port=0))
        self._thread = threading.Thread(target=self._run, args=(settings,))

    def _run(self, settings: WatchSettings) -> None:
        def ready(url: str) -> None:
            self.url = url

        run(settings, is_stopped=self._over.is_set, on_ready=ready)

    def __enter__(self) -> Watching:
        self._thread.start()
        wait_for(lambda: self.url)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(60)

    def problems(self) -> list[str]:
        """What /healthz finds; none where it answers 200."""
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        with closing(connection):
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            found: list[str] = json.loads(answer.read())["problems"]
        assert answer.status == (503 if found else 200)
        return found

    def unanswered(self) -> float:
        """The metric."""
        with urllib.request.urlopen(f"{self.url}metrics", timeout=10) as answer:  # noqa: S310 - our own
            (line,) = [line for line in answer.read().decode().splitlines() if line.startswith("vidcls_unanswered")]
        return float(line.split()[1])


def test_a_model_that_hangs_is_told_and_a_camera_that_is_lost_is_another_matter(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(health, "ANSWER_SECONDS", ANSWER_SECONDS)
    driver, port = Driver(monkeypatch), free_port()
    with mjpeg_server.start(port)[0] as server, caplog.at_level(logging.WARNING, "vidcls"):
        try:
            with Watching(tmp_path, model, f"http://127.0.0.1:{port}/") as watching:
                wait_for(lambda: watching.problems() == [])
                until = time.monotonic() + 1.5 * ANSWER_SECONDS
                while time.monotonic() < until:  # windows come and are answered
                    assert watching.problems() == []
                    time.sleep(0.2)
                assert watching.unanswered() < ANSWER_SECONDS

                driver.answers.clear()
                wait_for(lambda: watching.problems() != [])
                (told,) = watching.problems()
                assert told.startswith("the model has not answered for ")
                assert told.endswith(" s, expected at most 5 s; start vidcls anew")
                assert watching.unanswered() > ANSWER_SECONDS
                wait_for(lambda: "has not answered" in caplog.text)
                time.sleep(2.5)  # it is asked every second

                driver.answers.set()
                wait_for(lambda: watching.problems() == [])
                server.kill()
                wait_for(lambda: watching.problems() == ["no camera is connected"])
                time.sleep(1.5 * ANSWER_SECONDS)
                assert watching.problems() == ["no camera is connected"]
                assert watching.unanswered() == 0
                assert caplog.text.count("has not answered") == 1
                assert caplog.text.count("the model answers again") == 1
        finally:
            driver.answers.set()
            server.kill()


PROGRAM = """
import itertools, sys, threading
from vidcls import pipeline
from vidcls.cli.main import main

answer, numbers = pipeline.predict_clips, itertools.count()

def answer_or_hang(*given):
    if next(numbers) == 3:
        print("hangs", file=sys.stderr, flush=True)
        threading.Event().wait()
    return answer(*given)

pipeline.predict_clips = answer_or_hang
main()
"""


def test_a_model_that_hangs_keeps_the_program_no_longer_than_is_documented(model: Path, tmp_path: Path) -> None:
    """And what it said before is written down: an event that went on ends."""
    film = write_clip(tmp_path / "film.mp4", frames=1500, rate=25)
    scores = ["--enter-score", "0", "--leave-score", "0", "--no-page", "--state", str(tmp_path / "state")]
    command = [sys.executable, "-c", PROGRAM, "watch", str(model), str(film), *scores]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as watch:
        try:
            assert watch.stderr is not None
            while "hangs" not in watch.stderr.readline():
                assert watch.poll() is None
            time.sleep(1)  # in which the answers before it are taken
            watch.send_signal(signal.SIGTERM)
            _, said = watch.communicate(timeout=60)
        finally:
            watch.kill()
    assert (watch.returncode, said) == (0, "WARNING: the model has not answered for 5 s, and is left behind\n")
    written = [json.loads(line) for line in (tmp_path / "state" / "events.jsonl").read_text().splitlines()]
    assert [event["state"] for event in written] == ["final"]
