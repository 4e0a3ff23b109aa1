"""How runs end that cannot go on: in one sentence that says what to do."""

from __future__ import annotations

import resource
from pathlib import Path

import click
import pytest
import torch
from click.testing import CliRunner

from vidcls_train.cli.endings import named_endings
from vidcls_train.cli.finetune import main
from vidcls_train.trainer.memory import OutOfMemoryError, named_memory_errors


def test_a_full_disk_ends_a_run_with_what_to_do(clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "checkpoint"
    arguments = [str(clips), "-o", str(output), "--preset", "tiny", "--epochs", "1", "--image-size", "32"]
    arguments += ["--frames", "2", "--clip-seconds", "0.5", "--workers", "0", "--device", "cpu", "--allow-duplicates"]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Room for the decoded clips, and too little for the weights.
    resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, before[1]))
    try:
        result = CliRunner().invoke(main, arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert result.exit_code == 1
    assert f"the disk with {output} is full; make room, then go on with the same command and --resume" in result.output
    assert "Traceback" not in result.output


def test_an_interrupt_says_how_to_go_on(tmp_path: Path) -> None:
    told = "interrupted; go on with the same command and --resume"
    with pytest.raises(click.ClickException, match=told), named_endings(tmp_path):
        raise KeyboardInterrupt


def test_other_errors_keep_their_own_words(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"^something else$"), named_endings(tmp_path):
        raise RuntimeError("something else")
    with (
        pytest.raises(RuntimeError, match=r"^something else$"),
        named_memory_errors(batch_size=8, accumulation_steps=2),
    ):
        raise RuntimeError("something else")


def test_memory_that_runs_out_says_what_needs_less() -> None:
    told = r"batches of 8 clips in 2 parts; .*--gradient-accumulation-steps 4"
    with pytest.raises(OutOfMemoryError, match=told), named_memory_errors(batch_size=8, accumulation_steps=2):
        torch.empty(2**60)
