"""The window of a run is the one that is asked for, else its base's, else 64/30 s."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from click.testing import CliRunner

from audited import write_data
from generated import write_checkpoint
from vidcls.contract import read_checkpoint
from vidcls_train.cli.finetune import main
from vidcls_train.config.groups import DEFAULT_CLIP_SECONDS
from vidcls_train.config.settings import train_config
from vidcls_train.model.window import window_notices, with_window


def window(**settings: object) -> float:
    return train_config(with_window({"data": "d", "output": "o", **settings})).data.clip_seconds


def test_a_base_of_ours_says_the_window_where_nobody_asks_for_one(tmp_path: Path) -> None:
    base = str(write_checkpoint(tmp_path / "base"))
    assert read_checkpoint(Path(base)).sampling.clip_seconds == 0.8
    assert window(base=base) == 0.8
    assert window(base=base, clip_seconds=1.5) == 1.5
    (Path(base) / "vidcls.json").unlink()
    assert window(base=base) == window(preset="tiny") == window(base="vidcls/tiny") == DEFAULT_CLIP_SECONDS


def test_a_window_that_a_base_was_not_trained_on_is_said(tmp_path: Path) -> None:
    base = str(write_checkpoint(tmp_path / "base"))
    told = window_notices(train_config({"data": "d", "output": "o", "base": base, "clip_seconds": 1.5}))
    assert told == (
        f"{base}: was trained on windows of 0.8 s, and is given windows of 1.5 s now (--clip-seconds 0.8 keeps them)",
    )
    assert window_notices(train_config({"data": "d", "output": "o", "preset": "tiny"})) == ()


@pytest.mark.usefixtures("without_pictures")
def test_a_run_keeps_its_bases_window_and_goes_on_with_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="vidcls.train")
    base, output = write_checkpoint(tmp_path / "base", labels=("jump", "wave")), tmp_path / "out"
    data = write_data(tmp_path / "data", labels=("jump", "wave"))
    command = [str(data), "-o", str(output), "--base", str(base), "--epochs", "1", "--device", "cpu", "--workers", "0"]
    for arguments in (command, [*command, "--resume"]):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
        assert read_checkpoint(output).sampling.clip_seconds == 0.8
    assert f"{base}: its windows of 0.8 s are kept (--clip-seconds takes others)" in caplog.text
    # Nothing is said of frames that are repeated: clips of 1.4 s and more are longer than the window.
    assert (
        "the model's window is longer"
        not in CliRunner().invoke(main, [*command[:1], "--check-only", *command[3:5]]).output
    )
