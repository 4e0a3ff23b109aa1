"""Whoever trains from scratch on few clips is told of the base that comes along."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from click.testing import CliRunner

from audited import write_data
from vidcls_train.cli.finetune import main
from vidcls_train.config.groups import ModelConfig
from vidcls_train.model.few_clips import FEW, few_clips_notices

TOLD = "training clips a label are few: with as few --base vidcls/tiny was mostly right more often than --preset tiny"


def test_few_are_fewer_than_fifty_of_each_label_and_only_a_preset_has_learnt_nothing() -> None:
    tiny, base = ModelConfig(preset="tiny"), ModelConfig(base="vidcls/tiny")
    (told,) = few_clips_notices(tiny, clips=214, labels=8)
    assert told.startswith(f"--preset tiny has learnt nothing yet, and 27 {TOLD}")
    assert len(few_clips_notices(tiny, clips=8 * FEW - 1, labels=8)) == 1
    assert few_clips_notices(tiny, clips=8 * FEW, labels=8) == ()
    assert few_clips_notices(base, clips=8, labels=8) == ()


@pytest.mark.usefixtures("without_pictures")
def test_it_is_said_of_the_clips_that_are_trained_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="vidcls.train")
    data = str(write_data(tmp_path / "data", labels=("jump", "wave")))
    checked = CliRunner().invoke(main, [data, "--check-only", "--preset", "tiny", "--allow-duplicates"])
    assert checked.exit_code == 0, checked.output
    assert TOLD in checked.output
    assert TOLD not in CliRunner().invoke(main, [data, "--check-only", "--base", "vidcls/tiny"]).output
    command = [data, "-o", str(tmp_path / "out"), "--preset", "tiny", "--frames", "2", "--image-size", "16"]
    more = ["--max-steps", "1", "--device", "cpu", "--workers", "0", "--allow-duplicates"]
    trained = CliRunner().invoke(main, [*command, *more])
    assert trained.exit_code == 0, trained.output
    assert caplog.text.count(TOLD) == 1
