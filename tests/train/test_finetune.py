"""Whole runs on clips too small to learn from: what a run writes, refuses, and does again after a stop."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import load_file
from transformers import TrainerCallback, VideoMAEForVideoClassification, pipeline

from forked import start_forked
from generated import write_clip
from html_page import Page, check_self_contained
from loopback import free_port
from power_cut import Recording, recorded
from slow import slow
from vidcls import VideoClassifier
from vidcls.cli import main as cli
from vidcls.contract import NEUTRAL, FittedOn, read_checkpoint
from vidcls.errors import ArgumentError, DeviceError, VidclsError
from vidcls.files.run_status import why_incomplete
from vidcls.fingerprint import decode, fingerprint_of
from vidcls_train.cli.finetune import main
from vidcls_train.config.settings import DamagedRunError, train_config
from vidcls_train.data.clip_list import Clip, DataError, Footage
from vidcls_train.data.targets import targets_of
from vidcls_train.finetune import train
from vidcls_train.output.scoring import all_logits
from vidcls_train.trainer.callbacks import DivergedError
from vidcls_train.trainer.class_weights import class_weights
from vidcls_train.trainer.selection import best_row
from vidcls_train.trainer.steps import check_step

RUN: dict[str, Any] = {
    "preset": "tiny",
    "epochs": 3,
    "batch_size": 5,  # two batches of five clips each: with a clip that has no neighbour
    "learning_rate": 1e-3,
    "frames": 4,
    "image_size": 32,
    "clip_seconds": 0.5,
    "val_fraction": 0.2,
    "device": "cpu",
    "workers": 0,
    "cache_gb": 1.0,
    "dropout": 0.0,  # processes and parts of a batch draw their own
    "drop_path": 0.3,
    "mixup": 0.8,
    "cutmix": 1.0,
    "ema": 0.5,
    "keep_steps": True,
    "allow_duplicates": True,  # all clips are of the same painted numbers
}

pytestmark = pytest.mark.long

LOSS_LIMIT = 1e-4  # sums of other orders, of gradients too, over nine steps
TEMPERATURE_PRIOR_SD = 0.5  # of its logarithm
LOGIT_LIMIT = 1e-3  # fp32, which differs from PyTorch in the order of sums only

# What accelerate otherwise says that it takes.
ACCELERATE_DEFAULTS = ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]


def settings(data: Path, output: Path, **changes: object) -> dict[str, object]:
    return {"data": str(data), "output": output, **RUN, **changes}


class Counted(TrainerCallback):  # type: ignore[misc]
    steps = 0

    def on_step_end(self, *_: object, **__: object) -> None:
        self.steps += 1


class Stop(TrainerCallback):  # type: ignore[misc]
    """Ends a run as its second epoch begins."""

    def on_epoch_begin(self, _args: object, state: Any, _control: object, **_: object) -> None:
        if state.global_step:
            raise InterruptedError


@dataclasses.dataclass(frozen=True)
class Run:
    """The folder of one finished run, what reached the disk when, and what the caller was told meanwhile."""

    output: Path
    recording: Recording
    lines: list[str]
    counted: Counted


@pytest.fixture(scope="module")
def recorded_run(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    output, lines, counted = tmp_path_factory.mktemp("run") / "checkpoint", list[str](), Counted()
    with recorded() as recording:
        train(settings(clips, output), on_epoch=lines.append, callbacks=[counted])
    return Run(output, recording, lines, counted)


@pytest.fixture(scope="module")
def run(recorded_run: Run) -> Path:
    """The folder of one finished run."""
    return recorded_run.output


def test_a_run_writes_everything_it_promises(run: Path) -> None:
    names = {file.name for file in run.iterdir() if file.is_file()}
    assert names == {
        "README.md",
        "clips.json",
        "config.json",
        "confusion.png",
        "curves.png",
        "data-report.json",
        "data-report.md",
        "data-report.png",
        "metrics.json",
        "mistakes.png",
        "model.safetensors",
        "predictions.csv",
        "preprocessor_config.json",
        "report.html",
        "samples.gif",
        "settings.json",
        "status.json",
        "vidcls.json",
    }
    assert why_incomplete(run) is None
    for picture in ("confusion.png", "curves.png", "data-report.png", "mistakes.png", "samples.gif"):
        with Image.open(run / picture) as opened:
            assert np.asarray(opened.convert("RGB")).std() > 5, f"{picture} is blank"


def test_the_page_is_about_the_test_clips_and_plays_those_answered_wrongly(run: Path) -> None:
    page = Page((run / "report.html").read_text(encoding="utf-8"))
    check_self_contained(page)
    test = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["test"]
    right = round(test["top1"] * test["videos"])
    assert f"{right} of {test['videos']} test clips are answered rightly: top-1 {test['top1']:.2f}" in page.text
    assert len(page.all("image")) == test["videos"] - right
    assert str(run.parent) not in page.source


def test_the_contract_tells_what_was_trained(run: Path) -> None:
    contract = read_checkpoint(run)
    assert contract.labels == ("jump", "wave")
    assert contract.sampling.frames == 4
    assert contract.sampling.clip_seconds == 0.5
    assert contract.source.checkpoint_sha256 == hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()
    assert contract.source.data == {"train": 10, "val": 4, "test": 4}
    assert contract.accuracy is not None
    assert (contract.accuracy.split, contract.accuracy.videos) == ("test", 4)
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    assert config["id2label"] == {"0": "jump", "1": "wave"}


def test_metrics_are_of_whole_videos_and_name_what_could_not_be_read(run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert {Path(row["video"]).name for row in metrics["unreadable"]} == {"broken.mp4", "broken.avi"}
    for split, views, crops in (("val", 1, 1), ("test", 1, 1), ("test_multiview", 5, 3)):
        row = metrics[split]
        assert (row["videos"], row["views"], row["crops"]) == (4, views, crops)
        assert row["top1"] == sum(row["confusion"][index][index] for index in range(2)) / 4
        assert row["top5"] == 1.0
    assert metrics["train"]["epochs"] == 3


def test_the_decision_is_fitted_on_validation_alone(run: Path) -> None:
    decision = read_checkpoint(run).decision
    assert decision.fitted_on == FittedOn(split="val", videos=4, views=1, crops=1, precision="fp32")
    with (run / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "val"]
    logits = np.array([json.loads(row["logits"]) for row in rows])
    class_ids = [("jump", "wave").index(row["label"]) for row in rows]
    temperatures = np.exp(np.linspace(-3, 3, 60_001))
    scaled = logits / temperatures[:, None, None]
    losses = np.log(np.exp(scaled).sum(axis=2)) - scaled[:, range(4), class_ids]
    prior = (np.log(temperatures) / TEMPERATURE_PRIOR_SD) ** 2 / 2
    assert decision.temperature == pytest.approx(temperatures[(losses.sum(axis=1) + prior).argmin()], rel=1e-3)
    right = sum(row["label"] == row["predicted"] for row in rows)
    fields = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["decision"]
    assert fields["decision"] == dataclasses.asdict(decision)
    assert decision.reject is None
    assert any(f"only {right} validation clips" in note and "needs 19" in note for note in fields["notes"])


def test_the_model_knows_the_clips_that_made_it(run: Path, clips: Path) -> None:
    known = read_checkpoint(run).source.clips
    assert known is not None
    for split, encoded in (("train", known.train), ("val", known.val)):
        videos = [video for video in (clips / split).rglob("*.mp4") if video.stem != "broken"]
        assert decode(encoded) == sorted(map(fingerprint_of, videos))


@pytest.mark.parametrize("keep_steps", [True, False], ids=["steps kept", "steps removed"])
@pytest.mark.usefixtures("without_pictures")
def test_a_finished_run_is_decided_anew_without_training(
    keep_steps: bool, run: Path, clips: Path, tmp_path: Path
) -> None:
    output = Path(shutil.copytree(run, tmp_path / "checkpoint"))
    if not keep_steps:
        shutil.rmtree(output / "checkpoints")
    # As a run is that was begun by an earlier version.
    file = output / "settings.json"
    fields = json.loads(file.read_text(encoding="utf-8"))
    for name in ("target_precision", "false_alarm_rate", "negatives", "no_fingerprints"):
        del fields[name]
    file.write_text(json.dumps(fields), encoding="utf-8")
    negative = write_clip(tmp_path / "negatives" / "deep" / "1.mp4", frames=20, width=64, height=48)
    (tmp_path / "negatives" / "broken.mp4").write_bytes(b"not a video")
    given = tmp_path / "given.json"
    asked = {**RUN, "keep_steps": keep_steps}
    given.write_text(json.dumps({name: value for name, value in asked.items() if name != "device"}), encoding="utf-8")
    options = ["--resume", "--no-fingerprints", "--negatives", str(negative.parents[1]), "--target-precision", "0.8"]
    result = CliRunner().invoke(main, [str(clips), "-o", str(output), "--settings", str(given), *options])
    assert result.exit_code == 1, result.output  # for the clips that training left out
    assert "of 1 negatives" in result.output
    assert "1 negatives cannot be read" in result.output
    assert (output / "model.safetensors").read_bytes() == (run / "model.safetensors").read_bytes()
    assert read_checkpoint(output).source.clips is None
    assert json.loads(file.read_text(encoding="utf-8"))["target_precision"] == 0.8
    metrics = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["decision"]["negatives"]["falsely_accepted"] == 1.0  # there is no rule
    assert metrics["decision"]["negatives"]["videos"] == 1
    assert losses(output) == losses(run)
    assert why_incomplete(output) is None
    assert (output / "checkpoints").exists() == keep_steps
    assert (output / "predictions.csv").read_text(encoding="utf-8").count("\nnegatives,") == 1


@pytest.mark.usefixtures("without_pictures")
def test_what_fails_after_the_training_leaves_its_weights(
    run: Path, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no decision")

    monkeypatch.setattr("vidcls_train.finetune.fit", fail)
    output = Path(shutil.copytree(run, tmp_path / "checkpoint"))
    for name in ("model.safetensors", "vidcls.json", "metrics.json"):
        (output / name).unlink()
    with pytest.raises(RuntimeError, match="no decision"):
        train(settings(clips, output, resume=True))
    assert why_incomplete(output) == "its run has not come to its end"
    assert (output / "model.safetensors").read_bytes() == (run / "model.safetensors").read_bytes()
    contract = read_checkpoint(output)
    assert contract.decision == NEUTRAL
    assert contract.source.data == {"train": 10, "val": 4, "test": 4}


def table(clips: Path, file: Path, column: str, **named: str) -> Path:
    """A CSV of the whole clips of a folder with splits, which calls their labels otherwise."""
    videos = [video for video in sorted(clips.rglob("*.mp4")) if video.stem != "broken"]
    rows = [[str(video), named[video.parent.name], video.parents[1].name] for video in videos]
    with file.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([["path", column, "split"], *rows])
    return file


def test_labels_that_may_hold_together_leave_average_precisions(clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "checkpoint"
    data = table(clips, tmp_path / "clips.csv", "labels", jump="up|fast", wave="fast")
    metrics = train(settings(data, output, epochs=2, mixup=0.0, cutmix=0.0))
    assert metrics is not None
    contract = read_checkpoint(output)
    assert contract.labels == ("fast", "up")
    assert (contract.decision.activation, contract.accuracy) == ("sigmoid", None)
    for split in ("val", "test", "test_multiview"):
        row = metrics[split]
        assert (row["videos"], row["top1"], row["top5"], row["confusion"]) == (4, None, None, None)
        found = [row["per_class"][label]["average_precision"] for label in contract.labels]
        assert row["map"] == pytest.approx(np.mean(found))
        assert found[0] == 1.0  # every clip shows it
    assert metrics["baselines"] is None
    assert "mean average precision" in (output / "README.md").read_text(encoding="utf-8")
    assert not (output / "confusion.png").exists()
    with Image.open(output / "curves.png") as curves:
        assert np.asarray(curves.convert("RGB")).std() > 5


@pytest.mark.usefixtures("without_pictures")
def test_a_class_for_none_of_the_labels_goes_with_the_model(clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "checkpoint"
    data = table(clips, tmp_path / "clips.csv", "label", jump="jump", wave="_none")
    metrics = train(settings(data, output, epochs=1))
    assert metrics is not None
    decision = read_checkpoint(output).decision
    assert (decision.none_label, decision.reject) == ("_none", None)
    with (output / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    assert {row["predicted"] for row in rows} == {"jump"}  # the only label there is
    right = [(row["known"] == "true") == (row["label"] == "jump") for row in rows]
    assert metrics["test"]["top1"] == np.mean(right)
    assert "class of training clips that show none" in (output / "README.md").read_text(encoding="utf-8")


def test_the_ema_of_the_kept_epoch_is_what_was_validated(run: Path, clips: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    best = best_row(metrics["train"]["history"])
    assert best is not None
    assert metrics["train"]["best_step"] == best["step"]
    assert metrics["val"]["top1"] == best["eval_accuracy"]
    model = VideoMAEForVideoClassification.from_pretrained(run)
    videos = sorted((clips / "val").rglob("*.mp4"))
    logits = all_logits(model, list(map(Footage, videos)), read_checkpoint(run), views=1, crops=1, label="scoring")
    class_ids = torch.tensor([("jump", "wave").index(video.parent.name) for video in videos])
    loss = torch.nn.functional.cross_entropy(torch.from_numpy(logits), class_ids).item()
    assert loss == pytest.approx(best["eval_loss"], abs=1e-5)
    # They are not those of a step itself; of the best one there may be no folder any more.
    kept = load_file(run / "model.safetensors")["classifier.weight"]
    steps = list(run.glob("checkpoints/checkpoint-*/model.safetensors"))
    assert steps
    for step in steps:
        average, own = (load_file(file)["classifier.weight"] for file in (step.with_name("average.safetensors"), step))
        assert not torch.equal(average, own)
        assert not torch.equal(kept, own)


def test_clips_of_rare_labels_count_for_more_if_balanced(tmp_path: Path) -> None:
    clips = [Clip(path=tmp_path, labels=(label,), group="") for label in "aaab"]
    plain, balanced = (
        class_weights(
            targets_of(clips, "abc"),
            train_config(settings(tmp_path, tmp_path, class_weights=how)).classification.class_weights,
            activation="softmax",
        )
        for how in ("none", "balanced")
    )
    assert plain == [1.0, 1.0, 1.0]
    assert balanced == pytest.approx([2 / 3, 2.0, 1.0])


@pytest.mark.parametrize(
    ("changes", "epochs", "steps"),
    [({"epochs": 9, "learning_rate": 1e-9, "early_stopping": 2}, 3, 6), ({"max_steps": 3}, 1.5, 3)],
    ids=["without progress", "of so many steps"],
)
@pytest.mark.usefixtures("without_pictures")
def test_a_run_ends_early_and_stays_ended_where_it_is_resumed(
    changes: dict[str, object], epochs: float, steps: int, clips: Path, tmp_path: Path
) -> None:
    asked = settings(clips, tmp_path / "checkpoint", **changes)
    metrics = train(asked)
    assert metrics is not None
    assert (metrics["train"]["epochs"], metrics["train"]["steps"]) == (epochs, steps)
    weights = (tmp_path / "checkpoint" / "model.safetensors").read_bytes()
    # As after a stop while clips were scored: the steps are still there.
    resumed = train({**asked, "resume": True})
    assert resumed is not None
    assert {name: resumed["train"][name] for name in ("epochs", "steps", "best_step")} == {
        name: metrics["train"][name] for name in ("epochs", "steps", "best_step")
    }
    assert (tmp_path / "checkpoint" / "model.safetensors").read_bytes() == weights


def test_the_checkpoint_answers_in_transformers_pipeline(run: Path, clips: Path) -> None:
    if transformers.__version__ >= "5":
        pytest.importorskip("torchcodec", reason="the pipeline of transformers 5 decodes with torchcodec only")
    answer = pipeline("video-classification", model=str(run), num_frames=4)(str(clips / "test" / "wave" / "0.mp4"))
    assert {row["label"] for row in answer} == {"jump", "wave"}


def test_the_sdk_scores_the_exported_file_as_training_scored_the_model(run: Path, clips: Path, tmp_path: Path) -> None:
    exporter = pytest.importorskip(
        "vidcls_export.exporter", exc_type=ImportError, reason="Optimum is for transformers 4 so far"
    )
    exporter.export(run, tmp_path / "model.onnx")
    classifier = VideoClassifier(tmp_path / "model.onnx", device="cpu")
    contract = read_checkpoint(run)
    model = VideoMAEForVideoClassification.from_pretrained(run)
    videos = [clips / "test" / label / f"{number}.mp4" for label in ("jump", "wave") for number in range(2)]
    for views, crops in ((1, 1), (5, 3)):
        expected = all_logits(model, list(map(Footage, videos)), contract, views=views, crops=crops, label="scoring")
        found = [classifier.predict(video, views=views, crops=crops).logits for video in videos]
        np.testing.assert_allclose(found, expected, atol=LOGIT_LIMIT, rtol=0)
    assert classifier.contract.decision == contract.decision
    assert classifier.contract.source.clips == contract.source.clips
    answer = CliRunner().invoke(cli.main, ["predict", str(tmp_path / "model.onnx"), str(videos[0]), "--json"])
    fields = json.loads(answer.output)
    scaled = np.exp(np.array(fields["logits"]) / contract.decision.temperature)
    np.testing.assert_allclose(fields["probabilities"], scaled / scaled.sum(), rtol=1e-12)
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    right = [classifier.predict(video).label == video.parent.name for video in videos]
    assert metrics["test"]["top1"] == np.mean(right)


def losses(output: Path) -> list[float]:
    """Of each epoch of a finished run."""
    metrics = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
    return [row["loss"] for row in metrics["train"]["history"] if "loss" in row]


def command_line(clips: Path, output: Path, **changes: object) -> list[str]:
    """Arguments of a run with the settings of `run`."""
    fields = output.with_suffix(".json")
    fields.write_text(json.dumps({**RUN, **changes}), encoding="utf-8")
    return [str(clips), "-o", str(output), "--settings", str(fields)]


def start(clips: Path, output: Path, *launcher: str, **changes: object) -> subprocess.Popen[str]:
    """The command line in a process group of its own."""
    return subprocess.Popen(
        [*(launcher or [sys.executable]), "-m", "vidcls_train.cli", *command_line(clips, output, **changes)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.usefixtures("without_pictures")
def test_a_run_killed_in_an_epoch_and_resumed_gives_what_an_unbroken_one_gives(
    run: Path, clips: Path, tmp_path: Path
) -> None:
    output = tmp_path / "checkpoint"
    process = start_forked(command_line(clips, output), tmp_path / "told.txt", environment={})
    steps = output / "checkpoints"
    while process.is_alive() and not list(steps.glob("checkpoint-*/average.safetensors")):
        time.sleep(0.001)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL, (tmp_path / "told.txt").read_text(encoding="utf-8")
    assert not (output / "metrics.json").exists()
    # And one that was killed while it wrote a step, after which it was moved.
    first = min(steps.glob("checkpoint-*"))
    shutil.copytree(first, steps / "checkpoint-99", ignore=lambda *_: ["average.safetensors"])
    moved = output.rename(tmp_path / "moved")
    torch.manual_seed(123)
    train(settings(clips, moved, resume=True, workers=1))
    assert losses(moved) == losses(run)
    resumed, unbroken = (load_file(folder / "model.safetensors") for folder in (moved, run))
    assert all(torch.equal(resumed[name], weight) for name, weight in unbroken.items())


@pytest.mark.usefixtures("without_pictures")
def test_a_resumed_run_with_dropout_is_the_unbroken_one_however_its_clips_are_loaded(
    clips: Path, tmp_path: Path
) -> None:
    asked = settings(clips, tmp_path / "resumed", dropout=0.1, workers=0)
    train({**asked, "output": tmp_path / "unbroken", "workers": 1})
    with pytest.raises(InterruptedError):
        train(asked, callbacks=[Stop()])
    train({**asked, "resume": True})
    resumed, unbroken = (load_file(tmp_path / name / "model.safetensors") for name in ("resumed", "unbroken"))
    assert losses(tmp_path / "resumed") == losses(tmp_path / "unbroken")
    assert all(torch.equal(resumed[name], weight) for name, weight in unbroken.items())


def test_two_processes_train_as_one_does(run: Path, clips: Path, tmp_path: Path) -> None:
    # What torchrun and accelerate say in the environment; a third process that starts them proves no more.
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    output = tmp_path / "two"
    arguments, files = command_line(clips, output), [tmp_path / f"told-{rank}.txt" for rank in range(2)]
    processes = [
        start_forked(arguments, file, environment={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank, file in enumerate(files)
    ]
    for process in processes:
        process.join()
    told, of_the_other = (file.read_text(encoding="utf-8") for file in files)
    assert [process.exitcode for process in processes] == [1, 0], told  # clips could not be read
    assert of_the_other == ""
    check_shared_run(output, run, told)


@pytest.mark.parametrize("epochs", [1, 0], ids=["stopped in training", "stopped before it"])
@pytest.mark.usefixtures("without_pictures")
def test_a_run_that_began_with_pretraining_goes_on_if_it_got_past_that(
    epochs: int, run: Path, clips: Path, tmp_path: Path
) -> None:
    output = tmp_path / "checkpoint"
    shutil.copytree(run, output)
    steps = sorted(output.glob("checkpoints/checkpoint-*"), key=lambda step: int(step.name.split("-")[1]))
    for step in steps[epochs:]:
        shutil.rmtree(step)
    file = output / "settings.json"
    fields = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**fields, "pretraining_epochs": 60, "processes": 2}), encoding="utf-8")
    if epochs:
        train(settings(clips, output, resume=True))
        assert losses(output) == losses(run)
    else:
        with pytest.raises(ValueError, match="begin anew, with 'vidcls-pretrain' and its folder as --base"):
            train(settings(clips, output, resume=True))


@slow
@pytest.mark.parametrize(
    "launcher",
    [
        ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"],  # torchrun
        # --multi_gpu: where there are none it starts the same processes, and with --cpu it would need MPI.
        ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", *ACCELERATE_DEFAULTS],
    ],
    ids=["torchrun", "accelerate"],
)
def test_launchers_train_as_one_process_does(launcher: list[str], run: Path, clips: Path, tmp_path: Path) -> None:
    process = start(clips, tmp_path / "two", sys.executable, "-m", *launcher)
    told = process.communicate()[0]
    assert process.returncode == 1, told
    check_shared_run(tmp_path / "two", run, told)


def check_shared_run(output: Path, run: Path, told: str) -> None:
    """Two processes trained as the one of `run`, and only the first one talked."""
    np.testing.assert_allclose(losses(output), losses(run), atol=LOSS_LIMIT, rtol=0)
    for line in ("2 unreadable videos were left out", "\nepoch   1.0/3", "wrote "):
        assert told.count(line) == 1, told


@pytest.mark.usefixtures("without_pictures")
def test_a_loss_that_is_not_finite_ends_the_run(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match="lower --learning-rate"):
        train(settings(clips, tmp_path / "steep", learning_rate=1e30))


def test_lines_and_callbacks_are_the_callers(recorded_run: Run) -> None:
    lines = recorded_run.lines
    assert [line.split("  loss")[0] for line in lines] == ["epoch   1.0/3", "epoch   2.0/3", "epoch   3.0/3"]
    assert recorded_run.counted.steps == 6
    assert all(line.endswith(" left") for line in lines[:-1])
    # The clips of val and test are still to be scored.
    assert re.search(r"  ([1-9]\d*|\d+ min \d+) s left, to score clips and write reports$", lines[-1])


@slow
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(("kind", "how"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_a_signal_to_a_run_and_its_workers_leaves_one_line(
    kind: signal.Signals, how: str, workers: int, clips: Path, tmp_path: Path
) -> None:
    output = tmp_path / "checkpoint"
    process = start(clips, output, workers=workers, epochs=1000)
    while process.poll() is None and not list(output.glob("checkpoints/checkpoint-*/average.safetensors")):
        time.sleep(0.05)
    os.killpg(process.pid, kind)  # as a terminal and systemd do
    told = process.communicate()[0]
    assert process.returncode == 128 + kind, told
    last = told.splitlines()[-1]
    assert last == f"Error: {how}; go on with the same command and --resume, from {output}'s last whole epoch"
    assert not re.search("Traceback|Exception|leaked|resource_tracker", told), told


@slow
def test_two_processes_end_with_one_sentence(clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "taken"
    output.mkdir()
    (output / "file").touch()
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    process = start(clips, output, *launcher)
    told = process.communicate()[0]
    assert process.returncode != 0
    assert told.count("exists and is not empty") == 1, told


@pytest.mark.usefixtures("without_pictures")
def test_batches_in_parts_train_as_whole_ones_do(run: Path, clips: Path, tmp_path: Path) -> None:
    train(settings(clips, tmp_path / "parts", gradient_accumulation_steps=2, gradient_checkpointing=True))
    np.testing.assert_allclose(losses(tmp_path / "parts"), losses(run), atol=LOSS_LIMIT, rtol=0)


def test_what_cannot_be_resumed_is_refused(run: Path, clips: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no run to resume"):
        train(settings(clips, tmp_path / "none", resume=True))
    with pytest.raises(ValueError, match=r"learning_rate is 0\.001, not 0\.5"):
        train(settings(clips, run, resume=True, learning_rate=0.5))


def contents(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("when", ["stopped", "complete"])
@pytest.mark.usefixtures("without_pictures")
def test_a_run_goes_on_with_its_own_clips_alone(when: str, clips: Path, tmp_path: Path) -> None:
    data, output = Path(shutil.copytree(clips, tmp_path / "data")), tmp_path / "checkpoint"
    asked = settings(data, output, epochs=2, keep_steps=False)
    if when == "stopped":
        with pytest.raises(InterruptedError):
            train(asked, callbacks=[Stop()])
    else:
        train(asked)
    before = contents(output)
    away = (data / "train" / "jump" / "3.mp4").rename(tmp_path / "3.mp4")
    with pytest.raises(ValueError, match=r"clips\.json, and train/jump/3\.mp4 of train is gone or cannot be read; put"):
        train({**asked, "resume": True})
    shutil.copy(away, data / "train" / "jump" / "3.mp4")
    more = Path(shutil.copy(away, data / "test" / "wave" / "9.mp4"))
    with pytest.raises(ValueError, match=r"clips\.json, and test/wave/9\.mp4 is new; put the clips back as they were"):
        train({**asked, "resume": True})
    assert contents(output) == before
    more.unlink()
    train({**asked, "resume": True})
    assert why_incomplete(output) is None
    assert (output / "clips.json").read_bytes() == before[output / "clips.json"]


@pytest.mark.usefixtures("without_pictures")
def test_a_run_without_fingerprints_keeps_none_of_its_clips(clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "checkpoint"
    for changes in ({}, {"resume": True, "no_fingerprints": True}):
        train(settings(clips, output, max_steps=1, **changes))
        kept = json.loads((output / "clips.json").read_text(encoding="utf-8"))
        assert len(kept["clips"]) == 18
        assert {clip["fingerprint"] is None for clip in kept["clips"]} == {bool(changes)}


def test_a_power_cut_at_any_moment_leaves_a_run_that_goes_on(recorded_run: Run) -> None:
    run, recording = recorded_run.output, recorded_run.recording
    # But for the cache, whose checksums find out what a power cut leaves of its files.
    assert [problem for problem in recording.problems if str(run) in problem] == []
    steps = run / "checkpoints"
    named = {path.relative_to(run).as_posix() for path in recording.renamed if path.is_relative_to(run)}
    assert {"settings.json", "config.json", "model.safetensors", "preprocessor_config.json", "metrics.json"} <= named
    assert "vidcls.json" in named
    assert recording.renamed[run / "model.safetensors"] < recording.renamed[run / "vidcls.json"]
    written = [moment for path, moment in recording.renamed.items() if path.is_relative_to(run)]
    assert recording.renamed[run / "status.json"] == max(written)
    found = list(steps.glob("checkpoint-*"))
    assert len(found) == 2
    for step in found:  # all of it is on the disk before the file that says that it is whole
        whole = recording.renamed[step / "average.safetensors"]
        assert all(0 < recording.synced(file) < whole for file in step.iterdir()), step
        best = best_row(json.loads((step / "trainer_state.json").read_text(encoding="utf-8"))["log_history"])
        assert best is not None
        assert recording.renamed[steps / f"best-{best['step']}.safetensors"] <= whole


class StopValidated(TrainerCallback):  # type: ignore[misc]
    """Ends a run between the second validation and the saving of its step."""

    def on_evaluate(self, _args: object, state: Any, _control: object, **_: object) -> None:
        if state.global_step == 4:
            raise InterruptedError


class StopSaved(TrainerCallback):  # type: ignore[misc]
    """Ends a run as its second step is whole, with a part of that step lost."""

    def on_save(self, args: Any, state: Any, _control: object, **_: object) -> None:
        if state.global_step == 4:
            (Path(args.output_dir) / "checkpoint-4" / "average.safetensors").unlink()
            raise InterruptedError


def validate_as(monkeypatch: pytest.MonkeyPatch, *accuracies: float) -> None:
    """Of so many clips that hardly anything is within a standard error."""
    coming = iter(accuracies)
    monkeypatch.setattr(
        "vidcls_train.trainer.classification.accuracy", lambda _: {"accuracy": next(coming), "clips": 10**6}
    )


def has_weights(output: Path, weights: dict[str, torch.Tensor]) -> bool:
    kept = load_file(output / "model.safetensors")
    return all(torch.equal(kept[name], weight) for name, weight in weights.items())


class StopSecond(TrainerCallback):  # type: ignore[misc]
    """Ends a run as its second step is whole."""

    def on_save(self, _args: object, state: Any, _control: object, **_: object) -> None:
        if state.global_step == 4:
            raise InterruptedError


@pytest.mark.parametrize("stop", [StopValidated(), StopSaved()], ids=["after validation", "before the step is whole"])
@pytest.mark.usefixtures("without_pictures")
def test_an_epoch_that_comes_out_worse_on_resuming_leaves_the_best_its_weights(
    stop: TrainerCallback, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it may on a GPU, or with other parts of batches, whose sums differ."""
    output = tmp_path / "checkpoint"
    validate_as(monkeypatch, 0.5, 1.0)
    with pytest.raises(InterruptedError):
        train(settings(clips, output), callbacks=[stop])
    first = load_file(output / "checkpoints" / "checkpoint-2" / "average.safetensors")
    validate_as(monkeypatch, 0.0, 0.0)
    metrics = train(settings(clips, output, resume=True))
    assert metrics is not None
    assert metrics["train"]["best_step"] == 2
    assert has_weights(output, first)
    assert [file.name for file in output.glob("checkpoints/best*")] == ["best-2.safetensors"]


