from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from generated import LABELS, write_clip, write_model
from loopback import serving
from motion import film, write_motion_model
from slow import slow
from vidcls import VideoClassifier

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run an example as a user without a display does."""
    environment = {key: value for key, value in os.environ.items() if key != "DISPLAY"}
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "model.onnx")


def test_classify_file_prints_the_most_probable_labels(model: Path, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=40)

    result = run("classify_file.py", model, clip)

    expected = [f"{score:.4f}  {label}" for label, score in VideoClassifier(model).predict(clip).top(5)]
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == expected


@pytest.mark.clock
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM], ids=lambda kind: kind.name)
def test_webcam_prints_what_a_file_shows_at_its_own_pace_until_it_is_ended(
    kind: signal.Signals, model: Path, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=300, rate=30)
    process = start("webcam.py", model, "--source", clip)
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        begun = time.monotonic()
        while time.monotonic() - begun < 1.5:
            lines.append(process.stdout.readline())
        process.send_signal(kind)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        rest, complaints = process.communicate()
    assert complaints == ""
    lines += rest.splitlines()
    found = [re.match(r" *(\d+\.\d\d) s  \d\.\d\d  (.+)  \(lag \d+\.\d\d s\)", line) for line in lines]
    assert all(found)
    assert {line[2] for line in found if line} <= set(LABELS)
    times = [float(line[1]) for line in found if line]
    assert times == sorted(set(times))  # never twice the same window
    assert 1.0 <= times[-1] - times[0] <= 7.0  # unpaced, or where it does not end, all 10 s


def test_webcam_ends_with_its_source(model: Path, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=10, rate=30)

    result = run("webcam.py", model, "--source", clip)

    assert result.returncode == 0, result.stderr
    assert result.stdout.count("\n") == 1  # shorter than a window: used whole


def start(name: str, *arguments: object) -> subprocess.Popen[str]:
    """Start an example as on a machine without a display."""
    environment = {key: value for key, value in os.environ.items() if key != "DISPLAY"}
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


@pytest.fixture(scope="module")
def film_of_two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model that knows directions, and 3.6 s of video in two of them."""
    folder = tmp_path_factory.mktemp("film")
    video = film(folder / "film.avi", [("right", 1.8), ("down", 1.8)], rate=15)
    return write_motion_model(folder / "motion.onnx"), video


def test_log_events_writes_a_line_per_event(film_of_two: tuple[Path, Path], tmp_path: Path) -> None:
    model, video = film_of_two

    result = run("log_events.py", model, tmp_path / "events.jsonl", "--source", video, "--smoothing-seconds", 0.3)

    assert result.returncode == 0, result.stderr
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [event["label"] for event in events] == ["right", "down"]
    assert all(0.7 < event["seconds"] < 2.9 for event in events)
    times = [datetime.fromisoformat(event[end]) for event in events for end in ("start", "end")]
    assert times == sorted(times)


def test_webhook_is_called_at_starts_and_ends(film_of_two: tuple[Path, Path]) -> None:
    model, video = film_of_two
    bodies: list[dict[str, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(500 if len(bodies) == 1 else 200)  # the first call has to be made again
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with serving(Hook) as name:
        result = run("webhook.py", model, f"{name}/hook", "--source", video)

    assert result.returncode == 0, result.stderr
    assert result.stderr.splitlines() == [f"{name}: answers 500", f"{name}: takes messages again"]
    assert bodies[0] == bodies[1]
    calls = [(body["event"], body["label"]) for body in bodies[1:]]
    assert calls == [("started", "right"), ("ended", "right"), ("started", "down"), ("ended", "down")]
    assert [body["end"] is None for body in bodies[1:]] == [True, False, True, False]


@slow
def test_webhook_ends_in_time_beside_a_server_that_drips_and_says_no_secret(film_of_two: tuple[Path, Path]) -> None:
    model, video = film_of_two
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://me:s3cr3t@127.0.0.1:{silent.getsockname()[1]}/s3cr3t?key=s3cr3t"
        process = start("webhook.py", model, url, "--source", video, "--token", "s3cr3t")
        client, _ = silent.accept()  # of the first event
        with client:
            begun = time.monotonic()
            process.terminate()
            with suppress(OSError):
                while time.monotonic() - begun < 20:
                    client.sendall(b"H")
                    time.sleep(0.1)
        output, complaints = process.communicate(timeout=20)
        assert time.monotonic() - begun < 2 + 5
    assert (process.returncode, output) == (0, "")
    assert "messages were not delivered" in complaints
    assert "s3cr3t" not in complaints


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://me:s3cr3t@hooks.example:99999/", "hooks.example"])
def test_webhook_refuses_what_cannot_be_called_at_the_start(model: Path, url: str) -> None:
    result = run("webhook.py", model, url, "--source", "missing.mp4")
    assert result.returncode == 2
    assert "cannot be called, expected http://HOST" in result.stderr
    assert "s3cr3t" not in result.stderr


def test_log_events_names_a_file_that_cannot_be_written(model: Path, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=40)
    result = run("log_events.py", model, tmp_path / "missing" / "events.jsonl", "--source", clip)
    assert result.returncode == 1
    assert result.stderr.endswith("events.jsonl: cannot be written (No such file or directory)\n")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("classify_file.py", ["missing.mp4"]),
        ("webcam.py", ["--source", "missing.mp4"]),
        ("log_events.py", ["events.jsonl", "--source", "missing.mp4"]),
        ("webhook.py", ["http://127.0.0.1:9/", "--source", "missing.mp4"]),
    ],
)
def test_missing_video_is_one_sentence(model: Path, name: str, arguments: list[str]) -> None:
    result = run(name, model, *arguments)

    assert result.returncode == 1
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: missing.mp4: ")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_first_line_gives_the_command(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]

    assert f"python examples/{path.name} " in first
