from __future__ import annotations

import itertools
from pathlib import Path

from audited import check, warnings
from generated import write_scene


def test_where_splits_are_made_copies_and_scenes_stay_together(tmp_path: Path) -> None:
    data = tmp_path / "data"
    places = itertools.count()
    for label in ("jump", "wave"):
        for number in range(8):
            place = next(places)
            write_scene(data / label / f"{number}.mp4", place=place)
            write_scene(data / label / f"{number} small.mp4", place=place, size=(80, 60))
            write_scene(data / label / f"{number} again.mp4", place=place, take=1)
    checked = check(data, tmp_path)
    assert checked.report.pair_counts == {"same footage": 16, "same scene": 32}
    assert all(pair.splits[0] == pair.splits[1] for pair in checked.report.pairs)
    assert checked.report.groups == 16
    assert warnings(checked) == []
    assert (
        {clip.label for clip in checked.splits.val} == {clip.label for clip in checked.splits.test} == {"jump", "wave"}
    )


def test_where_one_camera_filmed_it_all_only_copies_stay_together(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for label, first in (("jump", 0), ("wave", 10)):
        for take in range(first, first + 8):
            write_scene(data / label / f"{take}.mp4", place=1, take=take)
            write_scene(data / label / f"{take} small.mp4", place=1, take=take, size=(80, 60))
    checked = check(data, tmp_path)
    copies = [pair for pair in checked.report.pairs if pair.kind == "same footage"]
    assert len(copies) == 16
    assert all(pair.splits[0] == pair.splits[1] for pair in copies)
    assert any("there are too few to keep each in one split" in finding.what for finding in warnings(checked))
