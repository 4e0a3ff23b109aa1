"""`vidcls evaluate`: scikit-learn's scores, and a report."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from commands import json_lines, run
from decoder_counts import Decoding
from generated import LABELS, contract_fields, write_clip, write_model, write_scene
from lossless import noise_frames, write_lossless
from vidcls import VideoClassifier
from vidcls.evaluation.metrics import wilson_interval
from vidcls.fingerprint import encode, fingerprint_of

MANY_LABELS = ("a", "b", "c", "d", "e", "f", "g")


def write_labelled(folder: Path, counts: dict[str, int]) -> Path:
    number = 5
    for label, count in counts.items():
        for index in range(count):
            write_clip(folder / label / f"{index}.mp4", frames=number, width=64 + 2 * number, height=64)
            number += 2
    return folder


def test_evaluate_gives_the_scores_that_scikit_learn_gives(tmp_path: Path) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    model = write_model(tmp_path / "model.onnx", labels=MANY_LABELS)
    data = write_labelled(tmp_path / "data", {"f": 5, "b": 4, "d": 3, "a": 2})
    (data / "readme.txt").write_text("not a label", encoding="utf-8")
    (data / "c").mkdir()

    classifier = VideoClassifier(model)
    videos = sorted(data.rglob("*.mp4"))
    truth = [MANY_LABELS.index(path.parent.name) for path in videos]
    logits = np.stack([classifier.predict(path, views=2).logits for path in videos])
    predicted = logits.argmax(axis=1)
    top1 = metrics.accuracy_score(truth, predicted)
    top5 = metrics.top_k_accuracy_score(truth, logits, k=5, labels=range(7))
    assert 0 < top5 < 1  # else this would not tell top-5 from anything

    result = run("evaluate", model, data, "--views", 2, "--json")
    assert result.stderr == ""
    (answer,) = json_lines(result.stdout)
    shown_rows = {label: {name: row[name] for name in ("videos", "top1")} for label, row in answer["per_class"].items()}
    expected = {
        "videos": 14,
        "failed": 0,
        "top1": pytest.approx(top1),
        "top5": pytest.approx(top5),
        "per_class": {
            label: {
                "videos": truth.count(index),
                "top1": pytest.approx(float((predicted[np.array(truth) == index] == index).mean()))
                if index in truth
                else None,
            }
            for index, label in enumerate(MANY_LABELS)
        },
        "confusion": metrics.confusion_matrix(truth, predicted, labels=range(7)).tolist(),
        "labels": list(MANY_LABELS),
    }
    assert {name: answer[name] for name in expected} | {"per_class": shown_rows} == expected
    assert answer["macro_f1"] == pytest.approx(metrics.f1_score(truth, predicted, average="macro", labels=[0, 1, 3, 5]))
    assert (answer["new"], answer["trained_on"], answer["chosen_by"], answer["map"]) == (None, None, None, None)

    text = run("evaluate", model, data, "--views", 2).stdout
    within = [wilson_interval(round(share * 14), 14) for share in (top1, top5)]
    shown = [f"{share:.4f} ({low:.2f} to {high:.2f})" for share, (low, high) in zip((top1, top5), within, strict=True)]
    assert text.startswith(f"top-1 {shown[0]}, top-5 {shown[1]} on 14 videos, 0 failed\n")
    of_f = answer["per_class"]["f"]["top1"]
    assert answer["per_class"]["f"]["top1_interval"] == list(wilson_interval(round(of_f * 5), 5))
    assert re.search(rf"^  f  {of_f:.4f} \(\d\.\d\d to \d\.\d\d\)  .*  5 videos$", text, re.MULTILINE)


def test_evaluate_writes_a_report(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.onnx", labels=MANY_LABELS)
    data = write_labelled(tmp_path / "data", {"f": 3, "b": 1})
    videos = sorted(data.rglob("*.mp4"))
    (answer,) = json_lines(run("evaluate", model, data, "--json", "--report", tmp_path / "report").stdout)
    report = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert {name: report[name] for name in answer} == answer
    assert (report["views"], report["crops"]) == (1, 1)
    assert report["top1_interval"] == list(wilson_interval(round(answer["top1"] * 4), 4))
    assert 0 < report["calibration"]["error"] < 1
    for picture in ("confusion.png", "mistakes.png"):
        with Image.open(tmp_path / "report" / picture) as opened:
            assert np.asarray(opened).std() > 5, f"{picture} is blank"
    with (tmp_path / "report" / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    predicted = [VideoClassifier(model).predict(path).label for path in videos]
    assert [(row["video"], row["label"], row["predicted"], row["error"]) for row in rows] == [
        (str(path), path.parent.name, label, "") for path, label in zip(videos, predicted, strict=True)
    ]


def test_a_report_has_no_page_or_picture_of_an_earlier_one(model: Path, tmp_path: Path) -> None:
    data, report = write_labelled(tmp_path / "data", {"wave": 1}), tmp_path / "report"
    run("evaluate", model, data, "--report", report)
    pictures = {"report.html", "confusion.png", "mistakes.png"}
    assert pictures < {path.name for path in report.iterdir()}
    (data / "wave").rename(data / "_none")  # of which there is no accuracy, and so no page
    run("evaluate", model, data, "--report", report)
    assert {path.name for path in report.iterdir()} == {"report.json", "predictions.csv"}


def test_a_report_never_overwrites_the_list_that_is_evaluated(model: Path, tmp_path: Path) -> None:
    write_labelled(tmp_path, {"wave": 1})
    table = tmp_path / "predictions.csv"
    table.write_text("path,label\nwave/0.mp4,wave\n", encoding="utf-8")
    result = run("evaluate", model, table, "--report", tmp_path, code=2)
    assert f"--report {tmp_path} would overwrite {table}, which is read" in result.stderr
    assert table.read_text(encoding="utf-8") == "path,label\nwave/0.mp4,wave\n"


def test_evaluate_counts_what_failed_and_scores_the_rest(model: Path, tmp_path: Path) -> None:
    data = write_labelled(tmp_path / "data", {"clap": 2, "wave": 1})
    broken = data / "wave" / "broken.mp4"
    broken.write_bytes(b"no video")
    result = run("evaluate", model, data, "--json", "--report", tmp_path / "report", code=1)
    (answer,) = json_lines(result.stdout)
    assert (answer["videos"], answer["failed"]) == (3, 1)
    assert answer["per_class"]["wave"]["videos"] == 1
    assert sum(map(sum, answer["confusion"])) == 3
    assert result.stderr.startswith(f"Error: {broken}: ")
    assert str(broken) in (tmp_path / "report" / "predictions.csv").read_text(encoding="utf-8")


def test_a_row_is_one_video_and_never_a_pattern(model: Path, tmp_path: Path) -> None:
    data = write_labelled(tmp_path, {LABELS[0]: 2})
    (tmp_path / "rows.csv").write_text(
        f"path,label\n{LABELS[0]}/[01].mp4,{LABELS[0]}\n{LABELS[0]},{LABELS[0]}\n{LABELS[0]}/0.mp4,{LABELS[0]}\n",
        encoding="utf-8",
    )
    result = run("evaluate", model, data / "rows.csv", "--json", code=1)
    (answer,) = json_lines(result.stdout)
    assert (answer["videos"], answer["failed"]) == (1, 2)
    assert "[01].mp4: there is no such file" in result.stderr
    assert "is a folder, expected a file" in result.stderr


def test_evaluate_reports_a_name_that_is_not_utf8(model: Path, tmp_path: Path) -> None:
    data = write_labelled(tmp_path / "data", {"clap": 1})
    Path(os.fsdecode(bytes(data) + b"/clap/\xff.mp4")).write_bytes(b"no video")
    result = run("evaluate", model, data, "--json", "--report", tmp_path / "report", code=1)
    (answer,) = json_lines(result.stdout)
    assert (answer["videos"], answer["failed"]) == (1, 1)
    with (tmp_path / "report" / "predictions.csv").open(newline="", encoding="utf-8") as file:
        videos = [row["video"] for row in csv.DictReader(file)]
    assert sorted(videos) == [str(data / "clap" / "0.mp4"), str(data / "clap" / "\ufffd.mp4")]


def test_evaluate_answers_also_where_the_report_cannot_be_written(model: Path, tmp_path: Path) -> None:
    data = write_labelled(tmp_path / "data", {"clap": 1})
    (tmp_path / "file").write_bytes(b"")
    result = run("evaluate", model, data, "--json", "--report", tmp_path / "file" / "report", code=1)
    assert json_lines(result.stdout)[0]["videos"] == 1
    assert result.stderr.count("\n") == 1


def test_evaluate_without_one_readable_video_is_an_error(model: Path, tmp_path: Path) -> None:
    (tmp_path / "clap").mkdir()
    (tmp_path / "clap" / "broken.mp4").write_bytes(b"no video")
    result = run("evaluate", model, tmp_path, "--json", code=1)
    assert result.stdout == ""
    assert "not one of its 1 videos could be read" in result.stderr


def test_evaluate_refuses_a_folder_that_is_no_label(model: Path, tmp_path: Path) -> None:
    write_labelled(tmp_path, {"clap": 1, "Jump": 1})
    assert "'Jump' is not one of the model's labels" in run("evaluate", model, tmp_path, code=2).stderr


@pytest.mark.parametrize("name", ["gone", "empty"])
def test_evaluate_refuses_a_folder_without_videos(name: str, model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    run("evaluate", model, tmp_path / name, code=2)


SCENE_LABELS = ("clap", "jump", "wave")


def decided(path: Path, *, train: list[Path] | None = None, val: list[Path] | None = None, **decision: Any) -> Path:
    """A model for scenes that knows these clips, with these fields of its decision."""
    fields = contract_fields(labels=SCENE_LABELS)
    fields["decision"] |= decision
    if train is not None:
        known = {"train": train, "val": val or []}
        prints = {split: encode([fingerprint_of(clip) for clip in clips]) for split, clips in known.items()}
        fields["source"]["clips"] = {"algorithm": "dct-1", **prints}
    return write_model(path, fields, labels=SCENE_LABELS)


def write_scenes(folder: Path, places: list[int], **encoding: Any) -> list[Path]:
    """Clips of different places, in the labels' folders in turn."""
    return [
        write_scene(folder / SCENE_LABELS[place % 3] / f"place {place}.mp4", place=place, frames=20, **encoding)
        for place in places
    ]


