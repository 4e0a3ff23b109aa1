"""Held-out clips that a base or a teacher knows are found by its fingerprints, whatever they are called now."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from audited import check, only
from vidcls.contract import ClipFingerprints
from vidcls.fingerprint import ALGORITHM, encode, fingerprint_of
from vidcls_train.audit.findings import refuse_worthless
from vidcls_train.audit.report import report_text
from vidcls_train.data.clip_list import DataError, Footage


def contract_of(*, train: list[Path], val: list[Path]) -> ClipFingerprints:
    """What a model that was trained on these clips says of them."""
    return ClipFingerprints(
        algorithm=ALGORITHM, train=encode(list(map(fingerprint_of, train))), val=encode(list(map(fingerprint_of, val)))
    )


def test_clips_that_a_base_was_trained_on_are_no_test_of_it(data: Path, tmp_path: Path) -> None:
    test, val = data / "test" / "jump" / "0.mp4", data / "val" / "swim" / "1.mp4"
    base = contract_of(train=[test, val, data / "train" / "jump" / "0.mp4"], val=[data / "val" / "wave" / "0.mp4"])
    checked = check(data, tmp_path, known_to=[base, None])
    assert checked.copies == {"val": [Footage(val)], "test": [Footage(test)]}
    assert "the base or the teacher knows 1 of 6 clips in val and 1 of 6 clips in test" in only(checked).what
    assert "## Known to the base or the teacher" in report_text(checked.report)
    refuse_worthless(checked.report, allow_duplicates=False)


def test_clips_that_a_model_was_chosen_by_may_choose_again_and_test_nothing(data: Path, tmp_path: Path) -> None:
    test = data / "test" / "wave" / "0.mp4"
    teacher = contract_of(train=[], val=[test, *(data / "val").rglob("*.mp4")])
    checked = check(data, tmp_path, known_to=[None, teacher])
    assert checked.copies == {"val": [], "test": [Footage(test)]}


def test_a_test_set_that_the_base_knows_measures_memory(data: Path, tmp_path: Path) -> None:
    base = contract_of(train=sorted((data / "test").rglob("*.mp4"))[:2], val=[])
    report = check(data, tmp_path, known_to=[base]).report
    with pytest.raises(DataError, match=r"knows 2 of 6 clips in test, .* measure memory; .* --allow-duplicates"):
        refuse_worthless(report, allow_duplicates=False)
    refuse_worthless(report, allow_duplicates=True)


def test_one_empty_yard_looks_like_another(data: Path, tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        shutil.move(data / split / "wave", data / split / "_none")
    checked = check(data, tmp_path, known_to=[contract_of(train=[data / "test" / "_none" / "0.mp4"], val=[])])
    assert checked.copies == {"val": [], "test": []}
