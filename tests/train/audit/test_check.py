"""Faults planted in small data sets: each must be found, and nothing else."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from generated import write_scene
from vidcls_train.audit.check import Checked, check_clips
from vidcls_train.audit.findings import Finding, refuse_worthless
from vidcls_train.audit.report import write_data_report
from vidcls_train.cli.finetune import main
from vidcls_train.data.sources import DataError, find_clips

SIZES = {"train": 4, "val": 2, "test": 2}


def write_data(root: Path, *, labels: tuple[str, ...] = ("jump", "swim", "wave")) -> Path:
    """Clips of as many places as there are clips, all encoded alike, in folders train, val and test."""
    places = itertools.count()
    for split, clips in SIZES.items():
        for label in labels:
            for number in range(clips):
                write_scene(root / split / label / f"{number}.mp4", place=next(places), frames=35 + 3 * number)
    return root


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set without a fault."""
    return write_data(tmp_path_factory.mktemp("sound") / "data")


@pytest.fixture
def data(sound: Path, tmp_path: Path) -> Path:
    """A copy of it for planting faults."""
    return Path(shutil.copytree(sound, tmp_path / "data"))


def check(data: Path, tmp_path: Path, *, clip_seconds: float = 0.5) -> Checked:
    found = find_clips(str(data), unpack_to=tmp_path / "unpacked")
    return check_clips(found, val_fraction=0.2, seed=0, clip_seconds=clip_seconds)


def warnings(checked: Checked) -> list[Finding]:
    return [finding for finding in checked.report.findings if finding.level != "note"]


def only(checked: Checked) -> Finding:
    (finding,) = warnings(checked)
    return finding


def kinds(checked: Checked) -> set[tuple[str, frozenset[str]]]:
    return {(pair.kind, frozenset(Path(video).stem for video in pair.videos)) for pair in checked.report.pairs}


def test_sound_data_gives_no_warning(sound: Path, tmp_path: Path) -> None:
    checked = check(sound, tmp_path)
    assert warnings(checked) == []
    assert checked.report.pairs == []
    assert checked.copies == {"val": [], "test": []}
    assert checked.report.counts == dict.fromkeys(("jump", "swim", "wave"), SIZES)
    refuse_worthless(checked.report, allow_duplicates=False)


ENCODINGS = {
    "half the size": {"size": (80, 60)},
    "twice the size": {"size": (320, 240)},
    "other proportions": {"size": (112, 112)},
    "few bits": {"bit_rate": 40_000},
    "another codec": {"codec": "libx264", "bit_rate": 100_000},
    "12 frames a second": {"rate": 12, "frames": 20},
    "begins later": {"start": 0.5, "frames": 28},
}


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
def test_a_copy_in_test_is_found_however_it_is_encoded(encoding: dict[str, Any], data: Path, tmp_path: Path) -> None:
    write_scene(data / "train" / "jump" / "original.mp4", place=100)
    copy = write_scene(data / "test" / "jump" / "copy.mp4", **{"place": 100, **encoding})
    checked = check(data, tmp_path)
    assert kinds(checked) == {("same footage", frozenset({"original", "copy"}))}
    assert checked.copies == {"val": [], "test": [copy]}
    assert "train also holds the footage of 1 of 7 clips in test" in only(checked).what
    refuse_worthless(checked.report, allow_duplicates=False)  # one of seven: said, and not counted


def test_the_same_file_is_found_whatever_its_name(data: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(data / "train" / "jump" / "0.mp4", data / "val" / "jump" / "other name.mp4"))
    checked = check(data, tmp_path)
    assert kinds(checked) == {("same file", frozenset({"0", "other name"}))}
    assert checked.copies == {"val": [copy], "test": []}


def test_another_take_at_the_same_place_is_no_copy(data: Path, tmp_path: Path) -> None:
    write_scene(data / "train" / "jump" / "take0.mp4", place=100)
    write_scene(data / "test" / "wave" / "take1.mp4", place=100, take=1)
    checked = check(data, tmp_path)
    assert kinds(checked) == {("same scene", frozenset({"take0", "take1"}))}
    assert checked.copies == {"val": [], "test": []}
    assert "train holds other moments of the scenes of 1 of 7 clips in test" in only(checked).what


