"""What a run's folder says of itself, of every version, and in every moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidcls.files.run_status import mark_complete, mark_unfinished, why_incomplete

UNFINISHED = "its run has not come to its end"


def folder(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).write_bytes(b"{}")
    return root


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (("config.json", "model.safetensors"), None),  # nobody's run
        (("settings.json", "model.safetensors", "vidcls.json"), UNFINISHED),  # of a version without a status
        (("settings.json", "model.safetensors", "vidcls.json", "metrics.json"), None),
    ],
)
def test_folders_without_a_status_are_known_by_their_files(
    names: tuple[str, ...], problem: str | None, tmp_path: Path
) -> None:
    assert why_incomplete(folder(tmp_path, *names)) == problem


def test_a_resumed_run_takes_its_word_back(tmp_path: Path) -> None:
    run = folder(tmp_path, "settings.json", "metrics.json", "model.safetensors")
    mark_complete(run)
    assert why_incomplete(run) is None
    mark_unfinished(run)
    assert why_incomplete(run) == UNFINISHED  # whatever an earlier end has left


def test_a_file_that_was_not_copied_is_named(tmp_path: Path) -> None:
    run = folder(tmp_path, "settings.json", "metrics.json", "model.safetensors")
    folder(run, f".{'0' * 32}.part")
    mark_complete(run)
    (run / f".{'0' * 32}.part").unlink()
    assert why_incomplete(run) is None
    (run / "model.safetensors").unlink()
    assert why_incomplete(run) == "its run has written model.safetensors, which is not there"


@pytest.mark.parametrize("content", ["", "[]", "{}", '"complete"', "[" * 100_000])
def test_a_damaged_status_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text(content, encoding="utf-8")
    assert why_incomplete(tmp_path) == "its status.json is damaged"
