"""What cannot be printed, as onto a full disk, is one sentence; and no training ends of it."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from generated import write_clip
from vidcls.cli.printing import print_meanwhile
from vidcls_train.cli import finetune

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


@pytest.fixture
def full_stdout(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:  # noqa: ARG001
    """stdout on a full disk; capfd, which replaces it too, goes first."""
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123 - no file
        stdout = io.TextIOWrapper(full, write_through=True)
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", stdout)
            yield
        stdout.detach()


@pytest.mark.usefixtures("full_stdout")
def test_a_data_report_that_cannot_be_printed_is_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for number, label in enumerate(("jump", "wave")):
        for split in ("train", "val", "test"):
            write_clip(tmp_path / "data" / split / label / f"{split}.mp4", frames=20 + number)
    with pytest.raises(SystemExit) as ended:
        finetune.main([str(tmp_path / "data"), "--preset", "tiny", "--check-only"])
    assert ended.value.code == 1
    told = capfd.readouterr().err.splitlines()
    assert told[-1] == "Error: the result cannot be printed ([Errno 28] No space left on device)"


@pytest.mark.usefixtures("full_stdout")
def test_a_line_on_the_way_that_cannot_be_printed_ends_nothing() -> None:
    with pytest.raises(OSError, match="No space left"):
        click.echo("epoch 1 of 2")
    print_meanwhile("epoch 1 of 2")
