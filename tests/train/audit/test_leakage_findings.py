from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from audited import check, only
from generated import write_scene
from vidcls_train.audit.findings import refuse_worthless
from vidcls_train.data.clip_list import DataError


def test_the_same_footage_under_two_labels_is_reported(data: Path, tmp_path: Path) -> None:
    write_scene(data / "train" / "jump" / "one.mp4", place=100)
    write_scene(data / "train" / "wave" / "other.mp4", place=100, size=(80, 60))
    assert "two labels in 1 pair of clips: one.mp4 is 'jump' and other.mp4 'wave'" in only(check(data, tmp_path)).what


def test_a_test_set_that_is_a_copy_of_train_is_refused(data: Path, tmp_path: Path) -> None:
    shutil.rmtree(data / "test")
    for clip in sorted((data / "train").rglob("[01].mp4")):
        (data / "test" / clip.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(clip, data / "test" / clip.parent.name / clip.name)
    report = check(data, tmp_path).report
    with pytest.raises(
        DataError, match=r"the footage of 6 of 6 clips in test: .* measure memory; .* --allow-duplicates"
    ):
        refuse_worthless(report, allow_duplicates=False)
    refuse_worthless(report, allow_duplicates=True)


def test_footage_that_val_and_test_share_is_reported(data: Path, tmp_path: Path) -> None:
    shutil.copy(data / "val" / "jump" / "0.mp4", data / "test" / "jump" / "copy.mp4")
    assert only(check(data, tmp_path)).what.startswith("val and test share the footage of 1 pair of clips")