def top1_of(model: Path, clips: list[Path]) -> float:
    classifier = VideoClassifier(model, device="cpu")
    return float(np.mean([classifier.predict(clip).label == clip.parent.name for clip in clips]))


def test_clips_that_the_model_knows_are_counted_apart_however_they_are_encoded(tmp_path: Path) -> None:
    train, val = write_scenes(tmp_path / "train", [0, 1, 2, 3]), write_scenes(tmp_path / "val", [4, 5])
    model = decided(tmp_path / "model.onnx", train=train, val=val)
    data = tmp_path / "data"
    chosen_by, new = write_scenes(data, [4]), write_scenes(data, [6, 7, 8, 9])
    copies = write_scenes(data, [0, 1], size=(80, 60), codec="libx264", bit_rate=100_000)
    copies.append(Path(shutil.copy(train[2], data / "wave" / "another name.mp4")))
    result = run("evaluate", model, data, "--json", "--report", tmp_path / "report")
    (answer,) = json_lines(result.stdout)
    parts = {"new": new, "trained_on": copies, "chosen_by": chosen_by}
    for name, clips in parts.items():
        assert (answer[name]["videos"], answer[name]["top1"]) == (len(clips), top1_of(model, clips)), name
    assert (answer["videos"], answer["top1"], np.sum(answer["confusion"])) == (4, top1_of(model, new), 4)
    with (tmp_path / "report" / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = {Path(row["video"]): (row["clip_is"], row["known"]) for row in csv.DictReader(file)}
    kinds = {"new": "new", "trained_on": "train", "chosen_by": "val"}
    assert rows == {clip: (kinds[name], "true") for name, clips in parts.items() for clip in clips}

    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "4 clips that the model does not know" in page

    lines = run("evaluate", model, data).stdout.splitlines()
    assert lines[0].endswith(" on 4 videos that the model does not know, 0 failed")
    assert lines[-2].startswith("counted apart: 3 videos that the model was trained on: top-1 ")
    assert lines[-1].startswith("counted apart: 1 videos that it was chosen by: top-1 ")


def test_where_no_clip_is_new_there_is_no_accuracy(tmp_path: Path) -> None:
    train = write_scenes(tmp_path / "train", [0, 1, 2])
    model = decided(tmp_path / "model.onnx", train=train)
    (answer,) = json_lines(run("evaluate", model, tmp_path / "train", "--json", "--report", tmp_path / "out").stdout)
    assert (answer["videos"], answer["top1"], answer["top5"], answer["calibration"]) == (0, None, None, None)
    assert (answer["trained_on"]["videos"], answer["trained_on"]["top1"]) == (3, top1_of(model, train))
    nothing = dict.fromkeys(("top1", "top1_interval", "precision", "recall", "f1"))
    assert answer["per_class"]["clap"] == {"videos": 0, **nothing}
    assert (tmp_path / "out" / "confusion.png").is_file()
    lines = run("evaluate", model, tmp_path / "train").stdout.splitlines()
    assert lines[0] == (
        "all 3 videos are among those that the model was trained on: this is no accuracy on new videos; 0 failed"
    )


def test_a_model_without_fingerprints_says_that_it_does_not_know(model: Path, tmp_path: Path) -> None:
    data = write_labelled(tmp_path / "data", {"clap": 1})
    text = run("evaluate", model, data).stdout
    assert "which videos the model was trained on is not known" in text


def test_clips_of_none_of_the_labels_are_negatives_or_a_class(tmp_path: Path) -> None:
    clips = write_scenes(tmp_path / "data", [0, 1, 2])
    none = [
        write_scene(tmp_path / "data" / "_none" / f"{place}.mp4", place=place, frames=20) for place in range(20, 25)
    ]
    plain = decided(tmp_path / "plain.onnx")
    classifier = VideoClassifier(plain, device="cpu")
    scores = sorted(classifier.predict(clip).score for clip in none)
    threshold = (scores[1] + scores[2]) / 2
    rule = {"score": "max_probability", "threshold": threshold, "accepted": 0.95, "false_accepted": None}
    rejecting = decided(tmp_path / "rejecting.onnx", reject=rule)
    for model, share in ((plain, 1.0), (rejecting, 0.6)):
        (answer,) = json_lines(run("evaluate", model, tmp_path / "data", "--json").stdout)
        assert (answer["videos"], answer["top1"]) == (3, top1_of(plain, clips))
        assert answer["negatives"] == {
            "videos": 5,
            "falsely_accepted": share,
            "interval": list(wilson_interval(round(5 * share), 5)),
        }
    text = run("evaluate", rejecting, tmp_path / "data").stdout
    assert "of 5 videos that show none of the labels, 0.6000 (" in text
    # What it takes for known of these five is not among what is said to be right.
    known = [classifier.predict(clip) for clip in clips if classifier.predict(clip).score >= threshold]
    right = sum(answer.label == clip.parent.name for clip in clips for answer in known if answer.video == str(clip))
    assert f"of the videos with a label for known; of those, {right / len(known):.4f} (" in text

    trained = decided(tmp_path / "trained.onnx", none_label="wave")  # the class that means none of the others
    (answer,) = json_lines(run("evaluate", trained, tmp_path / "data", "--json").stdout)
    wave = SCENE_LABELS.index("wave")
    assert (answer["videos"], sum(answer["confusion"][wave])) == (8, 6)
    text = run("evaluate", trained, tmp_path / "data").stdout
    assert "of all that it takes for known, those that show none of the labels among them, " in text
    (alone,) = json_lines(run("evaluate", plain, none_only(tmp_path, none), "--json").stdout)
    assert (alone["videos"], alone["top1"], alone["negatives"]["videos"]) == (0, None, 5)


def none_only(folder: Path, clips: list[Path]) -> Path:
    shutil.copytree(clips[0].parent, folder / "only" / "_none")
    return folder / "only"


def test_operating_points_are_measured_on_the_data(tmp_path: Path) -> None:
    clips = write_scenes(tmp_path / "data", list(range(9)))
    plain = VideoClassifier(decided(tmp_path / "plain.onnx"), device="cpu")
    jump = np.array([plain.predict(clip).probabilities[1] for clip in clips])
    is_jump = np.array([clip.parent.name == "jump" for clip in clips])
    threshold = float(np.median(jump)) - 1e-6
    points = {"jump": {"probability": threshold, "precision": 0.9, "recall": 0.5}, "clap": None}
    model = decided(tmp_path / "model.onnx", operating_points=points)
    (answer,) = json_lines(run("evaluate", model, tmp_path / "data", "--json").stdout)
    found = jump >= threshold
    hits = int((found & is_jump).sum())
    assert answer["operating_points"] == {
        "jump": {
            "probability": threshold,
            "videos": 3,
            "found": 5,
            "precision": hits / 5,
            "precision_interval": list(wilson_interval(hits, 5)),
            "recall": hits / 3,
            "recall_interval": list(wilson_interval(hits, 3)),
        },
        "clap": None,
    }
    assert (
        f"at its operating point {threshold:.3f}, jump: precision {hits / 5:.4f} ("
        in run("evaluate", model, tmp_path / "data").stdout
    )


def test_labels_that_hold_together_are_measured_by_average_precision(tmp_path: Path) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    clips = write_scenes(tmp_path, list(range(8)))
    shown = ["clap|jump", "jump", "", "wave|clap", "wave", "clap", "_none", "jump|wave"]
    rows = [f"{clip.relative_to(tmp_path)},{labels}\n" for clip, labels in zip(clips, shown, strict=True)]
    (tmp_path / "clips.csv").write_text("path,labels\n" + "".join(rows), encoding="utf-8")
    model = decided(tmp_path / "model.onnx", activation="sigmoid")
    classifier = VideoClassifier(model, device="cpu")
    probabilities = np.stack([classifier.predict(clip).probabilities for clip in clips])
    truth = np.array([[label in labels.split("|") for label in SCENE_LABELS] for labels in shown])
    result = run("evaluate", model, tmp_path / "clips.csv", "--json", "--report", tmp_path / "report")
    (answer,) = json_lines(result.stdout)
    assert answer["map"] == pytest.approx(metrics.average_precision_score(truth, probabilities, average="macro"))
    assert answer["negatives"]["videos"] == 2
    with (tmp_path / "report" / "predictions.csv").open(newline="", encoding="utf-8") as file:
        found = [(row["label"], row["predicted"]) for row in csv.DictReader(file)]
    present = ["|".join(classifier.predict(clip).labels_present) for clip in clips]
    assert found == list(
        zip(["clap|jump", "jump", "_none", "clap|wave", "wave", "clap", "_none", "jump|wave"], present, strict=True)
    )
    assert run("evaluate", model, tmp_path / "clips.csv").stdout.startswith("mAP ")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("path,labels\na.mp4,swim\n", "line 2 has the label 'swim'"),
        ("path,labels\na.mp4,clap|jump\n", "line 2 has 2 labels"),
        ("path,labels\n,clap\n", "line 2 names no video"),
        ("video,labels\na.mp4,clap\n", "its columns are ['labels', 'video']"),
        ("path,labels\n", "lists no videos"),
        ('path,label\n"a\n.mp4",clap\n\nb.mp4,swim\n', "line 5 has the label 'swim'"),
        ('path,label\na.mp4,clap\nb.mp4,"jump\nc.mp4,jump\n', "is not a CSV in UTF-8 (unexpected end of data)"),
        ("path,label\na.mp4,clap\nb.mp4,clap\n./a.mp4,jump\n", "line 4 names "),
        ("path,label\nb/a.mp4,clap\nb/../b/a.mp4,clap\n", "as line 2 does; write it once"),
        ("path,labels\na.mp4,clap,jump\n", "line 2: has more cells than the first line; put a text that holds a comma"),
        ("path,labels\na.mp4,clap\nb.mp4\n", "line 3: has fewer cells than the first line"),
        ("path,label,label\na.mp4,clap,jump\n", "has the column 'label' twice, expected once"),
    ],
)
def test_a_csv_of_another_form_is_wrong_usage(text: str, problem: str, model: Path, tmp_path: Path) -> None:
    (tmp_path / "clips.csv").write_text(text, encoding="utf-8")
    assert problem in run("evaluate", model, tmp_path / "clips.csv", code=2).stderr


