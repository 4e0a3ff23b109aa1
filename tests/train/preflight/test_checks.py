"""What is refused before anything is computed: sizes, room on the disk, an output folder that is in use."""

from __future__ import annotations

import shutil
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from empty_clips import touch
from generated import LABELS, write_checkpoint
from vidcls.errors import ArgumentError, ModelError
from vidcls.files.run_status import mark_unfinished
from vidcls_train.config.groups import ModelConfig
from vidcls_train.config.settings import save_settings, train_config
from vidcls_train.data.clip_list import DataError
from vidcls_train.data.listing import list_clips
from vidcls_train.data.sources import find_clips
from vidcls_train.output.run_folder import beginning, check_output
from vidcls_train.preflight.checks import check_start_without_hub, check_training_run
from vidcls_train.preflight.room import check_room
from vidcls_train.preflight.shapes import Shape, check_shape, shape_of


def clips(tmp_path: Path) -> str:
    names = [f"{split}/{label}/{n}.mp4" for split in ("train", "val") for label in "ab" for n in range(3)]
    return str(touch(tmp_path / "clips", *names))


def test_sound_settings_pass_and_leave_nothing(tmp_path: Path) -> None:
    settings = {"data": clips(tmp_path), "output": tmp_path / "deep" / "out", "preset": "tiny"}
    check_training_run(settings, processes=1)
    assert {path.name for path in tmp_path.iterdir()} == {"clips"}


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_on_a_cpu_is_refused(precision: str, tmp_path: Path) -> None:
    settings = {"data": clips(tmp_path), "output": tmp_path / "out", "preset": "tiny", "precision": precision}
    with pytest.raises(ArgumentError, match=f"precision is {precision}, which is for GPUs, and the run is on a CPU"):
        check_training_run({**settings, "device": "cpu"}, processes=1)
    check_training_run(settings, processes=1)  # only PyTorch knows whether there is a GPU
    check_training_run({**settings, "device": "cpu", "precision": "fp32"}, processes=1)


@pytest.mark.parametrize(
    ("asked", "own", "told"),
    [
        ({"image_size": 120}, {"image_size": 224, "patch": 16}, "--image-size 120 .* patch size 16; take 112 or 128"),
        ({"frames": 5}, {"frames": 16, "tubelet": 2}, "--frames 5 .* tubelet size 2; take 4 or 6"),
        ({}, {"frames": 15, "tubelet": 2}, "config.json has frames 15, not a multiple of its tubelet size 2"),
        ({}, {"width": 100, "heads": 3}, "hidden_size 100, which its 3 attention heads cannot share"),
        (
            {"tokens": "lattice:0.125"},
            {"image_size": 112, "patch": 16, "frames": 16, "tubelet": 2},
            "lattice:0.125 cannot divide a clip's 8 x 7 x 7 tokens evenly",
        ),
    ],
)
def test_sizes_that_do_not_fit_are_named(asked: dict[str, Any], own: dict[str, Any], told: str) -> None:
    with pytest.raises((ArgumentError, ModelError), match=told):
        check_shape(ModelConfig(base="base", **asked), Shape(**own))


@pytest.mark.parametrize("preset", ["tiny", "small", "base"])
def test_presets_fit_with_all_their_tokens_choices(preset: Any) -> None:
    for tokens in ("all", "lattice:0.5", "lattice:0.25", "lattice:0.125"):
        model = ModelConfig(preset=preset, tokens=tokens)  # type: ignore[arg-type]
        check_shape(model, shape_of(model))


def test_a_disk_without_room_for_the_steps_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ModelConfig(preset="base")
    free = 5_000_000_000  # of VideoMAE-B's 86 million weights the steps take 4.8 GB
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, free))  # type: ignore[attr-defined]
    check_room(tmp_path / "out", model, shape_of(model))
    free = 4_000_000_000
    with pytest.raises(ArgumentError, match=r"out: its disk has 4\.0 GB free, and the run needs 4\.8 GB"):
        check_room(tmp_path / "out", model, shape_of(model))


def test_a_folder_with_the_report_on_the_data_alone_is_free(tmp_path: Path) -> None:
    config = train_config({"data": "clips", "output": tmp_path / "out", "preset": "tiny"})
    touch(tmp_path / "out", "data-report.md", "data-report.json", "data-report.png", f".{'0' * 32}.part")
    check_output(config)
    touch(tmp_path / "out", "notes.txt")
    with pytest.raises(ArgumentError, match="exists and is not empty"):
        check_output(config)


