"""Jobs on a real Ray that are killed, run beside each other, or whose videos are shown alike: one row of each video."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from generated import write_clip
from slow import slow
from vidcls.batch.answers import source_sha256

pytest.importorskip("ray.data")
parquet = pytest.importorskip("pyarrow.parquet")

pytestmark = slow


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "vidcls.cli", "batch", *map(str, arguments), "--actors", "1", "--json"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str], *, code: int) -> dict[str, Any]:
    out, messages = process.communicate(timeout=600)
    assert process.returncode == code, messages
    fields: dict[str, Any] = json.loads(out)
    return fields


def counted(out: Path) -> Counter[str]:
    """How many rows each video has."""
    return Counter(parquet.read_table(out).column("source_sha256").to_pylist())


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Enough for ten parts of 16."""
    folder = tmp_path_factory.mktemp("clips")
    first = write_clip(folder / "000.mp4", frames=200, rate=25)
    for number in range(1, 160):
        (folder / f"{number:03}.mp4").write_bytes(first.read_bytes())
    return sorted(map(str, folder.iterdir()))


def test_videos_that_are_shown_alike_have_a_row_each(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    good = write_clip(folder / "good.mp4", frames=20, rate=25)
    for name in (b"a\xff.mp4", b"a\xfe.mp4", b"a\xff\xfe.mp4"):
        Path(os.fsdecode(bytes(folder) + b"/" + name)).write_bytes(good.read_bytes())
    videos = [str(path) for path in folder.iterdir()]
    expected = Counter({source_sha256(video): 1 for video in videos})
    summary = end(start(model, folder, "-o", tmp_path / "out"), code=1)
    assert (summary["videos"], summary["failed"]) == (4, {"VideoError": 3})
    assert counted(tmp_path / "out") == expected
    assert end(start(model, folder, "-o", tmp_path / "out"), code=1)["videos"] == 0
    # Mended, and tried again.
    for number, video in enumerate(videos):
        if not video.isascii():
            broken = Path(video)
            broken.rename(folder / f"mended-{number}.mp4")
    for path in folder.glob("mended-*"):
        expected[source_sha256(str(path))] += 1
    summary = end(start(model, folder, "-o", tmp_path / "out"), code=0)
    assert (summary["videos"], summary["before"]) == (3, 1)
    assert counted(tmp_path / "out") == expected


def test_failed_videos_are_done_again(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    good = write_clip(folder / "good.mp4", frames=20, rate=25)
    late = folder / "late.mp4"
    late.write_bytes(b"not yet")
    end(start(model, folder, "-o", tmp_path / "out"), code=1)
    late.write_bytes(good.read_bytes())
    assert end(start(model, folder, "-o", tmp_path / "out"), code=1)["videos"] == 0
    summary = end(start(model, folder, "-o", tmp_path / "out", "--retry-failed"), code=0)
    assert (summary["videos"], summary["retried"], summary["failed_before"]) == (1, 1, {})
    assert counted(tmp_path / "out") == Counter({source_sha256(str(path)): 1 for path in (good, late)})
    assert end(start(model, folder, "-o", tmp_path / "out", "--retry-failed"), code=0)["retried"] == 0


def test_a_job_that_is_killed_again_and_again_comes_to_its_end(model: Path, clips: list[str], tmp_path: Path) -> None:
    out, folder = tmp_path / "out", Path(clips[0]).parent
    kills = 0
    for wanted in (1, 3, 6):
        process = start(model, folder, "-o", out)
        while process.poll() is None and len(list(out.glob("part-*"))) < wanted:
            time.sleep(0.01)
        process.kill()
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
        time.sleep(5)  # what Ray started ends with the process that started it
        if out.exists() and list(out.glob("part-*")):
            assert max(counted(out).values()) == 1
    assert kills == 3
    end(start(model, folder, "-o", out), code=0)
    assert counted(out) == Counter({source_sha256(video): 1 for video in clips})


def test_two_jobs_on_one_folder_leave_one_row_of_each_video(model: Path, clips: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text("\n".join(clips), encoding="utf-8")
    second.write_text("\n".join(clips[30:][::-1]), encoding="utf-8")
    jobs = [start(model, source, "-o", out) for source in (first, second)]
    summaries = [end(job, code=0) for job in jobs]
    assert sum(summary["videos"] for summary in summaries) > len(clips)  # some were done twice
    assert counted(out) == Counter({source_sha256(video): 1 for video in clips})