def test_labels_are_known_by_what_is_read_and_not_by_their_code_points(tmp_path: Path) -> None:
    """macOS names a folder by the parts of its letters, where the model's label holds them whole."""
    model = write_model(tmp_path / "model.onnx", labels=("걷기", "뛰기"))
    folder = unicodedata.normalize("NFD", "뛰기")
    assert folder != "뛰기"
    data = write_labelled(tmp_path / "data", {folder: 2})
    (data / "clips.csv").write_text(f"path,label\n{folder}/0.mp4,{folder}\n", encoding="utf-8")
    for given, count in ((data, 2), (data / "clips.csv", 1)):
        (answer,) = json_lines(run("evaluate", model, given, "--json").stdout)
        assert {label: row["videos"] for label, row in answer["per_class"].items()} == {"걷기": 0, "뛰기": count}


@pytest.mark.skipif(os.name == "nt", reason="there are no such pipes")
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_report_is_written_also_where_what_is_printed_cannot_be(form: list[str], model: Path, tmp_path: Path) -> None:
    data = write_labelled(tmp_path / "data", {"wave": 1})
    (tmp_path / "events.csv").write_text("video,start,end,label\nwave/0.mp4,0,0.3,wave\n", encoding="utf-8")
    for name, options in (("clips", []), ("events", ["--events", tmp_path / "events.csv"])):
        report = tmp_path / name
        command = ["evaluate", model, data, *options, *form, "--report", report]
        read, write = os.pipe()
        os.close(read)  # as of `| head -1`, which has read what it wants
        try:
            program = Path(sys.executable).with_name("vidcls")
            found = subprocess.run(
                [program, *map(str, command)], stdout=write, stderr=subprocess.PIPE, text=True, check=False
            )
        finally:
            os.close(write)
        assert found.returncode == 1, found.stderr
        assert {"report.html", "report.json"} <= {path.name for path in report.iterdir()}


