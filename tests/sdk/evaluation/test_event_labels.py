"""CSVs of events: what is read, and one sentence for each fault."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from vidcls.evaluation.event_labels import check_ends, read_event_labels
from vidcls.evaluation.event_metrics import TrueEvent

LABELS = ("fall", "walk")


def write(folder: Path, *lines: str, header: str = "video,start,end,label") -> Path:
    (folder / "data").mkdir(exist_ok=True)
    for path in (folder / "data" / "a.mp4", folder / "b.mp4"):
        path.write_bytes(b"")
    path = folder / "events.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def test_videos_are_found_beside_the_data_or_the_csv_and_none_is_no_event(tmp_path: Path) -> None:
    table = write(
        tmp_path,
        "a.mp4,1,2.5,fall,x",
        "b.mp4,0,9,_none,x",
        "",
        "data/a.mp4,30,40,walk,x",
        header="video,start,end,label,split",
    )
    first, second = read_event_labels(table, tmp_path / "data", LABELS)
    assert first.path == (tmp_path / "data" / "a.mp4").resolve()
    assert first.events == (TrueEvent("fall", 1.0, 2.5), TrueEvent("walk", 30.0, 40.0))
    assert first.lines == (2, 5)
    assert (second.path.name, second.events) == ("b.mp4", ())


def test_a_models_own_none_label_is_no_event(tmp_path: Path) -> None:
    table = write(tmp_path, "a.mp4,1,2,other")
    (video,) = read_event_labels(table, tmp_path / "data", LABELS, none_label="other")
    assert video.events == ()


def test_a_label_in_other_code_points_is_the_models(tmp_path: Path) -> None:
    table = write(tmp_path, f"a.mp4,1,2,{unicodedata.normalize('NFD', '뛰기')}")
    (video,) = read_event_labels(table, tmp_path / "data", ["걷기", "뛰기"])
    assert [event.label for event in video.events] == ["뛰기"]


@pytest.mark.parametrize(
    ("lines", "header", "message"),
    [
        (["a.mp4,1,2,jump"], None, r"line 2: 'jump' is not one of the model's labels"),
        (["a.mp4,2,2,fall"], None, r"line 2: is from 2 to 2, expected a start of 0 or more and an end after it"),
        (["a.mp4,-1,2,fall"], None, r"line 2: is from -1 to 2"),
        (["a.mp4,1,2,fall", "a.mp4,0:10,12,fall"], None, r"line 3: 'start' is '0:10', expected seconds, as in 12\.5"),
        (["a.mp4,1,nan,fall"], None, r"line 2: 'end' is 'nan', expected seconds"),
        (["a.mp4,1,2,fall", "a.mp4,3,4,fall", "./a.mp4,1.0,2,fall"], None, r"line 4: says what line 2 says"),
        (["gone.mp4,1,2,fall"], None, r"line 2: there is no video 'gone\.mp4' in"),
        (["a.mp4,1,2"], None, r"line 2: has fewer cells than the first line"),
        (["a.mp4,1,2,fall, backwards"], None, r"line 2: has more cells than the first line; put a text that holds"),
        (["a.mp4,1,2,fall,walk"], "video,start,end,label,label", r"has the column 'label' twice, expected once"),
        (["a.mp4,1,2,fall"], "video,start,stop,label", r"has no column 'end'; expected video,start,end,label"),
        ([], None, r"holds no line but its header"),
        (['"a.mp4,1,2,fall'], None, r"is not a CSV file in UTF-8"),
    ],
)
def test_faults_are_one_sentence_with_the_line(
    lines: list[str], header: str | None, message: str, tmp_path: Path
) -> None:
    table = write(tmp_path, *lines, header=header or "video,start,end,label")
    with pytest.raises(ValueError, match=message):
        read_event_labels(table, tmp_path / "data", LABELS)


def test_an_event_may_end_a_second_after_its_video_and_no_later(tmp_path: Path) -> None:
    table = write(tmp_path, "a.mp4,1,10,fall")
    (video,) = read_event_labels(table, tmp_path / "data", LABELS)
    check_ends(video, table, seconds=9.0)
    with pytest.raises(ValueError, match=r"line 2: ends at 10 s, but a\.mp4 is 8\.90 s long"):
        check_ends(video, table, seconds=8.9)
