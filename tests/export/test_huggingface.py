"""A plain Hugging Face checkpoint: its contract, and what is refused because vidcls does it otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import VideoMAEForVideoClassification, VideoMAEImageProcessor

from generated import LABELS, write_checkpoint
from vidcls import ModelError, VideoClassifier
from vidcls_export.checkpoint.opening import open_checkpoint
from vidcls_export.exporter import export


def test_answers_are_transformers_own(plain: Path, tmp_path: Path) -> None:
    clip = np.random.default_rng(0).integers(0, 256, (4, 48, 80, 3), np.uint8)
    processor = VideoMAEImageProcessor.from_pretrained(plain)
    with torch.inference_mode():
        inputs = processor([list(clip)], return_tensors="pt")
        expected = VideoMAEForVideoClassification.from_pretrained(plain).eval()(**inputs).logits[0].numpy()
    export(plain, tmp_path / "model.onnx", clip_seconds=1.5)
    classifier = VideoClassifier(tmp_path / "model.onnx", device="cpu")
    np.testing.assert_allclose(classifier.predict_frames(clip).logits, expected, rtol=0, atol=1e-5)
    assert classifier.contract.sampling.clip_seconds == 1.5


def test_contract_is_made_from_transformers_files(plain: Path) -> None:
    _, contract = open_checkpoint(plain, clip_seconds=None)
    assert contract.labels == LABELS
    assert (contract.sampling.frames, contract.sampling.clip_seconds) == (4, 64 / 30)
    assert (contract.image.resize, contract.image.resize_size, contract.image.crop_size) == ("shortest_edge", 32, 32)
    fields = json.loads((plain / "preprocessor_config.json").read_text(encoding="utf-8"))
    assert list(contract.image.mean) == fields["image_mean"]
    assert list(contract.image.std) == fields["image_std"]
    assert (contract.source.base, contract.source.base_license) == ("copied", None)
    assert contract.accuracy is None


def test_square_size_stretches(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "stretch", resize="stretch")
    (folder / "vidcls.json").unlink()
    _, contract = open_checkpoint(folder, clip_seconds=None)
    assert (contract.image.resize, contract.image.resize_size, contract.image.crop_size) == ("stretch", 32, 32)


def test_resize_larger_than_crop(plain: Path, edit_json: Callable[..., None]) -> None:
    edit_json(plain / "preprocessor_config.json", size={"shortest_edge": 40})
    _, contract = open_checkpoint(plain, clip_seconds=None)
    assert (contract.image.resize_size, contract.image.crop_size) == (40, 32)


def test_bare_sizes_of_older_files(plain: Path, edit_json: Callable[..., None]) -> None:
    edit_json(plain / "preprocessor_config.json", size=36, crop_size=32)
    _, contract = open_checkpoint(plain, clip_seconds=None)
    assert (contract.image.resize, contract.image.resize_size, contract.image.crop_size) == ("shortest_edge", 36, 32)


def test_licence_and_base_come_from_the_model_card(plain: Path) -> None:
    card = "---\nlicense: cc-by-nc-4.0\nbase_model: MCG-NJU/videomae-base\n---\n# A model\n"
    (plain / "README.md").write_text(card, encoding="utf-8")
    _, contract = open_checkpoint(plain, clip_seconds=None)
    assert (contract.source.base, contract.source.base_license) == ("MCG-NJU/videomae-base", "cc-by-nc-4.0")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"resample": 3}, "has resample 3 .*, but vidcls can only do resample 2"),
        ({"do_resize": False}, "has do_resize false"),
        ({"rescale_factor": "1/255"}, "has rescale_factor"),
        ({"image_mean": [0.5]}, r"has image_mean \[0.5\], expected three numbers"),
        ({"image_std": [0.5, 0, 0.5]}, r"has image_std \[0\.5, 0\.0, 0\.5\], expected numbers above 0"),
        ({"do_center_crop": False}, "vidcls can only resize the shortest edge and crop"),
        ({"size": {"height": 32, "width": 40}}, "vidcls can only resize the shortest edge and crop"),
        ({"size": {"height": 40, "width": 40}}, "vidcls can only resize the shortest edge and crop"),
        ({"crop_size": {"height": 32, "width": 24}}, "vidcls can only resize the shortest edge and crop"),
        ({"size": {"shortest_edge": 24}}, "to 24 pixels, expected at least the crop's 32"),
        ({"image_processor_type": "CLIPImageProcessor"}, "is for CLIPImageProcessor"),
    ],
)
def test_preprocessing_that_vidcls_does_not_do(
    plain: Path, edit_json: Callable[..., None], changes: dict[str, Any], problem: str
) -> None:
    edit_json(plain / "preprocessor_config.json", **changes)
    with pytest.raises(ModelError, match=problem):
        open_checkpoint(plain, clip_seconds=None)


def test_missing_preprocessing(plain: Path) -> None:
    (plain / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError, match=r"copied: has no preprocessor_config\.json, which says how frames become"):
        open_checkpoint(plain, clip_seconds=None)


def test_the_same_label_twice(plain: Path, edit_json: Callable[..., None]) -> None:
    edit_json(plain / "config.json", id2label={"0": "clap", "1": "clap", "2": "turn left", "3": "wave"})
    with pytest.raises(ModelError, match=r"config\.json: id2label names both 0 and 1 'clap', expected a name"):
        open_checkpoint(plain, clip_seconds=None)
