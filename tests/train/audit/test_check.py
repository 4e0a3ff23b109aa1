from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from audited import SIZES, check, warnings
from vidcls_train.audit.findings import refuse_worthless
from vidcls_train.audit.report import report_text
from vidcls_train.cli.finetune import main
from vidcls_train.config.settings import train_config
from vidcls_train.data.clip_list import DataError
from vidcls_train.output.run_folder import check_output


def test_sound_data_gives_no_warning(sound: Path, tmp_path: Path) -> None:
    checked = check(sound, tmp_path)
    assert warnings(checked) == []
    assert checked.report.pairs == []
    assert checked.copies == {"val": [], "test": []}
    assert checked.report.counts == dict.fromkeys(("jump", "swim", "wave"), SIZES)
    refuse_worthless(checked.report, allow_duplicates=False)


def test_a_val_is_made_of_trains_clips_and_said_in_one_line(data: Path, tmp_path: Path) -> None:
    for clip in (data / "val").rglob("*.mp4"):  # ten places a label in train
        clip.rename(data / "train" / clip.parent.name / f"more-{clip.name}")
    shutil.rmtree(data / "val")
    checked = check(data, tmp_path)
    train, val = ({clip.path for clip in getattr(checked.splits, split)} for split in ("train", "val"))
    assert 3 <= len(val) <= 4  # a fifth, by whole groups
    assert train | val == set((data / "train").rglob("*.mp4"))
    assert {clip.path for clip in checked.splits.test} == set((data / "test").rglob("*.mp4"))
    told = f"there is no val: {len(val)} of train's 18 clips, whole groups of footage, are set aside for it"
    assert checked.report.about_val() == told
    assert told in [finding.what for finding in checked.report.findings]
    assert checked.report.clips_in("val") == len(val)
    assert "but for val, which is made here of train's clips" in report_text(checked.report)


def test_a_val_that_cannot_be_read_is_not_made_anew(data: Path, tmp_path: Path) -> None:
    for clip in (data / "val").rglob("*.mp4"):
        clip.write_bytes(b"no video")
    with pytest.raises(DataError, match="not one of its videos for 'val' can be read"):
        check(data, tmp_path)


def test_the_command_checks_without_training(data: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(data), "--check-only", "-o", str(tmp_path / "report")])
    assert result.exit_code == 0, result.output
    assert "| swim | 4 | 2 | 2 |" in result.output
    assert {file.name for file in (tmp_path / "report").iterdir()} == {
        "data-report.json",
        "data-report.md",
        "data-report.png",
    }
    check_output(train_config({"data": str(data), "output": tmp_path / "report", "preset": "tiny"}))  # it is free
    (data / "train" / "swim" / "broken.mp4").write_bytes(b"no video")
    result = CliRunner().invoke(main, [str(data), "--check-only"])
    assert result.exit_code == 1
    assert "1 clip cannot be read and will be left out" in result.output
    (data / "train" / "dive").mkdir()
    result = CliRunner().invoke(main, [str(data), "--check-only"])
    assert result.exit_code == 1
    assert "Error: " in result.output
    assert CliRunner().invoke(main, [str(data)]).exit_code == 2  # training needs a folder to write to
