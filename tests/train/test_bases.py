"""Whole runs from a base of every family: trained, resumed, exported in every precision, and answered as trained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForVideoClassification

from parity import reference
from random_models import MAKERS, save, with_some_tokens
from slow import slow
from vidcls import VideoClassifier
from vidcls.contract import read_checkpoint
from vidcls_train.finetune import train

RUN: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 5,  # two batches of five clips each: with a clip that has no neighbour
    "learning_rate": 1e-3,
    "clip_seconds": 0.5,
    "device": "cpu",
    "workers": 0,
    "drop_path": 0.3,
    "mixup": 0.8,
    "cutmix": 1.0,
    "ema": 0.5,
    "allow_duplicates": True,  # all clips are of the same painted numbers
}

# Largest |logit difference| from PyTorch, of logits that spread over several units.
TOLERANCE = {"fp32": 1e-3, "fp16": 3e-2, "int8": 0.7}

Saved = Callable[[str], Path]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """saved(kind) is the folder of a random base, as transformers saves it."""
    folder = tmp_path_factory.mktemp("bases")

    @cache
    def make(kind: str) -> Path:
        save(MAKERS[kind], folder / kind)
        (folder / kind / "README.md").write_text("---\nlicense: apache-2.0\n---\n# base\n", encoding="utf-8")
        return folder / kind

    return make


def settings(data: Path, output: Path, base: Path, **changes: object) -> dict[str, object]:
    return {"data": str(data), "output": output, "base": str(base), **RUN, **changes}


def pytorch_logits(checkpoint: Path, video: Path) -> np.ndarray:
    """transformers' own answer of the checkpoint to a file, by nothing of vidcls but which tokens a lattice keeps."""
    contract = json.loads((checkpoint / "vidcls.json").read_text(encoding="utf-8"))
    model = AutoModelForVideoClassification.from_pretrained(checkpoint).eval()
    _, _, clips = reference.clip_pixels(video, contract, views=1, crops=1)
    pixels = reference.pixel_values(clips, contract["image"])
    with torch.inference_mode():
        if contract["tokens"]["rule"] == "all":
            return np.asarray(model(**{model.main_input_name: pixels}).logits[0])
        every = round(1 / contract["tokens"]["share"])
        down, later = {2: (1, 1), 4: (2, 1), 8: (3, 2)}[every]
        t, y, x = np.indices((2, 4, 4))
        return np.asarray(with_some_tokens(model, pixels, ((x + down * y + later * t) % every == 0).ravel())[0])


def check_files(checkpoint: Path, clips: Path, folder: Path, *precisions: str) -> None:
    export = pytest.importorskip("vidcls_export.exporter").export
    videos = [video for video in sorted((clips / "test").rglob("*.*")) if "broken" not in video.name][:2]
    expected = [pytorch_logits(checkpoint, video) for video in videos]
    assert np.abs(np.diff(expected, axis=1)).max() > 0.01, "logits this close together would prove nothing"
    for precision in precisions:
        path = folder / f"{precision}.onnx"
        export(checkpoint, path, precision=precision, check=clips / "test", min_agreement=0)
        classifier = VideoClassifier(path, device="cpu")
        for video, logits in zip(videos, expected, strict=True):
            found = classifier.predict(video).logits
            np.testing.assert_allclose(found, logits, atol=TOLERANCE[precision], rtol=0)
        assert classifier.verify().ok
        assert classifier.contract.source.base_license == "apache-2.0"


@pytest.mark.usefixtures("without_pictures")
def test_v_jepa_2_is_trained_on_a_lattice_and_its_file_answers_alike(saved: Saved, clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "checkpoint"
    metrics = train(settings(clips, output, saved("vjepa2"), epochs=1, tokens="lattice:0.5"))
    assert metrics is not None
    assert metrics["all_tokens"]["share"] == 0.5
    contract = read_checkpoint(output)
    assert contract.source.architecture == "VJEPA2ForVideoClassification"
    assert (contract.source.base, contract.source.base_license) == ("vjepa2", "apache-2.0")
    assert (contract.image.resize_size, contract.image.crop_size) == (36, 32)
    card = (output / "README.md").read_text(encoding="utf-8")
    assert "A V-JEPA 2 video classifier, fine-tuned from `vjepa2`" in card
    assert "are licensed apache-2.0; a model made from them falls under the same terms." in card
    assert "\n- vjepa2\n" in card
    # What the classifier does not compute with is the base's, untouched.
    before, after = load_file(saved("vjepa2") / "model.safetensors"), load_file(output / "model.safetensors")
    for name in before:
        is_unused = name.startswith("vjepa2.predictor.")
        assert torch.equal(before[name], after[name]) == is_unused, name
    check_files(output, clips, tmp_path, "fp32")


@slow
@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("tokens", ["all", "lattice:0.25"])
def test_a_run_stopped_and_resumed_is_the_unbroken_one_and_its_files_answer_alike(
    kind: str, tokens: str, saved: Saved, clips: Path, tmp_path: Path
) -> None:
    if kind == "timesformer" and tokens != "all":
        with pytest.raises(ValueError, match="TimeSformer attends to each frame and each place"):
            train(settings(clips, tmp_path / "refused", saved(kind), tokens=tokens))
        assert not (tmp_path / "refused").exists()
        return
    whole = tmp_path / "whole"
    train(settings(clips, whole, saved(kind), tokens=tokens, keep_steps=True))
    stopped = tmp_path / "stopped"
    shutil.copytree(whole, stopped, ignore=shutil.ignore_patterns("*.onnx", "model.safetensors", "metrics.json"))
    # Those of the steps are left out above as well.
    shutil.copytree(whole / "checkpoints", stopped / "checkpoints", dirs_exist_ok=True)
    shutil.rmtree(stopped / "checkpoints" / "checkpoint-6")
    torch.manual_seed(123)
    train(settings(clips, stopped, saved(kind), tokens=tokens, keep_steps=True, resume=True))
    resumed, unbroken = (load_file(folder / "model.safetensors") for folder in (stopped, whole))
    assert all(torch.equal(resumed[name], weight) for name, weight in unbroken.items())
    check_files(whole, clips, tmp_path, "fp32", "fp16", "int8")


@slow
@pytest.mark.parametrize("kind", ["videomae_hybrid", "vjepa2", "timesformer", "vivit"])
def test_a_base_is_trained_in_other_sizes_and_again_from_what_came_of_it(
    kind: str, saved: Saved, clips: Path, tmp_path: Path
) -> None:
    first = tmp_path / "first"
    train(settings(clips, first, saved(kind), epochs=1, frames=8, image_size=48))
    contract = read_checkpoint(first)
    assert (contract.sampling.frames, contract.image.crop_size) == (8, 48)
    second = tmp_path / "second"
    train(settings(clips, second, first, epochs=1, head_only=True))
    assert read_checkpoint(second).image == contract.image
    assert read_checkpoint(second).source.base_license == "apache-2.0"
    prefix = AutoModelForVideoClassification.from_pretrained(second).base_model_prefix
    before, after = load_file(first / "model.safetensors"), load_file(second / "model.safetensors")
    for name, weight in before.items():
        assert torch.equal(weight, after[name]) or not name.startswith(prefix), name
    check_files(second, clips, tmp_path, "fp32")
