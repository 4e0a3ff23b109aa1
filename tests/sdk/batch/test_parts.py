"""A folder of answers in Parquet: whole or not at all, and only those of one model asked in one way together."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
arrow_module = pytest.importorskip("vidcls.batch.arrow")
parts_module = pytest.importorskip("vidcls.batch.parts")
SCHEMA, Parts, part_name = arrow_module.SCHEMA, parts_module.Parts, parts_module.part_name

SETTINGS = {"model": "ab" * 32, "views": 1, "crops": 1, "top_k": 5}
ROWS: list[dict[str, Any]] = [
    {
        "path": "a.mp4",
        "label": "wave",
        "score": 0.75,
        "top": [{"label": "wave", "score": 0.75}, {"label": "clap", "score": 0.25}],
        "logits": [0.1, 1.2],
        "windows": [{"start": 0.0, "end": 0.8}],
        "seconds": 0.5,
    },
    {"path": "b.mp4", "error": "b.mp4: is empty", "error_type": "VideoError"},
]


@pytest.mark.parametrize("place", ["disk", "memory"])
def test_what_was_written_is_read_again(place: str, tmp_path: Path) -> None:
    out = str(tmp_path / "out.parquet") if place == "disk" else f"memory://{uuid4().hex}/out.parquet"
    parts = Parts(out, SETTINGS)
    assert parts.done() == set()
    parts.write("one", ROWS)
    parts.write("two", [{"path": "c.mp4"}])
    parts.write("one", ROWS)
    assert parts.done() == {"a.mp4", "b.mp4", "c.mp4"}
    if place == "disk":
        table = parquet.read_table(out).sort_by("path")
        assert table.schema.remove_metadata() == SCHEMA
        first, second, third = table.to_pylist()
        assert first == {**dict.fromkeys(SCHEMA.names), **ROWS[0], "logits": [pytest.approx(0.1), pytest.approx(1.2)]}
        assert second == {**dict.fromkeys(SCHEMA.names), **ROWS[1]}
        assert third["path"] == "c.mp4"


def test_a_stop_while_writing_leaves_no_half_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts(str(tmp_path), SETTINGS)

    def stop(_self: Path, _target: object) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            parts.write("one", ROWS)
    assert parts.done() == set()
    assert parquet.read_table(tmp_path, schema=SCHEMA).num_rows == 0
    parts.write("one", ROWS)
    assert parquet.read_table(tmp_path).num_rows == 2


@pytest.mark.parametrize(("name", "value"), [("model", "cd" * 32), ("views", 5), ("crops", 3), ("top_k", 1)])
def test_answers_of_another_kind_are_not_mixed_in(name: str, value: object, tmp_path: Path) -> None:
    Parts(str(tmp_path), SETTINGS).write("one", ROWS)
    with pytest.raises(ValueError, match=rf"holds answers with another {name}; name a new folder"):
        Parts(str(tmp_path), {**SETTINGS, name: value}).done()


@pytest.mark.parametrize("content", [b"", b"no parquet"])
def test_a_damaged_part_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "part-1.parquet").write_bytes(content)
    with pytest.raises(ValueError, match=r"part-1\.parquet: cannot be read .*; remove it"):
        Parts(str(tmp_path), SETTINGS).done()


def test_a_part_of_something_else_is_named(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"path": ["a.mp4"]}), tmp_path / "part-1.parquet")
    with pytest.raises(ValueError, match="holds answers with another model and views and crops and top_k"):
        Parts(str(tmp_path), SETTINGS).done()


def test_a_part_with_a_setting_that_this_version_does_not_know_is_not_mixed_in(tmp_path: Path) -> None:
    Parts(str(tmp_path), {**SETTINGS, "decoder": "pyav"}).write("one", ROWS)
    with pytest.raises(ValueError, match="holds answers with another decoder; name a new folder"):
        Parts(str(tmp_path), SETTINGS).done()


def test_a_file_is_no_place_for_parts(tmp_path: Path) -> None:
    (tmp_path / "out.parquet").touch()
    with pytest.raises(ValueError, match=r"out\.parquet: is a file; name a new folder"):
        Parts(str(tmp_path / "out.parquet"), SETTINGS).done()


def test_a_parts_name_is_its_videos() -> None:
    assert part_name(["a", "b"]) == part_name(["a", "b"])
    assert len({part_name(videos) for videos in (["a", "b"], ["b", "a"], ["a"], ["ab"], ["a\udcff"])}) == 5