@pytest.mark.usefixtures("without_pictures")
def test_a_run_begun_with_one_file_for_all_best_epochs_goes_on_with_it(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "checkpoint"
    validate_as(monkeypatch, 1.0, 0.0)
    with pytest.raises(InterruptedError):
        train(settings(clips, output), callbacks=[StopSecond()])
    steps = output / "checkpoints"
    best = (steps / "best-2.safetensors").rename(steps / "best.safetensors")
    first = load_file(best)
    shutil.rmtree(steps / "checkpoint-2")
    validate_as(monkeypatch, 0.0)
    train(settings(clips, output, resume=True))
    assert has_weights(output, first)


LAST, BEFORE = "checkpoints/checkpoint-6", "checkpoints/checkpoint-4"


@pytest.mark.parametrize(
    "name",
    [
        f"{LAST}/{name}"
        for name in (
            "average.safetensors",
            "config.json",
            "model.safetensors",
            "optimizer.pt",
            "rng_state.pth",
            "scheduler.pt",
            "trainer_state.json",
            "training_args.bin",
        )
    ],
)
@pytest.mark.parametrize("damage", ["cut off", "zeros", "missing"])
def test_a_damaged_step_is_named_with_what_to_do(name: str, damage: str, run: Path, tmp_path: Path) -> None:
    output = shutil.copytree(run, tmp_path / "checkpoint")
    file = output / name
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if damage == "cut off" else bytes(len(whole)))
    if damage == "missing":
        file.unlink()
    if damage == "missing" and file.name in ("average.safetensors", "config.json", "training_args.bin"):
        return  # the step before counts, and these the Trainer does not go on from
    with pytest.raises(DamagedRunError) as error:
        check_step(output / LAST)
    problem = "is missing" if damage == "missing" else "is damaged"
    told = str(error.value).replace("rng_state*", "rng_state")
    assert told.startswith(f"{file}: {problem}")
    assert told.endswith(f"; remove {output / LAST} and --resume goes on from checkpoint-4")
    assert "\n" not in told
    shutil.rmtree(output / BEFORE)
    with pytest.raises(DamagedRunError, match=r"; begin anew in another folder$"):
        check_step(output / LAST)


