"""What the checks say of clips that show none of the labels, and of clips that show several."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np

from audited import check, kinds, warnings
from generated import write_scene
from vidcls_train.audit.duplicates import find_pairs
from vidcls_train.audit.fingerprint import fingerprint
from vidcls_train.audit.label_findings import balance_findings, none_findings
from vidcls_train.audit.probe import ClipInfo
from vidcls_train.audit.report import report_text
from vidcls_train.audit.shortcuts import cross_validate


def info(number: int) -> ClipInfo:
    """A clip of 2 s, of a size of its own."""
    return ClipInfo(
        path=Path(f"{number}.mp4"),
        stretch=None,
        frames=50,
        decoded_share=1.0,
        seconds=2.0,
        file_seconds=2.0,
        width=64,
        height=48,
        file_bytes=10_000 + number,
        codec="h264",
        pixels="yuv420p",
        container="mp4",
        audio=False,
        fingerprint=fingerprint(np.zeros((1, 32, 32, 3), np.float32)),
        contract_fingerprint=bytes(16),
        cached=None,
    )


def test_a_few_clips_of_each_of_many_labels_are_no_fault() -> None:
    # 24 clips are enough for the check of encodings, and no label has the five that scikit-learn wants for five folds.
    labels = [f"label {number // 3}" for number in range(24)]
    found = cross_validate([info(number) for number in range(24)], labels, [str(number) for number in range(24)])
    assert found is not None
    assert found.videos == 24
    assert cross_validate([info(number) for number in range(24)], list(map(str, range(24))), labels) is None


def test_moments_of_one_video_are_no_copies_of_each_other(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).random((5, 32, 32, 3), np.float32) * 255
    files = [tmp_path / "monday.mp4", tmp_path / "tuesday.mp4"]
    for file in files:
        file.write_bytes(file.name.encode())
    clips = [
        dataclasses.replace(info(0), path=file, stretch=(start, start + 1.0), fingerprint=fingerprint(frames))
        for file in files
        for start in (0.0, 5.0)
    ]
    # What looks the same in two files is a copy; in one file it is a camera that does not move.
    assert {(pair.first, pair.second) for pair in find_pairs(clips)} == {(0, 2), (0, 3), (1, 2), (1, 3)}


def test_clips_that_show_none_of_the_labels_may_be_many_and_alike(data: Path, tmp_path: Path) -> None:
    shutil.rmtree(data / "val" / "swim")
    for split, numbers in (("train", range(3)), ("val", range(3, 5)), ("test", range(5, 7))):
        shutil.rmtree(data / split / "wave")
        for number in numbers:
            write_scene(data / split / "_none" / f"{number}.mp4", place=100, frames=30 + number)
    checked = check(data, tmp_path)
    assert checked.report.counts["_none"] == {"train": 3, "val": 2, "test": 2}
    # Seven times the same yard: nothing happens in any of them, which makes none a copy of another.
    assert {kind for kind, _ in kinds(checked)} == {"same scene"}
    assert checked.copies == {"val": [], "test": []}
    assert not any("misspelt" in finding.what for finding in warnings(checked))
    counts = {**checked.report.counts, "_none": {"train": 1000, "val": 2, "test": 2}}
    assert not list(balance_findings(dataclasses.replace(checked.report, counts=counts, clips=[])))


def test_a_label_that_may_be_meant_for_none_is_noted(sound: Path, tmp_path: Path) -> None:
    report = check(sound, tmp_path).report
    assert list(none_findings(report)) == []
    named = dataclasses.replace(report, counts={"_none": {}, "None": {}, "nonesuch": {}})
    (finding,) = none_findings(named)
    assert finding.what == "the label 'None' is one like the others, which the model is to find"
    assert finding.mend == "if its clips show none of the others, rename it to '_none'"


def test_of_several_labels_each_is_counted_and_a_clip_once(sound: Path, tmp_path: Path) -> None:
    shown = {"jump": "jump", "swim": "jump|swim", "wave": ""}
    rows = [f"{clip},{shown[clip.parent.name]},{clip.parent.parent.name}\n" for clip in sorted(sound.rglob("*.mp4"))]
    (tmp_path / "clips.csv").write_text("path,labels,split\n" + "".join(rows), encoding="utf-8")
    checked = check(tmp_path / "clips.csv", tmp_path)
    assert checked.report.counts == {
        "jump": {"train": 8, "val": 4, "test": 4},
        "swim": {"train": 4, "val": 2, "test": 2},
    }
    assert [checked.report.clips_in(split) for split in ("train", "val", "test")] == [12, 6, 6]
    assert warnings(checked) == []
    text = report_text(checked.report)
    assert "| jump | 8 | 4 | 4 |" in text
    assert "4 train, 2 val and 2 test clips show none of the labels." in text
