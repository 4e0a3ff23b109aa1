"""What cannot be printed, as onto a full disk, is one sentence; and no training ends of it."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

from generated import write_clip
from vidcls.cli.printing import print_meanwhile
from vidcls_train.cli import finetune

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


@contextmanager
def full_stdout(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Within, stdout is a file on a full disk. No fixture: pytest puts its own stdout in place before a test begins."""
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123 - no file
        stdout = io.TextIOWrapper(full, write_through=True)
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", stdout)
            yield
        stdout.detach()


def test_a_data_report_that_cannot_be_printed_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for number, label in enumerate(("jump", "wave")):
        for split in ("train", "val", "test"):
            write_clip(tmp_path / "data" / split / label / f"{split}.mp4", frames=20 + number)
    with full_stdout(monkeypatch), pytest.raises(SystemExit) as ended:
        finetune.main([str(tmp_path / "data"), "--preset", "tiny", "--check-only"])
    assert ended.value.code == 1
    told = capfd.readouterr().err.splitlines()
    assert told[-1] == "Error: the result cannot be printed ([Errno 28] No space left on device)"


def test_a_line_on_the_way_that_cannot_be_printed_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with full_stdout(monkeypatch):
        with pytest.raises(OSError, match="No space left"):
            click.echo("epoch 1 of 2")
        print_meanwhile("epoch 1 of 2")
