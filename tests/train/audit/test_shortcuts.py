from __future__ import annotations

import itertools
from pathlib import Path

from audited import check, warnings
from generated import write_scene


def test_a_label_of_another_bit_rate_is_reported(tmp_path: Path) -> None:
    data = tmp_path / "data"
    places = itertools.count()
    for split, clips in (("train", 8), ("val", 2), ("test", 2)):
        for label in ("jump", "swim", "wave"):
            for number in range(clips):
                clip = data / split / label / f"{number}.mp4"
                bits = 2_000_000 if label == "swim" else 60_000
                write_scene(clip, place=next(places), frames=30 + number, codec="libx264", bit_rate=bits)
    checked = check(data, tmp_path)
    (shortcut,) = checked.report.tells
    assert (shortcut.label, shortcut.feature, shortcut.auc) == ("swim", "kbit/s", 1.0)
    assert shortcut.inside[0] > shortcut.outside[1]
    assert "'swim' can be told by kbit/s alone" in warnings(checked)[0].what
    assert checked.encoding_predictions is not None
    assert checked.encoding_predictions.count("swim") == 2


def test_encodings_that_tell_all_labels_are_reported(tmp_path: Path) -> None:
    data = tmp_path / "data"
    places = itertools.count()
    for split, clips in (("train", 10), ("val", 2), ("test", 2)):
        for label, rate in (("jump", 25), ("wave", 30)):
            for number in range(clips):
                clip = data / split / label / f"{number}.mp4"
                write_scene(clip, place=next(places), frames=30 + number, rate=rate)
    checked = check(data, tmp_path)
    assert checked.report.encoding is not None
    assert checked.report.encoding.accuracy > 0.8
    assert checked.report.encoding.majority == 0.5
    assert checked.report.encoding.far_above_chance
    assert checked.encoding_predictions == [clip.label for clip in checked.splits.test]
    told = f"alone tell the label of {checked.report.encoding.accuracy:.0%} of the training clips"
    assert any(told in finding.what for finding in warnings(checked))
