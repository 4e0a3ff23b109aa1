"""What is left to do, and in which parts."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from generated import write_clip, write_model
from vidcls.cli.main import main

pytest.importorskip("ray.data")  # which the command wants to find before it plans anything
pytest.importorskip("pyarrow")
pytest.importorskip("fsspec")

from vidcls.batch.job import Settings, plan, split
from vidcls.batch.parts import Parts


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for number in range(3):
        write_clip(folder / f"{number}.mp4", frames=5 + number, rate=25)
    return folder


def test_what_is_done_is_not_done_again_and_needs_no_ray(model: Path, clips: Path, tmp_path: Path) -> None:
    videos = sorted(map(str, clips.glob("*.mp4")))
    job = plan(model, videos, str(tmp_path / "out"), settings=Settings())
    assert (job.waiting, job.done) == (videos, 0)
    Parts(job.out, job.kept).write("one", [{"path": video} for video in videos])
    result = CliRunner().invoke(main, ["batch", str(model), str(clips), "-o", job.out])
    assert (result.exit_code, result.stdout) == (0, f"nothing to do: all {len(videos)} videos have an answer\n")


def test_answers_of_another_model_or_asked_in_another_way_are_not_mixed_in(
    model: Path, clips: Path, tmp_path: Path
) -> None:
    job = plan(model, ["a.mp4"], str(tmp_path / "out"), settings=Settings())
    Parts(job.out, job.kept).write("one", [{"path": "a.mp4"}])
    other = write_model(tmp_path / "other.onnx", labels=("x", "y"))
    for changed, asked, *options in (
        ("model", other),
        ("views", model, "--views", "2"),
        ("crops", model, "--crops", "3"),
        ("top_k", model, "--top-k", "1"),
    ):
        result = CliRunner().invoke(main, ["batch", str(asked), str(clips), "-o", job.out, *map(str, options)])
        assert result.exit_code == 2
        assert f"holds answers with another {changed}; name a new folder" in result.stderr


def test_parts_hold_everything_once_and_suit_the_number_of_actors() -> None:
    for count, actors, size in ((1, 1, 16), (307, 2, 16), (5000, 2, 156), (100_000, 2, 256), (100_000, 100, 62)):
        videos = [str(number) for number in range(count)]
        parts = split(videos, actors=actors)
        assert [video for part in parts for video in part] == videos
        assert {len(part) for part in parts[:-1]} <= {size}
