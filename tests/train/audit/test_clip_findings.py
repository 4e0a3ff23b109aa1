from __future__ import annotations

from pathlib import Path

from audited import check, warnings
from generated import write_scene


def test_unreadable_and_cut_off_clips_are_named(data: Path, tmp_path: Path) -> None:
    whole = write_scene(tmp_path / "whole.avi", place=100, frames=80).read_bytes()
    (data / "train" / "jump" / "cut.avi").write_bytes(whole[: len(whole) // 2])
    write_scene(tmp_path / "whole.mp4", place=101)
    (data / "val" / "wave" / "headless.mp4").write_bytes((tmp_path / "whole.mp4").read_bytes()[:3000])
    checked = check(data, tmp_path)
    assert [Path(video).name for video in checked.report.truncated] == ["cut.avi"]
    assert [Path(row["video"]).name for row in checked.report.unreadable] == ["headless.mp4"]
    assert "headless.mp4" not in {clip.path.name for clip in checked.splits.val}
    assert "cut.avi" in {clip.path.name for clip in checked.splits.train}
    said = " ".join(finding.what for finding in warnings(checked))
    assert "1 clip cannot be read" in said
    assert "the end is missing of 1 clip," in said
