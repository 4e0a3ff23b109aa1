"""The whole of `vidcls watch`, as a process of its own, beside a real broker and a web hook; also killed, again and
again. Every event that the file holds has to have reached both."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from generated import write_clip, write_model
from slow import slow
from vidcls import VideoClassifier
from vidcls.watch.journal import Journal
from vidcls.watch.run import _board
from vidcls.watch.settings import CameraSettings, WatchSettings
from watched import Hook, Mosquitto, Subscriber, wait_for

# Of stopping: documented.
STOP_SECONDS = 8.0


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 s in which the tiny model's answer changes about every second."""
    return write_clip(tmp_path_factory.mktemp("film") / "film.mp4", frames=500, rate=25)


class Watch:
    """`vidcls watch` as a process. `address` is its page's."""

    def __init__(self, *words: str | Path) -> None:
        command = [sys.executable, "-m", "vidcls.cli", "watch", *map(str, words)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        self.first_line = self.process.stderr.readline()
        self.address = self.first_line.partition("the page is ")[2].partition(";")[0]

    def stop(self, kind: signal.Signals = signal.SIGTERM) -> tuple[int, str, float]:
        """Its exit code, what it said, and how long it took to end."""
        self.process.send_signal(kind)
        started = time.monotonic()
        _, said = self.process.communicate(timeout=3 * STOP_SECONDS)
        return self.process.returncode, said, time.monotonic() - started


@contextmanager
def watching(*words: str | Path) -> Iterator[Watch]:
    watch = Watch(*words)
    try:
        yield watch
    finally:
        watch.process.kill()
        watch.process.wait()
        assert watch.process.stderr is not None
        watch.process.stderr.close()


def events(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def arguments(folder: Path, model: Path, *sources: Path, hook: Hook, port: int) -> list[str | Path]:
    scores = ["--enter-score", "0.3", "--leave-score", "0.25", "--step-seconds", "0.2"]
    receivers = ["--webhook", hook.url, "--mqtt", f"127.0.0.1:{port}", "--port", "0"]
    return [model, *sources, "--state", folder / "state", "--events", folder / "events.jsonl", *scores, *receivers]


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.kill()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    folder = tmp_path / "broker"
    folder.mkdir()
    broker = Mosquitto(folder)
    yield broker
    broker.kill()


def test_it_watches_until_it_is_told_to_end(
    model: Path, film: Path, tmp_path: Path, hook: Hook, broker: Mosquitto
) -> None:
    words = arguments(tmp_path, model, film, hook=hook, port=broker.port)
    with Subscriber(broker.port, topic="vidcls/film/#") as home, watching(*words) as watch:
        assert watch.first_line == f"watching 1 camera; the page is {watch.address}; Ctrl-C ends it\n"
        wait_for(lambda: len(hook.bodies) >= 3)
        with urllib.request.urlopen(f"{watch.address}healthz", timeout=5) as answer:  # noqa: S310 - our own
            assert answer.status == 200

        code, said, seconds = watch.stop()
        assert (code, said) == (0, "")
        assert seconds < STOP_SECONDS
        written = events(tmp_path / "events.jsonl")
        wait_for(lambda: len(home.all_of("vidcls/film/event")) == len(hook.bodies))
        wait_for(lambda: home.last("vidcls/film/connection") == "OFF")
        wait_for(lambda: not [topic for topic, _, _ in home.heard if "/label/" in topic and home.last(topic) == "ON"])
    told = [json.loads(body) for body in hook.bodies]
    assert [event for event in told if event["state"] == "final"] == written
    assert told == [json.loads(payload) for payload in home.all_of("vidcls/film/event")]
    assert {event["id"] for event in told if event["state"] == "provisional"} == {event["id"] for event in written}


@slow
def test_it_ends_with_its_last_source(model: Path, clip: Path, tmp_path: Path, hook: Hook) -> None:
    words: list[str | Path] = [model, clip, "--state", tmp_path, "--no-page", "--webhook", hook.url]
    with watching(*words) as watch:
        assert watch.process.wait(timeout=60) == 0
    assert len(events(tmp_path / "events.jsonl")) * 2 == len(hook.bodies)


@slow
def test_another_is_not_given_its_state(model: Path, tmp_path: Path) -> None:
    words: list[str | Path] = [
        model,
        "http://127.0.0.1:9/door",
        "--state",
        tmp_path,
        "--no-page",
    ]  # waited for, for good
    with watching(*words):
        other = subprocess.run(
            [sys.executable, "-m", "vidcls.cli", "watch", *map(str, words)], capture_output=True, text=True, check=False
        )
    assert other.returncode == 2
    assert "another vidcls watch keeps its state there" in other.stderr


@slow
def test_a_camera_that_is_not_there_stops_no_other(model: Path, clip: Path, tmp_path: Path, hook: Hook) -> None:
    words: list[str | Path] = [
        model,
        "http://127.0.0.1:9/door",
        clip,
        "--state",
        tmp_path,
        "--no-page",
        "--webhook",
        hook.url,
    ]
    with watching(*words, "--enter-score", "0.3") as watch:
        wait_for(lambda: hook.bodies)
        code, said, seconds = watch.stop(signal.SIGINT)
    assert (code, seconds < STOP_SECONDS) == (0, True)
    assert (watch.first_line + said).count("trying again until it can be opened") == 1


@slow
def test_receivers_that_hang_hold_its_end_up_for_eight_seconds_at_most(
    model: Path, film: Path, tmp_path: Path, broker: Mosquitto
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes calls and never answers
        words: list[str | Path] = [model, film, film, "--state", tmp_path, "--clips", tmp_path / "clips", "--port", "0"]
        words += ["--webhook", f"http://127.0.0.1:{silent.getsockname()[1]}/", "--mqtt", f"127.0.0.1:{broker.port}"]
        with watching(*words, "--enter-score", "0.3", "--leave-score", "0.25") as watch:
            file = tmp_path / "events.jsonl"
            wait_for(lambda: file.exists() and len(events(file)) >= 2)
            broker.pause()
            code, said, seconds = watch.stop()
    assert (code, seconds < STOP_SECONDS) == (0, True), seconds
    assert said.count("are sent at the next start") == 2
    assert len(events(tmp_path / "events.jsonl")) > 0


@slow
def test_killed_again_and_again_it_loses_no_finished_event(
    model: Path, film: Path, tmp_path: Path, hook: Hook, broker: Mosquitto
) -> None:
    words = arguments(tmp_path, model, film, film, hook=hook, port=broker.port)
    begun: list[list[dict[str, Any]]] = []  # of each run, as the web hook heard
    with Subscriber(broker.port, topic="vidcls/#") as home:
        for run in range(6):
            before = len(hook.bodies)
            with watching(*words) as watch:
                wait_for(lambda before=before: len(hook.bodies) > before, seconds=20)  # type: ignore[misc]
                time.sleep(2 + 0.37 * run)
                if run % 2:
                    hook.kill()
                    broker.stop() if run == 1 else broker.kill()
                    time.sleep(2)
                watch.process.send_signal(signal.SIGKILL if run < 5 else signal.SIGTERM)
                watch.process.wait(timeout=20)
            if run == 0:  # nobody but the broker can say so
                wait_for(lambda: home.last("vidcls/status") == "offline")
            if run % 2:
                hook.start()
                broker.start()
            told = [json.loads(body) for body in hook.bodies[before:]]
            begun.append([event for event in told if event["state"] == "provisional"])
        with watching(*words) as watch:
            wait_for(lambda: len(home.heard) > 0)
            time.sleep(3)
            assert watch.stop()[0] == 0
        in_file = events(tmp_path / "events.jsonl")
        written = [event["id"] for event in in_file]
        assert any(event["cut_short"] for event in in_file)
        at_home = ["vidcls/film/event", "vidcls/film-2/event"]
        wait_for(lambda: set(written) <= {json.loads(body)["id"] for place in at_home for body in home.all_of(place)})
    assert len(written) > 20
    assert len(set(written)) == len(written)
    for name, bodies in (
        ("hook", [body.decode() for body in hook.bodies]),
        ("broker", [payload for topic, payload, _ in home.heard if topic in at_home]),
    ):
        ids = [event["id"] for event in map(json.loads, bodies) if event["state"] == "final"]
        assert list(dict.fromkeys(ids)) == written, name  # in order, and none but these
        again = [times - 1 for times in Counter(ids).values() if times > 1]
        assert sum(again) <= 5 + 3, f"{name}: {sum(again)} were sent again, expected at most one a kill"
    # Who was told of a beginning is told of its end, also where a kill came between.
    for heard in begun:
        for camera in ("film", "film-2"):
            ids = [event["id"] for event in heard if event["camera"] == camera]
            assert set(ids) <= set(written)


def test_the_page_shows_where_the_model_looks_unless_that_is_all_of_it(model: Path, tmp_path: Path) -> None:
    def boxes(model: Path, **shown: Any) -> Any:
        """Of a picture of 640 x 360, as the page asks for them."""
        cameras = (CameraSettings(name="door", source=0, **shown),)
        settings = WatchSettings(model=model, cameras=cameras, state=tmp_path / "state")
        journal = Journal(tmp_path / "events.jsonl", positions=tmp_path / "positions", receivers=(), max_bytes=None)
        return _board(settings, VideoClassifier(model, device="cpu"), journal).boxes("door", width=640, height=360)

    # 640 x 360 becomes 56 x 32, of which a crop has 32 columns: 640 / 56 = 11.43 pixels each.
    assert boxes(model) == [(137, 0, 503, 360)]
    assert boxes(model, crops=3) == [(0, 0, 366, 360), (137, 0, 503, 360), (274, 0, 640, 360)]
    # The region's 160 x 180 become 32 x 36, of which a crop has the middle 32 rows: 5 pixels each.
    assert boxes(model, region=(0.5, 0.0, 0.75, 0.5)) == [(320, 10, 480, 170)]
    stretching = write_model(tmp_path / "stretch.onnx", resize="stretch")
    assert boxes(stretching) == []
    assert boxes(stretching, region=(0.5, 0.0, 1.0, 0.5)) == [(320, 0, 640, 180)]