def test_what_a_killed_start_unpacked_is_in_nobodys_way(tmp_path: Path) -> None:
    output = tmp_path / "out"
    config = train_config({"data": "clips.zip", "output": output, "preset": "tiny"})
    touch(output, "data/jump/1.mp4")
    with pytest.raises(ArgumentError, match="exists and is not empty"):
        check_output(config)  # the user's own
    (output / "status.json").write_text('{"status": "ok"}', encoding="utf-8")
    with pytest.raises(ArgumentError, match="exists and is not empty"):
        check_output(config)  # another program's
    mark_unfinished(output)
    touch(output, "data.partial/jump/1.mp4")
    check_output(config)
    touch(output, "settings.json")
    with pytest.raises(ArgumentError, match="exists and is not empty"):
        check_output(config)


@pytest.mark.parametrize("moment", ["data", "data.partial"])
def test_a_start_that_fails_leaves_nothing_of_its_own_and_of_a_killed_one(moment: str, tmp_path: Path) -> None:
    output = tmp_path / "runs" / "out"
    with pytest.raises(DataError), beginning(output):
        list_clips(touch(output, "data/notes.txt"), data="clips")
    assert list(tmp_path.iterdir()) == []
    touch(output, f"{moment}/jump/1.mp4", "data-report.md")
    mark_unfinished(output)
    archive = tmp_path / "clips.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("jump/1.mp4", b"video")
        packed.writestr("wave/1.mp4", b"video")
    with pytest.raises(DataError) if moment == "data" else nullcontext(), beginning(output):
        find_clips(str(archive), unpack_to=output / "data")
    left = {path.name for path in output.iterdir()}
    assert left == ({"data-report.md"} if moment == "data" else {"data-report.md", "data", "status.json"})


def test_a_run_that_goes_on_keeps_its_clips_whatever_fails(tmp_path: Path) -> None:
    touch(tmp_path, "settings.json", "data/jump/1.mp4")
    with pytest.raises(InterruptedError), beginning(tmp_path):
        raise InterruptedError
    assert {path.name for path in tmp_path.iterdir()} == {"settings.json", "data"}


def test_a_run_from_the_shipped_base_passes_and_is_gone_on_with(tmp_path: Path) -> None:
    settings = {"data": clips(tmp_path), "output": tmp_path / "out", "base": "vidcls/tiny"}
    check_training_run(settings, processes=1)
    config = train_config(settings, kind="videomae_hybrid", layers=2)
    config.run.output.mkdir()
    save_settings(config)
    check_training_run({**settings, "resume": True}, processes=1)
    with pytest.raises(ArgumentError, match=r"--resume goes on with the settings of .* where epochs is 24, not 3"):
        check_training_run({**settings, "epochs": 3, "resume": True}, processes=1)


def test_a_folder_called_as_the_shipped_base_is_said_not_to_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = {"data": clips(tmp_path), "output": tmp_path / "out", "base": "vidcls/tiny"}
    check_training_run(settings, processes=1)
    assert caplog.messages == []
    write_checkpoint(tmp_path / "vidcls" / "tiny")
    check_training_run(settings, processes=1)
    assert caplog.messages == [
        "--base vidcls/tiny: is the base that comes with vidcls; for the folder of that name give --base ./vidcls/tiny"
    ]


def test_sizes_are_checked_against_those_of_the_shipped_base(tmp_path: Path) -> None:
    settings = {"data": clips(tmp_path), "output": tmp_path / "out", "base": "vidcls/tiny", "image_size": 100}
    with pytest.raises(ArgumentError, match="--image-size 100 is not a multiple of the patch size 32; take 96 or 128"):
        check_training_run(settings, processes=1)


def test_a_teacher_whose_run_goes_on_is_taken_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    teacher = write_checkpoint(tmp_path / "teacher")
    names = [f"{split}/{label}/{n}.mp4" for split in ("train", "val") for label in LABELS for n in range(3)]
    data = str(touch(tmp_path / "clips", *names))
    settings = {"data": data, "output": tmp_path / "out", "preset": "tiny", "teacher": str(teacher)}
    check_training_run(settings, processes=1)
    assert caplog.messages == []
    mark_unfinished(teacher)
    check_training_run(settings, processes=1)
    (said,) = caplog.messages
    assert said.startswith(f"--teacher {teacher}: its run has not come to its end; the answers")


def test_only_to_check_the_data_no_base_is_fetched_and_the_default_not_sought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    settings = {"data": clips(tmp_path), "output": tmp_path / "out"}
    check_start_without_hub(settings, None)
    check_start_without_hub({**settings, "base": "vidcls/tiny"}, None)
    with pytest.raises(ArgumentError, match="--image-size 100 is not a multiple of the patch size 32"):
        check_start_without_hub({**settings, "base": "vidcls/tiny", "image_size": 100}, None)
    with pytest.raises(ModelError, match="vidcls-tests/none: is neither a folder nor in the cache of this machine"):
        check_start_without_hub({**settings, "base": "vidcls-tests/none"}, None)
