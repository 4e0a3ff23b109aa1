from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from audited import check, only, warnings
from vidcls_train.audit.findings import refuse_worthless
from vidcls_train.audit.label_findings import balance_findings
from vidcls_train.data.clip_list import DataError


@pytest.mark.parametrize("broken", [False, True])
def test_a_label_without_a_training_clip_is_refused(broken: bool, data: Path, tmp_path: Path) -> None:
    for clip in (data / "train" / "swim").iterdir():
        clip.unlink()
    if broken:
        (data / "train" / "swim" / "1.mp4").write_bytes(b"no video")
        (data / "test" / "swim" / "2.mp4").write_bytes(b"no video")  # which is not train's loss
    report = check(data, tmp_path).report
    why = ", 1 cannot be read" if broken else ""
    with pytest.raises(DataError, match=f"the label 'swim' has no readable clip in train{why}: .*; add clips"):
        refuse_worthless(report, allow_duplicates=True)


def test_an_empty_folder_is_a_label_without_clips(data: Path, tmp_path: Path) -> None:
    (data / "train" / "dive").mkdir()
    with pytest.raises(DataError, match="the label 'dive' has no readable clip in train"):
        refuse_worthless(check(data, tmp_path).report, allow_duplicates=True)


def test_a_label_missing_from_a_split_is_reported(data: Path, tmp_path: Path) -> None:
    shutil.rmtree(data / "test" / "swim")
    assert only(check(data, tmp_path)).what == (
        "the label 'swim' has no readable clip in test: the test says nothing of it"
    )


def test_a_misspelt_label_is_reported(data: Path, tmp_path: Path) -> None:
    (data / "train" / "Jump").mkdir()
    shutil.move(data / "train" / "jump" / "3.mp4", data / "train" / "Jump" / "3.mp4")
    said = [finding.what for finding in warnings(check(data, tmp_path))]
    assert "the labels 'Jump' (1 clip) and 'jump' (7 clips) look like one, misspelt" in said


def test_a_label_misspelt_in_test_is_refused_by_its_right_name(data: Path, tmp_path: Path) -> None:
    (data / "test" / "swimm").mkdir()
    shutil.move(data / "test" / "swim" / "1.mp4", data / "test" / "swimm" / "1.mp4")
    report = check(data, tmp_path).report
    with pytest.raises(DataError, match=r"'swimm' has no readable clip in train \(it looks like a misspelt 'swim'\)"):
        refuse_worthless(report, allow_duplicates=False)


def balance(data: Path, tmp_path: Path, *, rare: int, common: int, test: int) -> list[str]:
    """What is said of that many clips of a rare and a common label in train, and of that many in test."""
    by_split = {"val": 2, "test": test}
    counts = {"swim": {"train": rare, **by_split, "test": 0}, "jump": {"train": common, **by_split}}
    report = check(data, tmp_path).report
    tested = [dataclasses.replace(report.clips[0], split="test")] * test
    report = dataclasses.replace(report, counts=counts, clips=tested)
    return [finding.what for finding in balance_findings(report)]


def test_a_label_with_a_tenth_of_the_clips_is_reported_from_there_on(data: Path, tmp_path: Path) -> None:
    assert balance(data, tmp_path, rare=3, common=30, test=60) == []
    (said,) = balance(data, tmp_path, rare=3, common=31, test=60)
    assert said.startswith("train has 31 clips of 'jump' and 3 of 'swim'")


def test_a_test_split_too_small_to_measure_much_is_noted(data: Path, tmp_path: Path) -> None:
    # Wilson's interval for 47 of 59, by hand: (0.797 + 0.033 +- 0.108) / 1.065.
    (said,) = balance(data, tmp_path, rare=3, common=3, test=59)
    assert said == "test has 59 clips: an accuracy of 80 % on them may be 68% to 88% in truth"