def test_a_csv_may_have_cells_that_are_not_read_and_empty_ones_at_the_end(model: Path, tmp_path: Path) -> None:
    write_labelled(tmp_path, {"wave": 1})
    (tmp_path / "clips.csv").write_text("path,label,note,split\nwave/0.mp4,wave,,,,\nwave/1.mp4,wave\n", "utf-8")
    write_clip(tmp_path / "wave" / "1.mp4", frames=12)
    (answer,) = json_lines(run("evaluate", model, tmp_path / "clips.csv", "--json").stdout)
    assert answer["per_class"]["wave"]["videos"] == 2


def test_a_report_is_made_with_the_decoder_that_was_asked_for_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its figures, its pictures and its players; PyAV, which is counted, would open such films."""
    pytest.importorskip("av")
    model = write_model(tmp_path / "model.onnx")
    films = [tmp_path / "data" / label / "film.mkv" for label in LABELS]  # one of which at most is answered rightly
    for film in films:
        film.parent.mkdir(parents=True)
        write_lossless(film, noise_frames(frames=20, width=64, height=48))
    opened = Decoding(monkeypatch).opened
    run("evaluate", model, tmp_path / "data", "--decoder", "opencv", "--report", tmp_path / "opencv")
    assert not opened
    run("evaluate", model, tmp_path / "data", "--report", tmp_path / "auto")
    assert set(opened) == set(films)
    pages = {name: (tmp_path / name / "report.html").read_text(encoding="utf-8") for name in ("opencv", "auto")}
    assert (tmp_path / "opencv" / "mistakes.png").is_file()
    assert " --decoder opencv --report DIR" in pages["opencv"]
    assert "--decoder" not in pages["auto"]
