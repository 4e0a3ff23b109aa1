from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from generated import LABELS, write_clip, write_model
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


def test_webcam_plays_a_file_at_its_own_pace_and_stops_in_time(model: Path, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=300, rate=30)

    result = run("webcam.py", model, "--source", clip, "--seconds", 2)

    assert result.returncode == 0, result.stderr
    assert result.stderr.count("no display") == 1
    lines = [re.match(r" *(\d+\.\d\d) s  \d\.\d\d  (.+)  \(lag \d+ ms, ", line) for line in result.stdout.splitlines()]
    assert all(lines)
    assert {line[2] for line in lines if line} <= set(LABELS)
    times = [float(line[1]) for line in lines if line]
    assert times == sorted(times)
    assert 1.5 < times[-1] <= 2.1  # unpaced, all 300 frames would be over well before
    assert 5 < len(times) <= 2.1 * 30  # never twice the same newest frame


def test_webcam_ends_with_its_source(model: Path, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=10, rate=30)

    result = run("webcam.py", model, "--source", clip)

    assert result.returncode == 0, result.stderr
    assert result.stdout


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("classify_file.py", ["missing.mp4"]), ("webcam.py", ["--source", "missing.mp4"])],
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