def test_the_same_footage_under_two_labels_is_told(data: Path, tmp_path: Path) -> None:
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


def test_where_one_camera_saw_it_all_only_copies_stay_together(tmp_path: Path) -> None:
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


def test_a_label_of_another_bit_rate_is_told(tmp_path: Path) -> None:
    data = tmp_path / "data"
    places = itertools.count()
    for split, clips in (("train", 8), ("val", 2), ("test", 2)):
        for label in ("jump", "swim", "wave"):
            for number in range(clips):
                clip = data / split / label / f"{number}.mp4"
                bits = 2_000_000 if label == "swim" else 60_000
                write_scene(clip, place=next(places), frames=30 + number, codec="libx264", bit_rate=bits)
    checked = check(data, tmp_path)
    (tell,) = checked.report.tells
    assert (tell.label, tell.feature, tell.auc) == ("swim", "kbit/s", 1.0)
    assert tell.inside[0] > tell.outside[1]
    assert "'swim' can be told by kbit/s alone" in warnings(checked)[0].what
    assert checked.guesses is not None
    assert checked.guesses.count("swim") == 2


def test_encodings_that_tell_all_labels_are_told(tmp_path: Path) -> None:
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
    assert checked.guesses == [clip.label for clip in checked.splits.test]
    told = f"alone tell the label of {checked.report.encoding.accuracy:.0%} of the training clips"
    assert any(told in finding.what for finding in warnings(checked))


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


def test_a_label_missing_from_a_split_is_told(data: Path, tmp_path: Path) -> None:
    shutil.rmtree(data / "test" / "swim")
    assert only(check(data, tmp_path)).what == (
        "the label 'swim' has no readable clip in test: the test says nothing of it"
    )


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


def test_a_misspelt_label_is_told(data: Path, tmp_path: Path) -> None:
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


def test_one_clip_in_two_splits_of_a_csv_is_found(data: Path, tmp_path: Path) -> None:
    rows = [
        f"{clip.relative_to(data)},{clip.parent.name},{clip.parent.parent.name}\n"
        for clip in sorted(data.rglob("*.mp4"))
    ]
    table = data / "clips.csv"
    table.write_text("path,label,split\n" + "".join(rows) + "train/jump/0.mp4,jump,test\n", encoding="utf-8")
    checked = check(table, tmp_path)
    assert checked.copies == {"val": [], "test": [data / "train" / "jump" / "0.mp4"]}


def test_black_clips_are_not_copies_of_each_other(data: Path, tmp_path: Path) -> None:
    for split, frames in (("train", 30), ("test", 40)):
        path = data / split / "jump" / "black.avi"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (64, 48))
        for number in range(frames):
            writer.write(np.full((48, 64, 3), number % 3, np.uint8))
        writer.release()
    assert check(data, tmp_path).report.pairs == []


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


def test_known_footage_of_ucf101_is_found(real_data: Path, tmp_path: Path) -> None:
    clips = [
        *sorted((real_data / "ucf8" / "test" / "Basketball").glob("*.avi")),
        *sorted((real_data / "ucf8" / "test" / "BasketballDunk").glob("*_g01_*.avi")),
        *sorted((real_data / "ucf8" / "train" / "BasketballDunk").glob("*_g1[12]_*.avi")),
    ]
    rows = [f"{clip},{clip.parent.name},{'val' if clip.stem.endswith('c02') else 'train'}\n" for clip in clips]
    (tmp_path / "clips.csv").write_text("path,label,split\n" + "".join(rows), encoding="utf-8")
    across = {
        (pair.kind, *sorted(Path(video).stem.split("_")[2] for video in pair.videos))
        for pair in check(tmp_path / "clips.csv", tmp_path).report.pairs
    }
    across = {row for row in across if row[1] != row[2]}
    assert across == {("same scene", "g03", "g23"), ("same scene", "g15", "g24"), ("same footage", "g01", "g11")}


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