def test_a_flipped_bit_of_the_optimizers_state_is_found(run: Path, tmp_path: Path) -> None:
    output = shutil.copytree(run, tmp_path / "checkpoint")
    file = output / LAST / "optimizer.pt"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(DamagedRunError, match=r"optimizer\.pt: is damaged \(.* does not fit its checksum\)"):
        check_step(output / LAST)


@pytest.mark.parametrize("name", ["settings.json", "checkpoints/best-*.safetensors", f"{LAST}/optimizer.pt"])
@pytest.mark.usefixtures("without_pictures")
def test_resuming_from_a_damaged_file_exits_with_1_and_one_sentence(
    name: str, run: Path, clips: Path, tmp_path: Path
) -> None:
    output = shutil.copytree(run, tmp_path / "checkpoint")
    name = next(output.glob(name)).relative_to(output).as_posix()
    (output / name).write_bytes((output / name).read_bytes()[:20])
    given = tmp_path / "given.json"
    given.write_text(json.dumps({name: value for name, value in RUN.items() if name != "device"}), encoding="utf-8")
    result = CliRunner().invoke(main, [str(clips), "-o", str(output), "--settings", str(given), "--resume"])
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert line.startswith(f"Error: {output / name}: is ")
    remedies = ("begin anew in another folder", "--resume goes on from checkpoint-4", "takes the same weights from")
    assert any(remedy in line for remedy in remedies)
    if name.startswith(LAST):
        shutil.rmtree(output / LAST)
        train(settings(clips, output, resume=True))
        assert losses(output) == losses(run)


