"""`vidcls batch` on a real Ray, started on this machine; the answers are held against `vidcls predict`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from generated import write_clip, write_model
from vidcls.cli.main import main

pytest.importorskip("ray.data")
parquet = pytest.importorskip("pyarrow.parquet")

# A video whose reading kills the process that reads it: a filesystem that Python, and so every process of Ray, finds.
DEADLY = """
import os
import signal
import fsspec
from fsspec.spec import AbstractFileSystem


class Deadly(AbstractFileSystem):
    protocol = "deadly"

    def _open(self, path, **options):
        os.kill(os.getpid(), signal.SIGKILL)


fsspec.register_implementation("deadly", Deadly)
"""


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for number in range(20):
        write_clip(folder / f"{number:02}.mp4", frames=20 + number, rate=25)
    (folder / "broken.mp4").write_bytes(b"no video")
    return folder


def batch(*arguments: object, code: int, python: Path | None = None) -> tuple[dict[str, Any], str]:
    """(the summary, stderr) of the command in a process of its own, which Ray starts in and ends with."""
    command = [sys.executable, "-m", "vidcls.cli", "batch", *map(str, arguments), "--json"]
    paths = [*([str(python)] if python else []), *filter(None, sys.path[1:])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == code, result
    (line,) = result.stdout.splitlines()
    return json.loads(line), result.stderr


def rows(out: Path) -> dict[str, dict[str, Any]]:
    """Rows by path; there is one for each."""
    found = parquet.read_table(out).to_pylist()
    by_path = {row["path"]: row for row in found}
    assert len(by_path) == len(found)
    return by_path


def predictions(model: Path, videos: list[str], *options: str) -> dict[str, dict[str, Any]]:
    result = CliRunner().invoke(main, ["predict", str(model), *videos, *options, "--json", "--device", "cpu"])
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    return {answer["video"]: answer for answer in answers}


def test_every_video_has_its_row_whatever_happens_to_its_neighbours(model: Path, clips: Path, tmp_path: Path) -> None:
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "sitecustomize.py").write_text(DEADLY, encoding="utf-8")
    videos = [str(path) for path in sorted(clips.iterdir())]
    whole = tmp_path / "all.txt"
    out = tmp_path / "out.parquet"
    options = ("--views", "2", "--crops", "3", "--top-k", "2")

    # Without the deadly one and the last two first: the second run does only what is left.
    whole.write_text("\n".join(videos[:-3]), encoding="utf-8")
    summary, _ = batch(model, whole, "-o", out, "--actors", 2, *options, code=0)
    assert (summary["videos"], summary["before"], summary["failed"]) == (18, 0, {})
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}

    whole.write_text("\n".join([*videos, "deadly://it", str(tmp_path / "gone.mp4")]), encoding="utf-8")
    summary, told = batch(model, whole, "-o", out, "--actors", 2, *options, code=1, python=tmp_path / "python")
    assert (summary["videos"], summary["before"]) == (5, 18)
    assert summary["failed"] == {"VideoError": 2, "WorkerDied": 1}
    assert "has 18 of the 23 videos already" in told
    assert "Traceback" not in told
    assert before.items() <= {path.name: path.stat().st_mtime_ns for path in out.iterdir()}.items()

    found = rows(out)
    assert set(found) == {*videos, "deadly://it", str(tmp_path / "gone.mp4")}
    for video, answer in predictions(model, videos, *options).items():
        row = found[video]
        if "error" in answer:
            assert (row["error_type"], row["error"]) == (answer["error"]["type"], answer["error"]["message"])
            assert (row["label"], row["logits"]) == (None, None)
            continue
        assert (row["label"], row["error"]) == (answer["label"], None)
        assert row["score"] == pytest.approx(answer["score"], abs=1e-6)
        assert row["logits"] == pytest.approx(answer["logits"], abs=1e-6)
        assert [top["label"] for top in row["top"]] == [top["label"] for top in answer["top"]]
        assert [[window["start"], window["end"]] for window in row["windows"]] == answer["windows"]
        assert row["seconds"] > 0
    assert found["deadly://it"]["error_type"] == "WorkerDied"
    assert "processes died" in found["deadly://it"]["error"]


def test_what_is_done_is_not_done_again_and_needs_no_ray(model: Path, clips: Path, tmp_path: Path) -> None:
    from vidcls.batch.cluster import Settings, plan
    from vidcls.batch.parquet import Parts

    videos = sorted(map(str, clips.glob("*.mp4")))
    job = plan(model, videos, str(tmp_path / "out"), settings=Settings())
    assert (job.waiting, job.done) == (videos, 0)
    Parts(job.out, job.kept).write("one", [{"path": video} for video in videos])
    result = CliRunner().invoke(main, ["batch", str(model), str(clips), "-o", job.out])
    assert (result.exit_code, result.stdout) == (0, f"nothing to do: all {len(videos)} videos have an answer\n")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["gone", "-o", "out"], "gone: there is no such file or folder"),
        (["clips", "-o", "taken"], "taken: is a file; name a new folder for the answers"),
        (["clips", "-o", "out", "--crops", "2"], "Invalid value for '--crops'"),
        (["clips"], "Missing option '-o'"),
    ],
)
def test_wrong_usage_exits_with_2_before_ray_starts(
    arguments: list[str], problem: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "clips" / "a.mp4", frames=5)
    (tmp_path / "taken").touch()
    result = CliRunner().invoke(main, ["batch", str(model), *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert problem in result.stderr


def test_answers_of_another_model_or_asked_in_another_way_are_not_mixed_in(
    model: Path, clips: Path, tmp_path: Path
) -> None:
    from vidcls.batch.cluster import Settings, plan
    from vidcls.batch.parquet import Parts

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
    shutil.rmtree(job.out)


def test_a_cluster_that_is_not_there_is_named_at_once(model: Path, clips: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    result = CliRunner().invoke(main, ["batch", str(model), str(clips), "-o", out, "--address", "127.0.0.1:9"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: no Ray cluster answers at '127.0.0.1:9' (")
    assert "ray start --head" in result.stderr


def test_deaths_are_counted_for_what_was_under_way_and_forgiven_for_what_ends() -> None:
    from vidcls.batch.cluster import Watch

    watch = Watch(b"the model")
    assert watch.model() == b"the model"
    assert watch.begin_part("p") == {}
    for video in ("a", "b", "c"):
        watch.begin("p", video)
    watch.end("p", "a")
    assert watch.begin_part("p") == {"b": 1, "c": 1}  # its actor has died
    watch.begin("p", "b")
    watch.end("p", "b")
    watch.begin("p", "c")
    assert watch.begin_part("p") == {"c": 2}
    watch.end("p", "c")
    watch.end_part("p")
    assert watch.begin_part("p") == {}


def test_parts_hold_everything_once_and_suit_the_number_of_actors() -> None:
    from vidcls.batch.cluster import _cut

    for count, actors, size in ((1, 1, 16), (307, 2, 16), (5000, 2, 156), (100_000, 2, 256), (100_000, 100, 62)):
        videos = [str(number) for number in range(count)]
        parts = _cut(videos, actors=actors)
        assert [video for part in parts for video in part] == videos
        assert {len(part) for part in parts[:-1]} <= {size}
