"""What is left to do, and in which parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from generated import write_clip, write_model
from vidcls.cli.main import main
from vidcls.video.source import source_name

pytest.importorskip("ray.data")  # which the command wants to find before it plans anything
pytest.importorskip("pyarrow")
pytest.importorskip("fsspec")

from vidcls.batch.answers import failed_row, source_sha256
from vidcls.batch.job import Settings, plan, retry_failed, settle, split
from vidcls.batch.parts import Parts, part_name


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for number in range(3):
        write_clip(folder / f"{number}.mp4", frames=5 + number, rate=25)
    return folder


def done(video: str) -> dict[str, Any]:
    return {"path": source_name(video), "source_sha256": source_sha256(video)}


def test_what_is_done_is_not_done_again_and_needs_no_ray(model: Path, clips: Path, tmp_path: Path) -> None:
    videos = sorted(map(str, clips.glob("*.mp4")))
    job = plan(model, videos, str(tmp_path / "out"), settings=Settings())
    assert (job.waiting, job.done) == (videos, 0)
    Parts(job.out, job.kept).write("one", [done(video) for video in videos])
    result = CliRunner().invoke(main, ["batch", str(model), str(clips), "-o", job.out])
    assert (result.exit_code, result.stdout) == (0, f"nothing to do: all {len(videos)} videos have an answer\n")


def test_answers_of_another_model_or_asked_in_another_way_are_not_mixed_in(
    model: Path, clips: Path, tmp_path: Path
) -> None:
    job = plan(model, ["a.mp4"], str(tmp_path / "out"), settings=Settings())
    Parts(job.out, job.kept).write("one", [done("a.mp4")])
    other = write_model(tmp_path / "other.onnx", labels=("x", "y"))
    for changed, asked, *options in (
        ("model", other),
        ("views", model, "--views", "2"),
        ("crops", model, "--crops", "3"),
        ("region", model, "--region", "0.5,0,1,1"),
        ("top_k", model, "--top-k", "1"),
    ):
        result = CliRunner().invoke(main, ["batch", str(asked), str(clips), "-o", job.out, *map(str, options)])
        assert result.exit_code == 2
        assert f"holds answers with another {changed}; name a new folder" in result.stderr


def test_a_region_is_kept_and_answers_from_before_there_were_any_go_on(model: Path, tmp_path: Path) -> None:
    half = Settings(region=(0.5, 0.0, 1.0, 1.0))
    job = plan(model, ["a.mp4"], str(tmp_path / "half"), settings=half)
    Parts(job.out, job.kept).write("one", [done("a.mp4")])
    assert plan(model, ["a.mp4"], job.out, settings=half).done == 1

    job = plan(model, ["a.mp4"], str(tmp_path / "all"), settings=Settings())
    earlier = {name: value for name, value in job.kept.items() if name != "region"}
    Parts(job.out, earlier).write("one", [done("a.mp4")])
    assert plan(model, ["a.mp4"], job.out, settings=Settings()).done == 1


ALIKE = [
    "http://me:1@host/a.mp4",
    "http://me:2@host/a.mp4",
    "/a\udcff.mp4",
    "/a\udcfe.mp4",
    "/b.mp4",
    "/😀.mp4",
]


def test_videos_that_are_shown_alike_are_each_done_once(model: Path, tmp_path: Path) -> None:
    job = plan(model, [*ALIKE, ALIKE[0], ALIKE[4]], str(tmp_path), settings=Settings())
    assert (job.waiting, job.done, job.repeated) == (ALIKE, 0, 2)
    Parts(job.out, job.kept).write("one", [done(video) for video in ALIKE[::2]])
    job = plan(model, ALIKE, str(tmp_path), settings=Settings())
    assert (job.waiting, job.done, job.repeated) == (ALIKE[1::2], 3, 0)


def test_a_rerun_says_what_failed_before_and_exits_with_1(model: Path, clips: Path, tmp_path: Path) -> None:
    videos = sorted(map(str, clips.glob("*.mp4")))
    out = str(tmp_path / "out")
    job = plan(model, videos, out, settings=Settings())
    problem = "cannot be opened \x1b[2J"
    rows = [done(videos[0]), *(failed_row(video, kind="VideoError", problem=problem) for video in videos[1:])]
    Parts(out, job.kept).write("one", rows)
    result = CliRunner().invoke(main, ["batch", str(model), str(clips), "-o", out])
    assert result.exit_code == 1
    assert result.stdout == "nothing to do: all 3 videos have an answer; 2 failed before: 2 VideoError\n"
    assert result.stderr.splitlines() == [
        f"{out} has 3 of the 3 videos already",
        "2 of them failed before (2 VideoError); --retry-failed tries them again",
        *(f"failed before: {video}: cannot be opened \\x1b[2J" for video in videos[1:]),
    ]
    result = CliRunner().invoke(main, ["batch", str(model), str(clips), "-o", out, "--json"])
    fields = json.loads(result.stdout)
    assert (result.exit_code, fields["videos"], fields["before"], fields["failed"]) == (1, 0, 3, {})
    assert (fields["failed_before"], fields["retried"], fields["repeated"]) == ({"VideoError": 2}, 0, 0)
    # Of videos that are not listed this time nothing is said.
    result = CliRunner().invoke(main, ["batch", str(model), videos[0], "-o", out])
    assert (result.exit_code, result.stdout) == (0, "nothing to do: all 1 videos have an answer\n")


def test_failed_videos_that_are_tried_again_wait_and_are_without_a_row(model: Path, tmp_path: Path) -> None:
    videos = [f"/{number}.mp4" for number in range(4)]
    job = plan(model, videos, str(tmp_path), settings=Settings())
    parts = Parts(job.out, job.kept)
    parts.write("one", [done(videos[0]), failed_row(videos[1], kind="VideoError", problem="it is empty")])
    parts.write("two", [failed_row("/elsewhere.mp4", kind="VideoError", problem="it is empty")])
    again = retry_failed(plan(model, videos, job.out, settings=Settings()))
    assert (again.waiting, again.done, again.failed) == ([*videos[2:], videos[1]], 1, {})
    killed = plan(model, videos, job.out, settings=Settings())  # and started anew
    assert (killed.waiting, killed.done, killed.failed) == (videos[1:], 1, {})
    assert source_sha256("/elsewhere.mp4") in parts.answers()


def test_a_job_settles_where_another_one_has_written(model: Path, tmp_path: Path) -> None:
    job = plan(model, ["/a.mp4", "/b.mp4"], str(tmp_path), settings=Settings())
    parts = Parts(job.out, job.kept)
    own = [["/a.mp4", "/b.mp4"]]
    parts.write(part_name(own[0]), [done("/a.mp4"), done("/b.mp4")])
    settle(job, own)
    parts.write("other", [done("/b.mp4"), done("/c.mp4")])
    settle(job, own)
    rows = pytest.importorskip("pyarrow.parquet").read_table(tmp_path).to_pylist()
    assert sorted(row["path"] for row in rows) == ["/a.mp4", "/b.mp4", "/c.mp4"]


def test_parts_hold_everything_once_and_suit_the_number_of_actors() -> None:
    for count, actors, size in ((1, 1, 16), (307, 2, 16), (5000, 2, 156), (100_000, 2, 256), (100_000, 100, 62)):
        videos = [str(number) for number in range(count)]
        parts = split(videos, actors=actors)
        assert [video for part in parts for video in part] == videos
        assert {len(part) for part in parts[:-1]} <= {size}
