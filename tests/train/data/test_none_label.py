"""Clips that show none of the labels, and clips with any number of them, as DATA names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from empty_clips import find, touch
from vidcls_train.data.clip_list import MULTI_LABEL, Clip, ClipList, DataError
from vidcls_train.data.sources import find_clips
from vidcls_train.data.splits import split_clips
from vidcls_train.data.targets import targets_of


def table(folder: Path, text: str) -> Path:
    (folder / "clips.csv").write_text(text, encoding="utf-8")
    return folder / "clips.csv"


def test_a_folder_none_is_a_class_and_makes_one_label_enough(tmp_path: Path) -> None:
    data = touch(
        tmp_path / "data", *[f"{split}/{label}/1.mp4" for split in ("train", "val") for label in ("fall", "_none")]
    )
    found = find_clips(str(data), unpack_to=tmp_path / "unpacked")
    assert found.labels == ("_none", "fall")
    assert (found.none_label, found.problem_type) == ("_none", "single_label_classification")
    listed = find_clips(str(table(tmp_path, "path,label\na.mp4,fall\nb.mp4,_none\n")), unpack_to=tmp_path / "unpacked")
    assert (listed.labels, listed.none_label) == (found.labels, found.none_label)


@pytest.mark.parametrize("files", [("_none/1.mp4", "_none/2.mp4"), ("train/_none/1.mp4", "val/_none/2.mp4")])
def test_clips_that_all_show_none_of_the_labels_are_refused(files: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="only videos that show none of the labels; add one folder of videos per label"):
        find(touch(tmp_path / "data", *files), tmp_path)


def test_one_label_alone_is_refused_with_what_to_add(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"only the label 'fall'.* add another label, or a folder '_none' for videos"):
        find(touch(tmp_path / "data", "fall/1.mp4", "fall/2.mp4"), tmp_path)
    with pytest.raises(DataError, match=r"only the label 'fall'.* add another label, or rows with nothing in 'labels'"):
        find(table(tmp_path, "path,labels\na.mp4,fall\nb.mp4,fall\n"), tmp_path)
    with pytest.raises(DataError, match="show none of the labels; add rows of videos that show some"):
        find(table(tmp_path, "path,labels\na.mp4,\nb.mp4,_none\n"), tmp_path)


def test_a_csv_names_any_number_of_labels(tmp_path: Path) -> None:
    rows = ["a.mp4,wave|jump", "b.mp4,jump", "c.mp4,", "d.mp4,_none", "e.mp4, hop | wave "]
    found = find_clips(str(table(tmp_path, "path,labels\n" + "\n".join(rows))), unpack_to=tmp_path / "unpacked")
    assert (found.problem_type, found.none_label) == ("multi_label_classification", None)
    assert found.labels == ("hop", "jump", "wave")
    assert [clip.labels for clip in found.clips] == [("jump", "wave"), ("jump",), (), (), ("hop", "wave")]
    assert [clip.label for clip in found.clips] == ["jump|wave", "jump", "_none", "_none", "hop|wave"]
    assert targets_of(found.clips, found.labels).tolist() == [[0, 1, 1], [0, 1, 0], [0, 0, 0], [0, 0, 0], [1, 0, 1]]


def test_one_label_a_row_in_a_column_of_several_is_still_of_several(tmp_path: Path) -> None:
    found = find_clips(str(table(tmp_path, "path,labels\na.mp4,jump\nb.mp4,wave\n")), unpack_to=tmp_path / "unpacked")
    assert found.problem_type == "multi_label_classification"


@pytest.mark.parametrize("labels", ["a|", "a||b", "a|a", "a|_none", "|"])
def test_labels_that_are_not_of_the_form_are_named(labels: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 3 has labels '.*', expected names with '\|' between them, each once"):
        find(table(tmp_path, f"path,labels\na.mp4,b\nb.mp4,{labels}\n"), tmp_path)


@pytest.mark.parametrize("columns", ["path,label,labels", "path,labels,extra", "video,label", "path,start,end,label"])
def test_columns_that_are_none_of_the_forms_are_refused(columns: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected path,label.*'labels' in the place of 'label'.*video,start,end"):
        find(table(tmp_path, f"{columns}\n"), tmp_path)


def test_rare_labels_are_in_every_split_where_clips_show_several() -> None:
    # Of 60 clips all show 'walk', every fifth 'wave' as well, and every tenth 'fall': by the joined labels a split
    # would keep the shares of 'fall|walk' and 'fall|walk|wave'; by the rarest one those of 'fall'.
    def shown(number: int) -> tuple[str, ...]:
        return tuple(["fall"] * (number % 10 == 0) + ["walk"] + ["wave"] * (number % 5 < 2))

    clips = [Clip(path=Path(f"{n}.mp4"), labels=shown(n), group=f"{n}") for n in range(60)]
    for seed in range(5):
        splits = split_clips(several(clips), val_fraction=0.2, seed=seed)
        for split in (splits.val, splits.test):
            assert sum("fall" in clip.labels for clip in split) in (1, 2)


def several(clips: list[Clip]) -> ClipList:
    return ClipList(name="clips", clips=clips, split_names=None, empty=[], problem_type=MULTI_LABEL)


def test_many_combinations_of_few_clips_each_can_be_split() -> None:
    # All show 'walk', and each a rarer label as well, of which none has as many clips as there are folds.
    clips = [Clip(path=Path(f"{n}.mp4"), labels=("abcdef"[n % 6], "walk"), group=f"{n}") for n in range(18)]
    splits = split_clips(several(clips), val_fraction=0.1, seed=0)
    assert len(splits.train) + len(splits.val) + len(splits.test) == 18
    assert splits.val
    assert splits.test
