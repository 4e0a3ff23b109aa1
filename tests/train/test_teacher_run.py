"""Whole runs with a teacher, on clips too small to learn from: what they learn, write, refuse, and do again."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file
from transformers import VideoMAEForVideoClassification

from generated import write_checkpoint, write_model
from slow import slow
from vidcls.clips import read_clips
from vidcls.contract import CHECKPOINT_FILE, read_checkpoint
from vidcls.preprocessing import normalise
from vidcls.progress import untracked
from vidcls_train import finetune
from vidcls_train.cli.finetune import main
from vidcls_train.finetune import train
from vidcls_train.output.remaining import time_after_training
from vidcls_train.output.teacher import seconds_beside_teacher

pytestmark = pytest.mark.long

RUN: dict[str, Any] = {
    "preset": "tiny",
    "epochs": 2,
    "batch_size": 5,
    "learning_rate": 1e-3,
    "frames": 4,
    "image_size": 32,
    "clip_seconds": 0.8,
    "val_fraction": 0.2,
    "device": "cpu",
    "workers": 0,
    "cache_gb": 1.0,
    "dropout": 0.0,
    "mixup": 0.8,
    "cutmix": 1.0,
    "keep_steps": True,
    "allow_duplicates": True,  # all clips are of the same painted numbers
}
ORDER_OF_SUMS = 1e-4


def settings(data: Path, output: Path, **changes: object) -> dict[str, object]:
    return {"data": str(data), "output": output, **RUN, **changes}


def calibrated(folder: Path, temperature: float) -> Path:
    file = folder / CHECKPOINT_FILE
    contract = json.loads(file.read_text())
    contract["decision"]["temperature"] = temperature
    file.write_text(json.dumps(contract))
    return folder


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random teacher of larger pictures and more frames than the student, with labels in another order."""
    folder = tmp_path_factory.mktemp("teacher") / "large"
    write_checkpoint(folder, labels=("wave", "swim", "jump"), frames=6, size=48)
    return calibrated(folder, 1.7)


