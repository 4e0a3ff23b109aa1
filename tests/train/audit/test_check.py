from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from audited import SIZES, check, warnings
from vidcls_train.audit.findings import refuse_worthless
from vidcls_train.cli.finetune import main


def test_sound_data_gives_no_warning(sound: Path, tmp_path: Path) -> None:
    checked = check(sound, tmp_path)
    assert warnings(checked) == []
    assert checked.report.pairs == []
    assert checked.copies == {"val": [], "test": []}
    assert checked.report.counts == dict.fromkeys(("jump", "swim", "wave"), SIZES)
    refuse_worthless(checked.report, allow_duplicates=False)


def test_the_command_checks_without_training(data: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(data), "--check-only", "-o", str(tmp_path / "report")])
    assert result.exit_code == 0, result.output
    assert "| swim | 4 | 2 | 2 |" in result.output
    assert {file.name for file in (tmp_path / "report").iterdir()} == {
        "data-report.json",
        "data-report.md",
        "data-report.png",
    }
    (data / "train" / "swim" / "broken.mp4").write_bytes(b"no video")
    result = CliRunner().invoke(main, [str(data), "--check-only"])
    assert result.exit_code == 1
    assert "1 clip cannot be read and will be left out" in result.output
    (data / "train" / "dive").mkdir()
    result = CliRunner().invoke(main, [str(data), "--check-only"])
    assert result.exit_code == 1
    assert "Error: " in result.output
    assert CliRunner().invoke(main, [str(data)]).exit_code == 2  # training needs a folder to write to