def test_a_folder_in_use_is_left_alone(run: Path, clips: Path) -> None:
    before = (run / "model.safetensors").read_bytes()
    with pytest.raises(ValueError, match="exists and is not empty"):
        train(settings(clips, run))
    assert (run / "model.safetensors").read_bytes() == before


@pytest.mark.usefixtures("without_pictures")
def test_a_run_that_cannot_start_leaves_its_folder_free(clips: Path, tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "clips"), "zip", clips))
    output = tmp_path / "checkpoint"
    with pytest.raises(VidclsError, match="nowhere: there is no such folder"):
        train(settings(archive, output, preset=None, base=str(tmp_path / "nowhere")))
    assert not output.exists()
    train(settings(archive, output, max_steps=1))
    assert (output / "data" / "train").is_dir()
    # What was unpacked is taken as it is, and an archive of others replaces none of it.
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in output.rglob("*.mp4")}
    with pytest.raises(ArgumentError, match="learning_rate is"):
        train(settings(archive, output, max_steps=1, learning_rate=0.5, resume=True))
    shutil.copytree(clips, tmp_path / "more")
    (tmp_path / "more" / "train" / "jump" / "2.mp4").rename(tmp_path / "more" / "train" / "jump" / "22.mp4")
    whole = archive.read_bytes()
    shutil.make_archive(str(tmp_path / "clips"), "zip", tmp_path / "more")
    with pytest.raises(
        DataError, match=r"clips\.zip: is not the archive .*, where 'train/jump/2\.mp4' is one more; name"
    ):
        train(settings(archive, output, max_steps=1, resume=True))
    archive.write_bytes(whole)
    train(settings(archive, output, max_steps=1, resume=True))
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in output.rglob("*.mp4")} == before


