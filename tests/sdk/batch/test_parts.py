"""A folder of answers in Parquet: whole or not at all, and only those of one model asked in one way together."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from vidcls.batch.answers import failed_row, source_sha256

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
arrow_module = pytest.importorskip("vidcls.batch.arrow")
parts_module = pytest.importorskip("vidcls.batch.parts")
SCHEMA, Parts, part_name = arrow_module.SCHEMA, parts_module.Parts, parts_module.part_name
PartsError = parts_module.PartsError

SETTINGS = {"model": "ab" * 32, "views": 1, "crops": 1, "top_k": 5}
A, B, C = (source_sha256(name) for name in ("a.mp4", "b.mp4", "c.mp4"))
ROWS: list[dict[str, Any]] = [
    {
        "path": "a.mp4",
        "source_sha256": A,
        "label": "wave",
        "score": 0.75,
        "top": [{"label": "wave", "score": 0.75}, {"label": "clap", "score": 0.25}],
        "logits": [0.1, 1.2],
        "windows": [{"start": 0.0, "end": 0.8}],
        "seconds": 0.5,
    },
    {"path": "b.mp4", "source_sha256": B, "error": "b.mp4: is empty", "error_type": "VideoError"},
]
FAILED = {"path": "a.mp4", "source_sha256": A, "error": "a.mp4: is empty", "error_type": "VideoError"}


@pytest.mark.parametrize("place", ["disk", "memory"])
def test_what_was_written_is_read_again(place: str, tmp_path: Path) -> None:
    out = str(tmp_path / "out.parquet") if place == "disk" else f"memory://{uuid4().hex}/out.parquet"
    parts = Parts(out, SETTINGS)
    assert parts.answers() == {}
    parts.write("one", ROWS)
    parts.write("two", [{"path": "c.mp4", "source_sha256": C}])
    parts.write("one", ROWS)
    assert parts.names() == {"part-one.parquet", "part-two.parquet"}
    found = parts.answers()
    assert set(found) == {A, B, C}
    assert {identity: answer.error for identity, answer in found.items() if answer.error} == {B: "b.mp4: is empty"}
    if place == "disk":
        table = parquet.read_table(out).sort_by("path")
        assert table.schema.remove_metadata() == SCHEMA
        first, second, third = table.to_pylist()
        assert first == {**dict.fromkeys(SCHEMA.names), **ROWS[0], "logits": [pytest.approx(0.1), pytest.approx(1.2)]}
        assert second == {**dict.fromkeys(SCHEMA.names), **ROWS[1]}
        assert third["path"] == "c.mp4"


def test_a_stop_while_writing_leaves_no_half_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts(str(tmp_path), SETTINGS)

    def stop(_part: object, _target: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            parts.write("one", ROWS)
    assert parts.answers() == {}
    assert parquet.read_table(tmp_path, schema=SCHEMA).num_rows == 0
    parts.write("one", ROWS)
    assert parquet.read_table(tmp_path).num_rows == 2


@pytest.mark.parametrize(("name", "value"), [("model", "cd" * 32), ("views", 5), ("crops", 3), ("top_k", 1)])
def test_answers_of_another_kind_are_not_mixed_in(name: str, value: object, tmp_path: Path) -> None:
    Parts(str(tmp_path), SETTINGS).write("one", ROWS)
    with pytest.raises(ValueError, match=rf"holds answers with another {name}; name a new folder"):
        Parts(str(tmp_path), {**SETTINGS, name: value}).answers()


@pytest.mark.parametrize("cut", [0, 4, 0.5, -1, "zeros", "nothing of it"])
def test_a_damaged_part_is_named(cut: float | str, tmp_path: Path) -> None:
    """As a power cut leaves what was not forced onto the disk."""
    Parts(str(tmp_path), SETTINGS).write("1", ROWS)
    part = tmp_path / "part-1.parquet"
    whole = part.read_bytes()
    if isinstance(cut, str):
        part.write_bytes(bytes(len(whole)) if cut == "zeros" else b"no parquet")
    else:
        part.write_bytes(whole[: int(cut * len(whole)) if isinstance(cut, float) else cut])
    with pytest.raises(
        PartsError, match=r"part-1\.parquet: cannot be read [^\n]*; remove it and its videos are redone$"
    ):
        Parts(str(tmp_path), SETTINGS).answers()


def test_a_part_of_something_else_is_named(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"path": ["a.mp4"]}), tmp_path / "part-1.parquet")
    with pytest.raises(ValueError, match="holds answers with another model and views and crops and top_k"):
        Parts(str(tmp_path), SETTINGS).answers()


def test_a_part_with_a_setting_that_this_version_does_not_know_is_not_mixed_in(tmp_path: Path) -> None:
    Parts(str(tmp_path), {**SETTINGS, "decoder": "pyav"}).write("one", ROWS)
    with pytest.raises(ValueError, match="holds answers with another decoder; name a new folder"):
        Parts(str(tmp_path), SETTINGS).answers()


def test_a_file_is_no_place_for_parts(tmp_path: Path) -> None:
    (tmp_path / "out.parquet").touch()
    with pytest.raises(ValueError, match=r"out\.parquet: is a file; name a new folder"):
        Parts(str(tmp_path / "out.parquet"), SETTINGS).answers()


def test_damaged_parts_are_counted(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"part-{number}.parquet").touch()
    with pytest.raises(PartsError, match=r"part-0\.parquet: cannot be read .*; 2 more cannot be read either"):
        Parts(str(tmp_path), SETTINGS).answers()


def test_what_killed_writers_left_is_passed_over_and_removed_when_it_is_old(tmp_path: Path) -> None:
    parts = Parts(str(tmp_path), SETTINGS)
    parts.write("one", ROWS)
    left = [tmp_path / f".{uuid4().hex}.part" for _ in range(2)]
    for path in left:
        path.write_bytes(b"PAR1 half")
    (tmp_path / ".mine").touch()
    os.utime(left[0], (time.time() - 25 * 3600,) * 2)
    os.utime(tmp_path / ".mine", (0, 0))
    assert set(parts.answers()) == {A, B}
    assert parquet.read_table(tmp_path).num_rows == 2
    parts.prepare()
    assert {path.name for path in tmp_path.iterdir()} == {"part-one.parquet", left[1].name, ".mine"}


@pytest.mark.parametrize("place", ["disk", "memory"])
def test_of_rows_that_two_jobs_wrote_one_stays(place: str, tmp_path: Path) -> None:
    out = str(tmp_path / "out") if place == "disk" else f"memory://{uuid4().hex}/out"
    parts = Parts(out, SETTINGS)
    parts.write("1", [FAILED, ROWS[1]])  # a has failed here, and b in both
    parts.write("2", [ROWS[0], {**ROWS[1], "error": "b.mp4: something else"}])
    parts.write("3", [ROWS[0], {"path": "c.mp4", "source_sha256": C}])
    parts.write("4", [ROWS[0]])
    chosen = parts.settle()
    assert chosen == parts.answers()
    assert {identity: answer.error for identity, answer in chosen.items()} == {A: None, B: "b.mp4: is empty", C: None}
    assert parts.names() == {f"part-{number}.parquet" for number in (1, 2, 3)}
    assert parts.settle() == chosen
    if place == "disk":
        rows = parquet.read_table(out).to_pylist()
        assert sorted(row["source_sha256"] for row in rows) == sorted([A, B, C])
        (kept,) = (row for row in rows if row["source_sha256"] == A)
        assert kept["logits"] == [pytest.approx(0.1), pytest.approx(1.2)]


def test_jobs_that_settle_at_once_lose_no_video(tmp_path: Path) -> None:
    """Threads write overlapping parts and settle as they end, as jobs do; the last one leaves one row of each video."""
    videos = [f"{number}.mp4" for number in range(40)]

    def job(seed: int) -> None:
        parts, order = Parts(str(tmp_path), SETTINGS), Random(seed)  # noqa: S311
        listed = order.sample(videos, 40)
        for start in range(0, 40, 7):
            part = listed[start : start + 7]
            rows = [failed_row(video, kind="VideoError", problem=str(seed)) for video in part]
            parts.write(part_name(part), rows)
            if order.random() < 0.3:
                parts.settle()
        parts.settle()

    for first in (0, 3):
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(job, range(first, first + 3)))
        rows = parquet.read_table(tmp_path).to_pylist()
        assert sorted(row["path"] for row in rows) == sorted(videos)


def test_a_row_that_another_job_removes_in_the_meantime_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Parts(str(tmp_path), SETTINGS), Parts(str(tmp_path), SETTINGS)
    first.write("1", [ROWS[0]])
    third = {"path": "c.mp4", "source_sha256": C}
    first.write("2", [*ROWS, third])
    write = parts_module.write_whole

    def overtaken(target: Path, content: bytes) -> None:
        """The first job has read part 2 and is about to write it without a; now the second takes b out of it."""
        monkeypatch.setattr(parts_module, "write_whole", write)
        second.write("0", [ROWS[1]])
        second.settle()
        write(target, content)

    monkeypatch.setattr(parts_module, "write_whole", overtaken)
    first.settle()
    assert sorted(row["path"] for row in parquet.read_table(tmp_path).to_pylist()) == ["a.mp4", "b.mp4", "c.mp4"]


def test_failed_rows_are_removed_and_no_others(tmp_path: Path) -> None:
    parts = Parts(str(tmp_path), SETTINGS)
    parts.write("1", ROWS)
    parts.write("2", [{**FAILED, "source_sha256": C}])
    parts.remove_failed([A, B, C])
    assert set(parts.answers()) == {A}
    assert parts.names() == {"part-1.parquet"}
    parts.write("3", [ROWS[1]])
    assert set(parts.answers()) == {A, B}


OLD_SCHEMA = pa.schema([field for field in SCHEMA if field.name != "source_sha256"])


def write_old(folder: Path, path: str) -> None:
    """A part as version 0.1 wrote it."""
    schema = OLD_SCHEMA.with_metadata({b"vidcls": json.dumps(SETTINGS).encode()})
    rows = [{**dict.fromkeys(OLD_SCHEMA.names), "path": path, "label": "wave"}]
    parquet.write_table(pa.Table.from_pylist(rows, schema=schema), folder / "part-old.parquet")


def test_what_an_earlier_version_wrote_counts_where_its_names_are_whole(tmp_path: Path) -> None:
    write_old(tmp_path, "/clips/a.mp4")
    assert set(Parts(str(tmp_path), SETTINGS).answers()) == {source_sha256("/clips/a.mp4")}


@pytest.mark.parametrize("path", ["http://host/a.mp4", "s3://bucket/a.mp4", "/clips/\ufffd.mp4", "a.mp4"])
def test_what_an_earlier_version_wrote_is_refused_where_names_may_stand_for_others(path: str, tmp_path: Path) -> None:
    write_old(tmp_path, path)
    with pytest.raises(PartsError, match=r"part-old\.parquet: was written by an earlier version.*; name a new folder$"):
        Parts(str(tmp_path), SETTINGS).answers()


def test_a_file_url_is_written_as_a_path_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts(f"file://{tmp_path}/out", SETTINGS)
    parts.write("one", ROWS)
    monkeypatch.setattr(os, "replace", None)
    with pytest.raises(TypeError):
        parts.write("one", [])
    assert set(parts.answers()) == {A, B}


def test_a_parts_name_is_its_videos() -> None:
    assert part_name(["a", "b"]) == part_name(["a", "b"])
    assert len({part_name(videos) for videos in (["a", "b"], ["b", "a"], ["a"], ["a\nb"], ["a\udcff"])}) == 5