@pytest.fixture(scope="module")
def run(clips: Path, teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("run") / "student"
    train(settings(clips, output, teacher=str(teacher)))
    return output


def test_a_run_says_what_its_teacher_is_and_how_both_answer(run: Path, teacher: Path, clips: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    fields = metrics["teacher"]
    assert (fields["name"], fields["weight"], fields["temperature"]) == ("large", 0.9, 2.0)
    assert fields["calibration_temperature"] == 1.7
    assert fields["sha256"] == read_checkpoint(teacher).source.checkpoint_sha256
    model = VideoMAEForVideoClassification.from_pretrained(teacher).eval()
    contract = read_checkpoint(teacher)
    with (run / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    answers = []
    for row in rows:
        pixels = normalise(
            read_clips(clips / "test" / row["label"] / Path(row["video"]).name, contract).frames, contract.image
        )
        with torch.no_grad():
            logits = model(torch.from_numpy(pixels)).logits[0]
        answers.append("wave" if logits[0] > logits[2] else "jump")
    assert fields["test"]["videos"] == len(rows) == 4
    assert fields["test"]["teacher"]["top1"] == np.mean(
        [found == row["label"] for found, row in zip(answers, rows, strict=True)]
    )
    assert fields["test"]["student"]["top1"] == metrics["test"]["top1"]
    assert fields["test"]["agreement"] == np.mean(
        [found == row["predicted"] for found, row in zip(answers, rows, strict=True)]
    )
    student, large = fields["models"]["student"], fields["models"]["teacher"]
    assert (student["frames"], student["crop_size"], large["frames"], large["crop_size"]) == (4, 32, 6, 48)
    assert large["parameters"] == sum(weight.numel() for weight in model.parameters())
    assert large["megabytes"] == pytest.approx((teacher / "model.safetensors").stat().st_size / 1e6)
    assert min(student["answer_ms"], large["answer_ms"]) > 0
    card = (run / "README.md").read_text()
    assert "## Teacher" in card
    assert f"| {fields['test']['teacher']['top1']:.3f} (" in card
    assert str(teacher.parent) not in card


def test_settings_name_the_teachers_weights(run: Path, teacher: Path) -> None:
    fields = json.loads((run / "settings.json").read_text())
    assert fields["teacher"] == str(teacher)
    assert fields["teacher_sha256"] == read_checkpoint(teacher).source.checkpoint_sha256
    assert (fields["teacher_weight"], fields["teacher_temperature"]) == (0.9, 2.0)


def losses(output: Path) -> list[float]:
    """Of each epoch of a finished run."""
    metrics = json.loads((output / "metrics.json").read_text())
    return [row["loss"] for row in metrics["train"]["history"] if "loss" in row]


def stopped(run: Path, folder: Path) -> Path:
    """The run as it was after its first epoch."""
    output = Path(shutil.copytree(run, folder / "stopped"))
    steps = sorted((output / "checkpoints").glob("checkpoint-*"), key=lambda step: int(step.name.split("-")[1]))
    shutil.rmtree(steps[-1])
    (output / "model.safetensors").unlink()
    return output


@pytest.mark.usefixtures("without_pictures")
def test_a_resumed_run_gives_what_an_unbroken_one_gives(run: Path, teacher: Path, clips: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(teacher, tmp_path / "moved"))
    output = stopped(run, tmp_path)
    torch.manual_seed(99)
    train(settings(clips, output, teacher=str(moved), resume=True))
    again, before = (load_file(folder / "model.safetensors") for folder in (output, run))
    assert all(torch.equal(again[name], weight) for name, weight in before.items())


@slow
def test_parts_of_a_batch_learn_as_a_whole_one(run: Path, teacher: Path, clips: Path, tmp_path: Path) -> None:
    train(settings(clips, tmp_path / "parts", teacher=str(teacher), gradient_accumulation_steps=2))
    np.testing.assert_allclose(losses(tmp_path / "parts"), losses(run), atol=ORDER_OF_SUMS, rtol=0)


def test_another_teacher_is_refused_when_a_run_goes_on(run: Path, clips: Path, tmp_path: Path) -> None:
    other = write_checkpoint(tmp_path / "other", labels=("jump", "wave"))
    with pytest.raises(ValueError, match=r"with the teacher .*large, whose weights have the SHA-256 .*: name the same"):
        train(settings(clips, run, teacher=str(other), resume=True))
    with pytest.raises(ValueError, match="no --teacher is given: name the same teacher"):
        train(settings(clips, run, resume=True))


@slow
def test_a_student_of_wrong_labels_follows_its_teacher(clips: Path, teacher: Path, tmp_path: Path) -> None:
    """With all of the loss the teacher's, labels that are the other way round change nothing of what is learnt."""
    found = []
    for name, labels in (("right", {"jump": "jump", "wave": "wave"}), ("wrong", {"jump": "wave", "wave": "jump"})):
        table = tmp_path / f"{name}.csv"
        videos = [video for video in sorted(clips.rglob("*.mp4")) if video.stem != "broken"]
        rows = [f"{video},{labels[video.parent.name]},{video.parents[1].name}\n" for video in videos]
        table.write_text("path,label,split\n" + "".join(rows), encoding="utf-8")
        train(settings(table, tmp_path / name, teacher=str(teacher), teacher_weight=1.0, epochs=6, ema=0.0))
        last = max((tmp_path / name / "checkpoints").glob("checkpoint-*"), key=lambda step: int(step.name[11:]))
        found.append((losses(tmp_path / name), load_file(last / "model.safetensors")))
    (right, weights), (wrong, others) = found
    assert right == wrong
    assert right[-1] < right[0]
    assert all(torch.equal(weights[name], weight) for name, weight in others.items())


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (("jump", "swim"), "does not know the label 'wave' of the data; take a teacher that knows all of them"),
        (("jump", "swim", "wave"), "1 of its 3 labels are left out"),
    ],
)
def test_check_only_checks_the_teacher(labels: tuple[str, ...], told: str, clips: Path, tmp_path: Path) -> None:
    teacher = write_checkpoint(tmp_path / "teacher", labels=labels)
    arguments = [str(clips), "--check-only", "--allow-duplicates", "--preset", "tiny", "--teacher", str(teacher)]
    result = CliRunner().invoke(main, arguments)
    assert told in result.output


def test_the_time_left_counts_what_the_teacher_answers_after_the_last_epoch(
    teacher: Path, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a teacher that takes its time."""
    plan = finetune._plan(settings(clips, tmp_path / "student", teacher=str(teacher)), untracked)
    trainer = finetune._trainer(plan)
    assert trainer.distillation is not None
    slow_one, taken = trainer.distillation.teacher, list[float]()
    answer = slow_one.logits

    def logits(pixel_values: torch.Tensor) -> torch.Tensor:
        started = time.perf_counter()
        time.sleep(2)
        answered = answer(pixel_values)
        taken.append(time.perf_counter() - started)  # more on a busy machine
        return answered

    monkeypatch.setattr(slow_one, "logits", logits)
    after = time_after_training(trainer, plan.prepared, plan.contract, negatives=0, region=None)
    scored = len(plan.prepared.val) + len(plan.prepared.test)
    answered = scored + 8  # those, and its own time
    assert after() >= answered * min(taken)
    footage = plan.prepared.val[0].footage
    its_own = seconds_beside_teacher(trainer, footage, clips=scored, student_seconds=0.0, region=None)
    assert its_own < 2 * answered * max(taken)


def test_options_of_a_teacher_need_one(clips: Path) -> None:
    result = CliRunner().invoke(main, [str(clips), "--check-only", "--preset", "tiny", "--teacher-weight", "0.5"])
    assert result.exit_code == 2
    assert "--teacher-weight is of no effect without --teacher; name the teacher" in result.output


@slow
def test_a_student_of_fewer_tokens_learns_from_the_model_it_was(clips: Path, tmp_path: Path) -> None:
    teacher = write_checkpoint(tmp_path / "teacher", labels=("jump", "wave"))
    options = {"base": str(teacher), "preset": None, "frames": None, "image_size": None, "epochs": 1}
    metrics = train(settings(clips, tmp_path / "student", teacher=str(teacher), tokens="lattice:0.5", **options))
    assert metrics is not None
    assert read_checkpoint(tmp_path / "student").tokens.share == 0.5
    assert metrics["teacher"]["sha256"] == read_checkpoint(teacher).source.checkpoint_sha256


@slow
def test_two_processes_learn_as_one_does(run: Path, teacher: Path, clips: Path, tmp_path: Path) -> None:
    output, given = tmp_path / "two", tmp_path / "given.json"
    given.write_text(json.dumps({**RUN, "teacher": str(teacher)}), encoding="utf-8")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launcher, "-m", "vidcls_train.cli", str(clips), "-o", str(output), "--settings", str(given)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr  # clips could not be read
    assert done.stdout.count("\nteacher on test: top-1 ") == 1
    np.testing.assert_allclose(losses(output), losses(run), atol=ORDER_OF_SUMS, rtol=0)


@slow
def test_an_exported_file_teaches(clips: Path, tmp_path: Path) -> None:
    file = write_model(tmp_path / "teacher.onnx", labels=("wave", "jump"), frames=6, size=48, dtype="uint8")
    metrics = train(settings(clips, tmp_path / "student", teacher=str(file), epochs=1))
    assert metrics is not None
    large = metrics["teacher"]["models"]["teacher"]
    assert (large["engine"], large["parameters"], large["frames"]) == ("onnxruntime", None, 6)
    assert metrics["teacher"]["name"] == "teacher.onnx"
    assert np.isfinite(losses(tmp_path / "student")).all()
