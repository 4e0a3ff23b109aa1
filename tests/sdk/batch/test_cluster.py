"""`vidcls batch` on a real Ray, started on this machine; the answers are compared with `vidcls predict`'s."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import vidcls.batch
from generated import write_clip
from vidcls import VideoClassifier
from vidcls.cli.main import main

pytest.importorskip("ray.data")
pytest.importorskip("pyarrow.parquet")

from vidcls.batch.answers import predicted_row
from vidcls.batch.job import Settings, plan
from vidcls.batch.parts import Parts, part_name

parquet = pytest.importorskip("pyarrow.parquet")

pytestmark = pytest.mark.long

REGION = (0.5, 0.0, 1.0, 0.9)

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
    # A cluster that others use is none of ours, unless its address is given.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "RAY_ADDRESS": "127.0.0.1:1"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == code, result
    (line,) = result.stdout.splitlines()
    return json.loads(line), result.stderr


def rows(out: Path) -> dict[str, dict[str, Any]]:
    """Rows by path, as people see it; each video has one."""
    found = parquet.read_table(out).to_pylist()
    assert len({row["source_sha256"] for row in found}) == len(found)
    return {row["path"]: row for row in found}


def predictions(model: Path, videos: list[str], *options: str) -> dict[str, dict[str, Any]]:
    result = CliRunner().invoke(main, ["predict", str(model), *videos, *options, "--json", "--device", "cpu"])
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    return {answer["video"]: answer for answer in answers}


def answered_before(model: Path, videos: list[str], out: Path) -> None:
    """Leave in `out` what a run that was stopped after these videos leaves: a part with a row each.

    Starting Ray once more for it takes as long as all else here; test_two_jobs stops a real one.
    """
    settings = Settings(views=2, crops=3, region=REGION, top_k=2)
    job = plan(model, videos, str(out), settings=settings)
    asked = {"views": settings.views, "crops": settings.crops, "region": settings.region}
    answers = VideoClassifier(model, device="cpu").predict_many(videos, **asked)  # type: ignore[arg-type]
    rows = [predicted_row(video, answer, top_k=2) for video, answer in zip(videos, answers, strict=True)]  # type: ignore[arg-type]
    Parts(job.out, job.kept).write(part_name(videos), rows)


def test_every_video_has_its_row_whatever_happens_to_its_neighbours(model: Path, clips: Path, tmp_path: Path) -> None:
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "sitecustomize.py").write_text(DEADLY, encoding="utf-8")
    videos = [str(path) for path in sorted(clips.iterdir())]
    whole = tmp_path / "all.txt"
    out = tmp_path / "out.parquet"
    options = ("--views", "2", "--crops", "3", "--region", "0.5,0,1,0.9", "--top-k", "2")

    # Some have an answer already: only what is left is done.
    answered_before(model, videos[:5], out)
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}

    alike = [f"http://127.0.0.1:9/a.mp4?token={number}" for number in (1, 2)]
    others = [*alike, "deadly://it", str(tmp_path / "gone.mp4"), videos[0]]
    whole.write_text("\n".join([*videos, *others]), encoding="utf-8")
    summary, messages = batch(model, whole, "-o", out, "--actors", 2, *options, code=1, python=tmp_path / "python")
    assert (summary["videos"], summary["before"], summary["repeated"]) == (20, 5, 1)
    assert summary["failed"] == {"VideoError": 4, "WorkerDied": 1}
    assert "has 5 of the 25 videos already" in messages
    assert "Traceback" not in messages
    assert before.items() <= {path.name: path.stat().st_mtime_ns for path in out.iterdir()}.items()

    found = rows(out)
    assert set(found) == {*videos, "deadly://it", str(tmp_path / "gone.mp4"), "http://127.0.0.1:9/a.mp4?token=..."}
    assert parquet.read_table(out).num_rows == 25
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


def test_a_cluster_that_is_not_there_is_named_at_once(model: Path, clips: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    result = CliRunner().invoke(main, ["batch", str(model), str(clips), "-o", out, "--address", "127.0.0.1:9"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: no Ray cluster answers at '127.0.0.1:9' (")
    assert "ray start --head" in result.stderr


@pytest.mark.parametrize("package", ["ray", "pyarrow", "fsspec"])
def test_without_its_packages_the_line_that_installs_them_is_named(
    package: str, model: Path, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vidcls, "batch", vidcls.batch)  # as it is put back after the test
    for module in [name for name in sys.modules if f"{name}.".startswith("vidcls.batch.")]:
        monkeypatch.delitem(sys.modules, module)  # they are imported anew
    monkeypatch.setitem(sys.modules, package, None)
    result = CliRunner().invoke(main, ["batch", str(model), str(clips), "-o", str(tmp_path / "out")])
    name = {"ray": "Ray"}.get(package, package)
    problem = f"{name} cannot be imported (import of {package} halted; None in sys.modules)"
    remedy = "install it with 'pip install \"vidcls[ray]\"'"
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {problem}; {remedy}\n")
