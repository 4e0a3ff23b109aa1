from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import VideoMAEForVideoClassification, ViTConfig

from generated import LABELS, write_checkpoint
from vidcls.errors import ModelError
from vidcls_train.model import from_base, from_preset, image_processor
from vidcls_train.settings import PRESETS

OWN = {"frames": None, "image_size": None, "resize": None}


def test_a_preset_starts_a_fresh_model_of_its_size() -> None:
    start = from_preset(PRESETS["tiny"], ("a", "b", "c"), **OWN)
    config = start.model.config
    assert (config.hidden_size, config.num_hidden_layers, config.num_frames, config.image_size) == (96, 4, 8, 112)
    assert config.id2label == {0: "a", 1: "b", 2: "c"}
    assert start.base is None
    smaller = from_preset(PRESETS["tiny"], ("a", "b"), frames=4, image_size=32, resize="stretch")
    assert smaller.model(torch.zeros(1, 4, 3, 32, 32)).logits.shape == (1, 2)
    assert smaller.image.resize == "stretch"
    with pytest.raises(ValueError, match="image size 100 is not a multiple of the patch size 16"):
        from_preset(PRESETS["tiny"], ("a", "b"), frames=None, image_size=100, resize=None)
    with pytest.raises(ValueError, match="7 frames are not a multiple"):
        from_preset(PRESETS["tiny"], ("a", "b"), frames=7, image_size=None, resize=None)


def test_a_base_keeps_its_encoder_and_gets_a_new_head_with_notice(checkpoint: Path) -> None:
    start = from_base(str(checkpoint), ("a", "b"), **OWN)
    before = VideoMAEForVideoClassification.from_pretrained(checkpoint)
    for name, weight in before.videomae.state_dict().items():
        assert torch.equal(start.model.videomae.state_dict()[name], weight), name
    assert start.model.classifier.weight.shape == (2, 48)
    assert start.model.config.id2label == {0: "a", 1: "b"}
    assert any(f"head for {len(LABELS)} labels is replaced by a new one for 2" in notice for notice in start.notices)
    assert start.base == checkpoint.name


def test_a_base_of_ours_hands_on_its_origin_and_licence(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "base")
    contract = json.loads((folder / "vidcls.json").read_text(encoding="utf-8"))
    contract["source"].update(base="MCG-NJU/videomae-base", base_license="cc-by-nc-4.0")
    (folder / "vidcls.json").write_text(json.dumps(contract), encoding="utf-8")
    start = from_base(str(folder), ("a", "b"), **OWN)
    assert (start.base, start.base_license) == ("MCG-NJU/videomae-base", "cc-by-nc-4.0")
    assert any("not for commercial use" in notice for notice in start.notices)


def test_a_plain_base_says_how_it_is_preprocessed_and_licensed(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "base", resize="stretch")
    (folder / "vidcls.json").unlink()
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# base\n", encoding="utf-8")
    start = from_base(str(folder), ("a", "b"), **OWN)
    assert start.image.resize == "stretch"
    assert start.base_license == "apache-2.0"
    assert from_base(str(folder), ("a", "b"), frames=None, image_size=None, resize="shortest_edge").image.resize == (
        "shortest_edge"
    )


def test_bases_that_cannot_be_used_are_refused(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(ModelError, match="nowhere: cannot be loaded"):
        from_base(str(tmp_path / "nowhere"), ("a", "b"), **OWN)
    ViTConfig().save_pretrained(tmp_path / "vit")
    with pytest.raises(ModelError, match="is a 'vit' checkpoint, expected VideoMAE"):
        from_base(str(tmp_path / "vit"), ("a", "b"), **OWN)
    pickled = tmp_path / "pickled"
    shutil.copytree(checkpoint, pickled)
    (pickled / "model.safetensors").unlink()
    torch.save(VideoMAEForVideoClassification.from_pretrained(checkpoint).state_dict(), pickled / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        from_base(str(pickled), ("a", "b"), **OWN)


@pytest.mark.parametrize("resize", ["shortest_edge", "stretch"])
def test_hugging_faces_processor_agrees_with_the_contract(resize: str) -> None:
    image = from_preset(PRESETS["tiny"], ("a", "b"), frames=None, image_size=32, resize=resize).image
    video = [torch.randint(0, 256, (48, 64, 3), dtype=torch.uint8).numpy() for _ in range(2)]
    pixel_values = image_processor(image)(video, return_tensors="pt")["pixel_values"]
    assert pixel_values.shape == (1, 2, 3, 32, 32)