@pytest.mark.usefixtures("without_pictures")
def test_a_run_stopped_in_its_first_epoch_starts_again(run: Path, clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "checkpoint"
    (output / "checkpoints").mkdir(parents=True)
    shutil.copy(run / "settings.json", output)
    train(settings(clips, output, resume=True))
    assert losses(output) == losses(run)


@pytest.mark.usefixtures("without_pictures")
def test_fine_tuning_a_base_replaces_its_head(run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="vidcls.train")
    data = tmp_path / "data"
    for split in ("train", "val"):
        for label in ("swipe left", "swipe right", "hold"):
            write_clip(data / split / label / "1.mp4", frames=20, width=64, height=48)
    output = tmp_path / "checkpoint"
    changes = {"base": str(run), "preset": None, "frames": None, "image_size": None, "dropout": 0.3}
    metrics = train(settings(data, output, max_steps=1, **changes))
    told = caplog.text
    assert "its head for 2 labels is replaced by a new one for 3" in told
    assert "no horizontal flips: the label 'swipe left'" in told
    assert metrics is not None
    assert metrics["test"] is None
    assert read_checkpoint(output).accuracy is None
    model = VideoMAEForVideoClassification.from_pretrained(output)
    assert model.classifier.weight.shape == (3, 96)
    assert model.config.hidden_dropout_prob == 0.3


def test_a_push_without_a_token_stops_before_training(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidcls_train.output.hub.get_token", lambda: None)
    with pytest.raises(VidclsError, match="--push-to-hub me/model needs a token"):
        train(settings(clips, tmp_path / "checkpoint", push_to_hub="me/model"))
    assert not (tmp_path / "checkpoint").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_half_precision_is_refused_where_there_is_no_gpu(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="precision is bf16, which is for GPUs"):
        train(settings(clips, tmp_path / "checkpoint", precision="bf16", device="auto"))
    assert not (tmp_path / "checkpoint").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_training_on_a_gpu_that_is_not_there_is_refused(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="finds no CUDA device"):
        train(settings(clips, tmp_path / "checkpoint", device="cuda"))


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["data", "-o", "out", "--preset", "tiny", "--base", "x"], 2, "give --base or --preset, not both"),
        (["data", "-o", "out", "--preset", "huge"], 2, "'huge' is not one of"),
        (["nowhere", "-o", "out", "--preset", "tiny"], 1, "nowhere: there is no such file or folder"),
        (["data", "-o", "out", "--preset", "tiny", "--head-only"], 2, "--head-only needs a pretrained --base"),
        (["data", "-o", "out", "--preset", "tiny", "--processes", "2"], 2, "by 'torchrun --nproc-per-node 2"),
        (["data", "-o", "out", "--pretraining-epochs", "9"], 2, "run 'vidcls-pretrain' on the clips first"),
        (["data", "-o", "out", "--learning-rate", "0"], 2, "0.0 is not in the range x>0"),
        (["data", "-o", "data", "--preset", "tiny"], 2, "exists and is not empty"),
        (["data", "-o", "out", "--target-precision", "0.4"], 2, "0.4 is not in the range 0.5<=x<=0.999"),
        (["data", "-o", "out", "--preset", "tiny", "--negatives", "nowhere"], 2, "--negatives nowhere: is no folder"),
    ],
)
def test_the_command_says_in_one_sentence_what_is_wrong(
    arguments: list[str], code: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "data" / "a" / "1.mp4", frames=2)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == code
    assert told in result.output
    assert "Traceback" not in result.output


