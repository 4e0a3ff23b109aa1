from __future__ import annotations

from pathlib import Path

import pytest

from vidcls.video.folders import label_folders, labelled_videos, list_videos


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_videos_are_found_at_any_depth_sorted_and_by_their_ending(tmp_path: Path) -> None:
    make(tmp_path, "b.mp4", "a/deep/er/c.AVI", "a/notes.txt", "a/d.webm", "z.mkv", "poster.jpg", "e.mp4.part")
    assert [path.relative_to(tmp_path).as_posix() for path in list_videos(tmp_path)] == [
        "a/d.webm",
        "a/deep/er/c.AVI",
        "b.mp4",
        "z.mkv",
    ]


@pytest.mark.parametrize("ending", [".3g2", ".f4v", ".m2v", ".divx", ".y4m", ".mpe", ".qt", ".DV"])
def test_rare_endings_are_videos_too(tmp_path: Path, ending: str) -> None:
    assert len(list_videos(make(tmp_path, f"clip{ending}"))) == 1


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    make(tmp_path, "._clip.mp4", ".trash/clip.mp4", "a/.cache/clip.mp4", "a/clip.mp4")
    assert [path.name for path in list_videos(tmp_path)] == ["clip.mp4"]
    assert set(label_folders(tmp_path)) == {"a"}


def test_a_link_that_cannot_be_followed_ends_no_listing(tmp_path: Path) -> None:
    make(tmp_path, "a.mp4", "c.mp4")
    (tmp_path / "b.mp4").symlink_to("n" * 300)  # no name that a file can have: opening it says so
    (tmp_path / "b2.mp4").symlink_to("gone.mp4")
    assert [path.name for path in list_videos(tmp_path)] == ["a.mp4", "b.mp4", "c.mp4"]


def test_linked_folders_are_followed_and_nothing_is_there_twice(tmp_path: Path) -> None:
    root = make(tmp_path / "clips", "2026/a.mp4", "z.mp4")
    other = make(tmp_path / "other", "b.mp4")
    (root / "cam").symlink_to(other)
    (root / "cam again").symlink_to(other)
    (root / "latest").symlink_to(root / "2026")
    (root / "circle").symlink_to(root)
    (root / "all").symlink_to(tmp_path)
    (root / "gone").symlink_to(tmp_path / "gone")
    (root / "itself").symlink_to(root / "itself")
    (other / "back").symlink_to(root)
    assert [path.relative_to(root).as_posix() for path in list_videos(root)] == ["2026/a.mp4", "cam/b.mp4", "z.mp4"]


def test_a_hidden_parent_hides_nothing(tmp_path: Path) -> None:
    root = make(tmp_path / ".data", "a/clip.mp4")
    assert len(list_videos(root)) == 1
    assert labelled_videos(root, ["a"]) == [(root / "a" / "clip.mp4", 0)]


def test_a_folder_named_like_a_video_is_no_video(tmp_path: Path) -> None:
    make(tmp_path, "folder.mp4/clip.avi")
    assert [path.name for path in list_videos(tmp_path)] == ["clip.avi"]


def test_folders_give_class_ids_in_the_models_order(tmp_path: Path) -> None:
    make(tmp_path, "turn left/2.mp4", "turn left/1.mp4", "clap/x.avi", "readme.txt", "stray.mp4")
    found = labelled_videos(tmp_path, ["wave", "turn left", "clap"])
    assert [(path.relative_to(tmp_path).as_posix(), class_id) for path, class_id in found] == [
        ("clap/x.avi", 2),
        ("turn left/1.mp4", 1),
        ("turn left/2.mp4", 1),
    ]


def test_an_unknown_label_is_named_with_the_known_ones(tmp_path: Path) -> None:
    make(tmp_path, "clap/x.mp4", "Jump/y.mp4")
    with pytest.raises(ValueError, match=r"'Jump' is not one of the model's labels \(clap, jump\)"):
        labelled_videos(tmp_path, ["clap", "jump"])


def test_videos_that_show_none_of_the_labels_have_the_class_that_the_model_has_for_them(tmp_path: Path) -> None:
    make(tmp_path, "clap/x.mp4", "_none/y.mp4")

    def class_ids(labels: list[str], **options: str) -> dict[str, int | None]:
        return {video.parent.name: class_id for video, class_id in labelled_videos(tmp_path, labels, **options)}

    assert class_ids(["clap", "jump"]) == {"_none": None, "clap": 0}
    assert class_ids(["_none", "clap"]) == {"_none": 0, "clap": 1}
    assert class_ids(["clap", "nothing"], none_label="nothing") == {"_none": 1, "clap": 0}


def test_long_lists_of_labels_are_shortened(tmp_path: Path) -> None:
    make(tmp_path, "other/x.mp4")
    with pytest.raises(ValueError, match=r"\(0, 1, 2, 3, 4, 5, 6, 7, \.\.\. 100 in all\)"):
        labelled_videos(tmp_path, [str(number) for number in range(100)])


def test_a_folder_without_videos_may_have_any_name(tmp_path: Path) -> None:
    make(tmp_path, "clap/x.mp4", "notes/readme.txt")
    assert len(labelled_videos(tmp_path, ["clap"])) == 1


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ([], "holds no videos"),
        (["clip.mp4"], "in no label's folder.*per label, as in .*LABEL.clip.mp4"),
        (["clap/a.txt"], "no videos"),
    ],
)
def test_a_folder_without_labelled_videos_is_refused(tmp_path: Path, names: list[str], problem: str) -> None:
    make(tmp_path, *names)
    with pytest.raises(ValueError, match=problem):
        labelled_videos(tmp_path, ["clap"])


@pytest.mark.parametrize("name", ["missing", "file.mp4"])
def test_what_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    make(tmp_path, "file.mp4")
    with pytest.raises(ValueError, match=f"{name}: is not a folder"):
        labelled_videos(tmp_path / name, ["clap"])
