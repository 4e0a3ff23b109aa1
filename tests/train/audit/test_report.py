from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from audited import check
from generated import write_scene
from vidcls_train.audit.report import write_data_report


def test_the_report_is_text_json_and_a_picture(data: Path, tmp_path: Path) -> None:
    write_scene(data / "train" / "jump" / "a|b.mp4", place=100)
    write_scene(data / "test" / "jump" / "copy.mp4", place=100, size=(80, 60))
    (data / "train" / "wave" / "broken.mp4").write_bytes(b"no video")
    checked = check(data, tmp_path, clip_seconds=1.5)
    write_data_report(checked.report, tmp_path)
    text = (tmp_path / "data-report.md").read_text(encoding="utf-8")
    for part in (
        "train also holds the footage of 1 of 7 clips in test",
        "| jump | 5 | 2 | 3 |",
        "| same footage | test/jump/copy.mp4 | test | train/jump/a\\|b.mp4 | train |",
        "broken.mp4",
        "## Shorter than the window",
    ):
        assert part in text
    fields = json.loads((tmp_path / "data-report.json").read_text(encoding="utf-8"))
    assert fields["counts"]["jump"] == {"train": 5, "val": 2, "test": 3}
    assert fields["findings"][0]["level"] == "warning"
    with Image.open(tmp_path / "data-report.png") as picture:
        assert picture.height > 600  # the two clips of the pair below the charts
        assert np.asarray(picture).std() > 5