class Halved(TrainerCallback):  # type: ignore[misc]
    """Looks whether a run is trained in bf16: its logits have no more digits."""

    found = False

    def on_epoch_begin(self, _args: object, _state: object, _control: object, *, model: Any, **_: object) -> None:
        logits = model(pixel_values=torch.rand(1, 4, 3, 32, 32)).logits
        self.found = torch.equal(logits, logits.bfloat16().float())


@pytest.mark.usefixtures("without_pictures")
def test_a_run_in_bf16_is_scored_as_its_checkpoint_answers(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")  # as `accelerate launch` asks for it, also on CPUs
    halved, output = Halved(), tmp_path / "checkpoint"
    metrics = train(settings(clips, output, epochs=1, keep_steps=False), callbacks=[halved])
    assert halved.found
    predictions = (output / "predictions.csv").read_text(encoding="utf-8")
    again = train(settings(clips, output, epochs=1, keep_steps=False, resume=True))
    assert (output / "predictions.csv").read_text(encoding="utf-8") == predictions
    assert metrics is not None
    assert again is not None
    for section in ("val", "test", "decision"):
        assert again[section] == metrics[section]
    model, contract = VideoMAEForVideoClassification.from_pretrained(output).eval(), read_checkpoint(output)
    video = clips / "test" / "jump" / "0.mp4"
    expected = all_logits(model, [Footage(video)], contract, views=1, crops=1, label="").tolist()[0]
    row = next(row for row in csv.DictReader(predictions.splitlines()) if row["split"] == "test")
    assert Path(row["video"]).name == video.name
    np.testing.assert_allclose(json.loads(row["logits"]), expected, atol=1e-5, rtol=0)
