"""The command line: JSON fields as promised in the README, exit codes, and one sentence for every failure."""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from click import ClickException
from click.testing import CliRunner, Result
from PIL import Image, ImageSequence

from generated import LABELS, contract_fields, model_weights, self_test_logits, write_clip, write_model
from vidcls import VideoClassifier
from vidcls.cli.main import main
from vidcls.cli.terminal import exit_codes
from vidcls.evaluation.metrics import wilson_interval

MANY_LABELS = ("a", "b", "c", "d", "e", "f", "g")


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def run_process(
    *arguments: object, folder: Path | None = None, encoding: str = "utf-8"
) -> subprocess.CompletedProcess[str]:
    command = [str(part) for part in (Path(sys.executable).with_name("vidcls"), *arguments)]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    return subprocess.run(command, capture_output=True, encoding=encoding, check=False, cwd=folder, env=environment)


def json_lines(text: str) -> list[dict[str, Any]]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


@pytest.fixture(scope="module")
def stretching_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("stretch") / "stretch.onnx", resize="stretch")


@pytest.mark.parametrize("command", [[], *([name] for name in sorted(main.commands))], ids=" ".join)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_explains_itself(command: list[str], option: str) -> None:
    assert run(*command, option).stdout.startswith("Usage: ")


def test_the_version_is_the_packages() -> None:
    import vidcls

    assert run("--version").stdout.split()[-1] == vidcls.__version__


def test_predict_answers_in_json_with_the_promised_fields(model: Path, clip: Path) -> None:
    (answer,) = json_lines(run("predict", model, clip, "--json", "--views", 2, "--crops", 3, "--top-k", 2).stdout)
    expected = VideoClassifier(model).predict(clip, views=2, crops=3)
    timing = answer.pop("timing_ms")
    assert set(timing) == {"decode", "preprocess", "inference", "total"}
    assert all(isinstance(value, float) and value >= 0 for value in timing.values())
    assert answer == {
        "video": str(clip),
        "label": expected.label,
        "score": expected.score,
        "top": [{"label": label, "score": score} for label, score in expected.top(2)],
        "logits": expected.logits.tolist(),
        "probabilities": expected.probabilities.tolist(),
        "decoded_share": expected.decoded_share,
        "labels": list(LABELS),
        "windows": [list(window) for window in expected.windows],
        "timestamps": expected.timestamps.tolist(),
        "device": "cpu",
    }


def test_predict_takes_one_view_and_five_labels_unless_told(tmp_path: Path, clip: Path) -> None:
    model = write_model(tmp_path / "model.onnx", labels=MANY_LABELS)
    (answer,) = json_lines(run("predict", model, clip, "--json").stdout)
    assert len(answer["top"]) == 5
    assert np.shape(answer["timestamps"]) == (1, 4)
    assert answer["logits"] == VideoClassifier(model).predict(clip).logits.tolist()


def test_predict_prints_labels_for_people(model: Path, clip: Path) -> None:
    lines = run("predict", model, clip, "--top-k", 2).stdout.splitlines()
    expected = VideoClassifier(model).predict(clip).top(2)
    assert lines == [str(clip), *(f"  {score:.4f}  {label}" for label, score in expected)]


