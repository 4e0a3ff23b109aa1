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


@pytest.mark.parametrize(
    ("ending", "how", "code"),
    [
        (KeyboardInterrupt(), "interrupted", 130),
        (SystemExit(143), "terminated", 143),
        (RuntimeError("DataLoader worker (pid 12) is killed by signal: Terminated. "), "terminated", 143),
    ],
)
def test_a_signal_says_how_to_go_on(ending: BaseException, how: str, code: int, tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match=f"{how}; nothing was trained") as early, named_endings(tmp_path):
        raise ending
    (tmp_path / "settings.json").touch()
    with pytest.raises(click.ClickException, match=f"{how}; go on with .* --resume") as late, named_endings(tmp_path):
        raise ending
    assert early.value.exit_code == late.value.exit_code == code


def test_other_exits_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended, named_endings(tmp_path):
        raise SystemExit(3)
    assert ended.value.code == 3


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
