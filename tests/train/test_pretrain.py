"""Masked pretraining on clips too small to learn from: what is hidden, what is written, and what takes it on."""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import load_file

from empty_clips import touch
from generated import write_checkpoint
from vidcls.contract import CHECKPOINT_FILE, ClipFingerprints, read_checkpoint, to_json
from vidcls.errors import ModelError
from vidcls.fingerprint import encode
from vidcls_train.cli.pretrain import main
from vidcls_train.finetune import train
from vidcls_train.model.image_section import IMAGENET_MEAN, IMAGENET_STD
from vidcls_train.model.origin import known_to
from vidcls_train.model.pretrained import from_base
from vidcls_train.pretrain import pretrain

pytestmark = pytest.mark.long


def settings(clips: Path, output: Path, **changes: object) -> dict[str, object]:
    tiny = {
        "data": str(clips),
        "output": output,
        "preset": "tiny",
        "epochs": 2,
        "batch_size": 8,
        "mask_ratio": 0.75,
        "frames": 4,
        "image_size": 32,
        "clip_seconds": 0.5,
        "device": "cpu",
        "workers": 0,
        "cache_gb": 1.0,
        "keep_steps": True,
    }
    return {**tiny, **changes}


@pytest.fixture(scope="module")
def run(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one finished run."""
    output = tmp_path_factory.mktemp("pretrained") / "checkpoint"
    pretrain(settings(clips, output))
    return output


@pytest.mark.usefixtures("without_pictures")
def test_a_run_writes_what_fine_tuning_takes(run: Path, clips: Path, tmp_path: Path) -> None:
    assert {file.name for file in run.iterdir() if file.is_file()} == {
        "README.md",
        "clips.json",
        "config.json",
        "curve.png",
        "metrics.json",
        "model.safetensors",
        "preprocessor_config.json",
        "reconstruction.png",
        "settings.json",
        "status.json",
    }
    with Image.open(run / "reconstruction.png") as opened:
        assert np.asarray(opened.convert("RGB")).std() > 5
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["videos"] == 18  # of all splits: nobody looks at labels here
    assert {Path(row["video"]).name for row in metrics["unreadable"]} == {"broken.mp4", "broken.avi"}
    output = tmp_path / "checkpoint"
    train(
        {
            "data": str(clips),
            "output": output,
            "base": str(run),
            "batch_size": 4,
            "epochs": 1,
            "learning_rate": 1e-9,
            "clip_seconds": 0.5,
            "workers": 0,
            "allow_duplicates": True,
        }
    )
    encoder = load_file(run / "model.safetensors")
    tuned = load_file(output / "model.safetensors")
    shared = [name for name in tuned if name.startswith("videomae.encoder.")]
    assert len(shared) > 50
    for name in shared:
        torch.testing.assert_close(tuned[name], encoder[name], atol=1e-6, rtol=0)
    assert any(name.startswith("fc_norm") for name in tuned)  # the head looks at all tokens
    assert read_checkpoint(output).source.base == "checkpoint"


def test_what_a_trained_base_knows_and_was_made_from_is_handed_on(clips: Path, tmp_path: Path) -> None:
    knows = ClipFingerprints(algorithm="dct-1", train=encode([b"1" * 16, b"2" * 16]), val=encode([b"3" * 16]))
    base = write_checkpoint(tmp_path / "base")
    file = base / CHECKPOINT_FILE
    contract = read_checkpoint(base)
    source = dataclasses.replace(contract.source, base="them/their-base", base_license="mit", clips=knows)
    processing = dataclasses.replace(contract.image, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    file.write_text(to_json(dataclasses.replace(contract, source=source, image=processing)), encoding="utf-8")
    for name, before in (("once", base), ("twice", tmp_path / "once")):
        changes = {"preset": None, "base": str(before), "frames": None, "image_size": None, "max_steps": 1}
        pretrain(settings(clips / "val", tmp_path / name, **changes))
        start = from_base(str(tmp_path / name), ("a", "b"), frames=None, image_size=None, resize=None)
        assert (start.origin.name, start.origin.licence, start.origin.clips) == ("them/their-base", "mit", knows)
        assert known_to(str(tmp_path / name)) == knows
    (tmp_path / "once" / "origin.json").write_text('{"name": 1}', encoding="utf-8")
    with pytest.raises(ModelError, match=r"origin\.json: is damaged \(.*\); copy it from where the folder comes from"):
        known_to(str(tmp_path / "once"))


def test_a_resumed_run_gives_what_an_unbroken_one_gives(run: Path, clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "checkpoint"
    shutil.copytree(run, output)
    steps = sorted(output.glob("checkpoints/checkpoint-*"), key=lambda folder: int(folder.name.split("-")[1]))
    (steps[-1] / "average.safetensors").unlink()
    pretrain(settings(clips, output, resume=True))
    resumed, unbroken = (load_file(folder / "model.safetensors") for folder in (output, run))
    assert all(torch.equal(resumed[name], weight) for name, weight in unbroken.items())


def test_a_run_goes_on_with_its_own_videos_alone(clips: Path, tmp_path: Path) -> None:
    data, output = Path(shutil.copytree(clips, tmp_path / "data")), tmp_path / "checkpoint"
    asked = settings(data, output, max_steps=1)
    pretrain(asked)
    before = {file: file.read_bytes() for file in output.rglob("*") if file.is_file()}

    def refused(because: str) -> None:
        with pytest.raises(ValueError, match=rf"clips\.json, and {because}; put the clips back as they were"):
            pretrain({**asked, "resume": True})
        assert {file: file.read_bytes() for file in output.rglob("*") if file.is_file()} == before

    first, second = data / "train" / "jump" / "3.mp4", data / "test" / "wave" / "9.mp4"
    whole = first.read_bytes()
    first.unlink()
    refused(r"train/jump/3\.mp4 of train is gone or cannot be read")
    first.write_bytes(whole)
    second.write_bytes(whole)
    refused(r"test/wave/9\.mp4 is new")
    second.unlink()
    shutil.copy(data / "train" / "wave" / "3.mp4", first)
    refused(r"train/jump/3\.mp4 shows something else")
    first.write_bytes(whole)
    pretrain({**asked, "resume": True})


def test_a_finished_run_is_left_as_it_is(run: Path, clips: Path, tmp_path: Path) -> None:
    output = Path(shutil.copytree(run, tmp_path / "checkpoint"))
    shutil.rmtree(output / "checkpoints")
    before = {file.name: file.read_bytes() for file in output.iterdir() if file.is_file()}
    again = pretrain(settings(clips, output, resume=True))
    assert again == json.loads(before["metrics.json"])
    assert {file.name: file.read_bytes() for file in output.iterdir() if file.is_file()} == before


def test_a_run_goes_on_from_a_base_of_either_kind(run: Path, checkpoint: Path, clips: Path, tmp_path: Path) -> None:
    for number, base in enumerate((run, checkpoint)):
        own = {"preset": None, "frames": None, "image_size": None, "max_steps": 1, "learning_rate": 1e-9}
        pretrain(settings(clips, tmp_path / str(number), base=str(base), **own))
        before, after = (load_file(folder / "model.safetensors") for folder in (base, tmp_path / str(number)))
        name = "videomae.encoder.layer.0.attention.attention.query.weight"
        torch.testing.assert_close(after[name], before[name], atol=1e-6, rtol=0)


def test_what_is_assumed_of_a_base_is_said(
    run: Path, clips: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    base = Path(shutil.copytree(run, tmp_path / "base"))
    (base / "preprocessor_config.json").unlink()
    caplog.set_level(logging.INFO, logger="vidcls.train")
    own = {"preset": None, "frames": None, "image_size": None, "max_steps": 1}
    pretrain(settings(clips, tmp_path / "out", base=str(base), **own))
    (said,) = [told for told in caplog.messages if "has no preprocessor_config.json" in told]
    assert said.startswith(f"{base}: ")
    assert "normalised by ImageNet's statistics" in said


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["data", "-o", "out", "--preset", "tiny", "--base", "x"], 2, "give --base or --preset, not both"),
        (["data", "-o", "out", "--preset", "tiny"], 1, "data: holds no videos, at any depth"),
        (["nowhere", "-o", "out", "--preset", "tiny"], 1, "nowhere: is not a folder"),
        (["videos", "-o", "data", "--base", "nowhere"], 1, "nowhere: is neither a folder nor in the cache"),
    ],
)
def test_the_command_says_in_one_sentence_what_is_wrong(
    arguments: list[str], code: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # else the hub is asked again and again
    (tmp_path / "data").mkdir()
    touch(tmp_path / "videos", "clip.mp4")
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == code
    assert told in result.output
    assert "Traceback" not in result.output