def test_a_failing_video_answers_in_its_place_and_the_others_too(model: Path, clip: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    result = run("predict", model, clip, broken, tmp_path / "gone.mp4", clip, "--json", code=1)
    first, second, third, fourth = json_lines(result.stdout)
    assert first["label"] == fourth["label"]
    assert [first["video"], fourth["video"]] == [str(clip)] * 2
    for answer, path in ((second, broken), (third, tmp_path / "gone.mp4")):
        assert set(answer) == {"video", "error"}
        assert answer["video"] == str(path)
        assert answer["error"]["type"] == "VideoError"
        assert answer["error"]["message"].startswith(f"{path}: ")
    assert "Traceback" not in result.stderr


def test_a_failing_video_is_told_to_people_on_stderr(model: Path, clip: Path, tmp_path: Path) -> None:
    result = run("predict", model, tmp_path / "gone.mp4", clip, code=1)
    assert result.stdout.startswith(str(clip))
    assert result.stderr == f"Error: {tmp_path / 'gone.mp4'}: there is no such file\n"


def test_a_url_is_shown_without_its_credentials(model: Path) -> None:
    url = "http://admin:secret@127.0.0.1:9/clip.mp4"
    for options in ([], ["--json"]):
        result = run("predict", model, url, *options, code=1)
        assert "http://127.0.0.1:9/clip.mp4" in result.output
        assert "secret" not in result.output


@pytest.mark.parametrize(
    "options",
    [
        ["--views", "0"],
        ["--views", "-1"],
        ["--views", "x"],
        ["--crops", "2"],
        ["--crops", "0"],
        ["--device", "gpu"],
        ["--unknown"],
    ],
)
@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_wrong_options_exit_with_2(command: str, options: list[str], model: Path, clip: Path) -> None:
    result = run(command, model, clip, *options, code=2)
    assert result.stderr.startswith("Usage: ")
    assert result.stdout == ""


def test_wrong_usage_exits_with_2(model: Path, stretching_model: Path, clip: Path) -> None:
    assert "stretches" in run("predict", stretching_model, clip, "--crops", 3, code=2).stderr
    assert "stretches" in run("evaluate", stretching_model, clip.parent, "--crops", 3, code=2).stderr
    run("predict", model, clip, "--top-k", 0, code=2)
    run("predict", model, code=2)
    run("predict", code=2)
    run("unknown", code=2)
    run("preview", model, clip, code=2)


@pytest.mark.parametrize("command", ["predict", "evaluate", "preview", "info", "verify"])
def test_a_file_that_is_no_model_is_one_sentence_and_exit_1(command: str, clip: Path, tmp_path: Path) -> None:
    arguments: dict[str, list[object]] = {
        "predict": [clip],
        "evaluate": [tmp_path],
        "preview": [clip, "-o", tmp_path / "out.gif"],
    }
    for model in (clip, tmp_path / "gone.onnx", write_model(tmp_path / "plain.onnx", key=None)):
        result = run(command, model, *arguments.get(command, []), code=1)
        assert result.stdout == ""
        assert result.stderr.startswith(f"Error: {model}: ")
        assert result.stderr.count("\n") == 1


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

    result = run("evaluate", model, data, "--views", 2, "--json", "--report", tmp_path / "report")
    assert result.stderr == ""
    (answer,) = json_lines(result.stdout)
    assert answer == {
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

    report = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert {name: report[name] for name in answer} == answer
    assert (report["views"], report["crops"]) == (2, 1)
    assert report["top1_interval"] == list(wilson_interval(round(top1 * 14), 14))
    assert 0 < report["calibration"]["error"] < 1
    for picture in ("confusion.png", "mistakes.png"):
        with Image.open(tmp_path / "report" / picture) as opened:
            assert np.asarray(opened).std() > 5, f"{picture} is blank"
    with (tmp_path / "report" / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["video"], row["label"], row["predicted"], row["error"]) for row in rows] == [
        (str(path), path.parent.name, MANY_LABELS[index], "") for path, index in zip(videos, predicted, strict=True)
    ]

    text = run("evaluate", model, data, "--views", 2).stdout
    assert text.startswith(f"top-1 {top1:.4f}, top-5 {top5:.4f} on 14 videos, 0 failed\n")


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


@pytest.mark.parametrize("ending", [".png", ".webp"])
def test_preview_writes_exactly_what_the_model_sees(ending: str, model: Path, clip: Path, tmp_path: Path) -> None:
    output = tmp_path / f"out{ending}"
    message = run("preview", model, clip, "-o", output).stdout
    assert message == f"{output}: 4 frames, 32 x 32, from 0.60 s to 1.40 s\n"
    with av.open(str(clip)) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with Image.open(output) as picture:
        seen = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(picture)]
    # 50 frames at 25 fps: the window of 0.8 s holds frames 15 to 34. 160 x 120 becomes 42 x 32.
    for frame, index in zip(seen, [15, 21, 27, 34], strict=True):
        resized = Image.fromarray(decoded[index]).resize((42, 32), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(frame, np.asarray(resized.crop((5, 0, 37, 32))))


def test_preview_writes_a_gif(model: Path, clip: Path, tmp_path: Path) -> None:
    run("preview", model, clip, "-o", tmp_path / "out.gif")
    with Image.open(tmp_path / "out.gif") as picture:
        assert (picture.n_frames, picture.size) == (4, (32, 32))  # type: ignore[attr-defined]


def test_preview_that_cannot_be_written_is_one_sentence(model: Path, clip: Path, tmp_path: Path) -> None:
    assert "written as" in run("preview", model, clip, "-o", tmp_path / "out.mp4", code=2).stderr
    result = run("preview", model, clip, "-o", tmp_path / "gone" / "out.gif", code=1)
    assert str(tmp_path / "gone" / "out.gif") in result.stderr
    assert result.stderr.count("\n") == 1
    run("preview", model, tmp_path / "gone.mp4", "-o", tmp_path / "out.gif", code=1)


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_info_answers_in_json_with_the_promised_fields(dtype: str, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.onnx", dtype=dtype)
    fields = contract_fields(dtype=dtype)
    (answer,) = json_lines(run("info", model, "--json").stdout)
    assert answer == {
        "labels": list(LABELS),
        "frames": 4,
        "clip_seconds": 0.8,
        "image": fields["image"],
        "precision": "fp32",
        "input": {
            "name": "pixel_values",
            "shape": ["batch", 4, 3, 32, 32] if dtype == "float32" else ["batch", 4, 32, 32, 3],
            "dtype": dtype,
        },
        "source": fields["source"],
        "file_mb": pytest.approx(model.stat().st_size / 1e6, abs=0.001),
    }


def test_info_tells_people_licence_accuracy_and_parity(model: Path, tmp_path: Path) -> None:
    text = run("info", model).stdout
    for part in ("cc-by-nc-4.0", "someone/some-base", "top-1 0.500", "clap, jump, turn left, wave", "0.0009"):
        assert part in text
    fields = contract_fields()
    fields["source"].update(base=None, base_license=None)
    fields.update(accuracy=None, parity=None)
    text = run("info", write_model(tmp_path / "model.onnx", fields)).stdout
    for part in ("from scratch", "not measured", "unproven"):
        assert part in text


def test_verify_answers_in_json_with_the_promised_fields(model: Path) -> None:
    (answer,) = json_lines(run("verify", model, "--json").stdout)
    difference = answer.pop("max_abs_diff")
    assert 0 <= difference < answer["tolerance"]
    assert answer == {"ok": True, "tolerance": 0.001, "device": "cpu", "precision": "fp32"}
    assert run("verify", model).stdout.startswith(f"{model}: ok on cpu, fp32; ")


def test_verify_exits_with_1_where_the_proof_fails(tmp_path: Path) -> None:
    fields = contract_fields()
    fields["self_test"]["logits"] = [logit + 1 for logit in self_test_logits(fields)]
    model = write_model(tmp_path / "model.onnx", fields)
    result = run("verify", model, "--json", code=1)
    (answer,) = json_lines(result.stdout)
    assert answer["ok"] is False
    assert math.isclose(answer["max_abs_diff"], 1, abs_tol=0.001)
    assert run("verify", model, code=1).stdout == ""


def test_verify_of_a_model_without_finite_answers_is_still_json(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.onnx")
    content = model.read_bytes()
    first = model_weights(contract_fields()).tobytes()[:16]
    model.write_bytes(content.replace(first, np.float32(np.nan).tobytes() + first[4:]))
    (answer,) = json_lines(run("verify", model, "--json", code=1).stdout)
    assert answer["ok"] is False
    assert answer["max_abs_diff"] is None


def test_the_command_works_as_a_program(model: Path, tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", frames=8).rename(tmp_path / "-ünï 左.mp4")
    result = run_process("predict", model, "--json", "--", "-ünï 左.mp4", folder=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    (answer,) = json_lines(result.stdout)
    assert answer["video"] == "-ünï 左.mp4"

    result = run_process("predict", model, "--views", "0", "x.mp4")
    assert (result.returncode, result.stdout) == (2, "")


def test_a_name_that_is_not_utf8_answers_in_json(model: Path, tmp_path: Path) -> None:
    name = b"\xff.mp4"
    write_clip(tmp_path / "clip.mp4", frames=8).rename(os.fsdecode(bytes(tmp_path) + b"/" + name))
    result = run_process("predict", model, "--json", os.fsdecode(name), "clip.mp4", folder=tmp_path)
    assert result.returncode == 1
    assert [answer["video"] for answer in json_lines(result.stdout)] == ["\ufffd.mp4", "clip.mp4"]


def test_a_name_that_stdout_cannot_show_answers_all_the_same(model: Path, tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", frames=8).rename(tmp_path / "ü左.mp4")
    result = run_process("predict", model, "ü左.mp4", folder=tmp_path, encoding="latin-1")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("ü?.mp4\n")
    result = run_process("predict", model, "ü左.mp4", "--json", folder=tmp_path, encoding="latin-1")
    assert (result.returncode, result.stderr) == (0, "")
    assert [answer["video"] for answer in json_lines(result.stdout)] == ["ü左.mp4"]


@pytest.mark.parametrize(
    ("error", "code"),
    [(UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"), 1), (ValueError("x"), 2)],
)
def test_a_text_that_cannot_be_encoded_is_not_wrong_usage(error: ValueError, code: int) -> None:
    with pytest.raises(ClickException) as caught, exit_codes():
        raise error
    assert (caught.value.exit_code, caught.value.message) == (code, str(error))
