from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import VideoMAEForVideoClassification, ViTConfig

from generated import LABELS, write_checkpoint
from random_models import MAKERS, save
from vidcls.errors import ModelError
from vidcls_train.config.recipes import PRESETS
from vidcls_train.model.presets import from_preset
from vidcls_train.model.pretrained import from_base, masked_from_base

OWN: dict[str, Any] = {"frames": None, "image_size": None, "resize": None}

# Of float32 at values up to 3.
ROUNDING = 1e-6

# The processor of transformers 5 resizes with torchvision, one grey level of 255 from Pillow at most; the smallest
# standard deviation of the three colours is 0.224.
GREY_LEVEL = 1 / 255 / 0.224


def edit(path: Path, **changes: Any) -> None:
    """Set keys of a JSON file's object."""
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def test_a_base_keeps_its_encoder_and_gets_a_new_head_with_notice(checkpoint: Path) -> None:
    start = from_base(str(checkpoint), ("a", "b"), **OWN)
    before = VideoMAEForVideoClassification.from_pretrained(checkpoint)
    for name, weight in before.videomae.state_dict().items():
        assert torch.equal(start.model.videomae.state_dict()[name], weight), name
    assert start.model.classifier.weight.shape == (2, 48)
    assert start.model.config.id2label == {0: "a", 1: "b"}
    assert any(f"head for {len(LABELS)} labels is replaced by a new one for 2" in notice for notice in start.notices)
    assert start.origin.name == checkpoint.name


def test_a_base_of_ours_hands_on_its_origin_and_licence(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "base")
    contract = json.loads((folder / "vidcls.json").read_text(encoding="utf-8"))
    contract["source"].update(base="MCG-NJU/videomae-base", base_license="cc-by-nc-4.0")
    (folder / "vidcls.json").write_text(json.dumps(contract), encoding="utf-8")
    start = from_base(str(folder), ("a", "b"), **OWN)
    assert (start.origin.name, start.origin.licence) == ("MCG-NJU/videomae-base", "cc-by-nc-4.0")
    assert any("not for commercial use" in notice for notice in start.notices)


def test_a_plain_base_says_how_it_is_preprocessed_and_licensed(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "base", resize="stretch")
    (folder / "vidcls.json").unlink()
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# base\n", encoding="utf-8")
    start = from_base(str(folder), ("a", "b"), **OWN)
    assert start.image.resize == "stretch"
    assert start.origin.licence == "apache-2.0"
    assert from_base(str(folder), ("a", "b"), frames=None, image_size=None, resize="shortest_edge").image.resize == (
        "shortest_edge"
    )


def test_bases_that_cannot_be_used_are_refused(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(ModelError, match="nowhere: there is no such folder"):
        from_base(str(tmp_path / "nowhere"), ("a", "b"), **OWN)
    ViTConfig().save_pretrained(tmp_path / "vit")
    with pytest.raises(
        ModelError, match="is a 'vit' checkpoint, expected one of VideoMAE, VideoMAE hybrid, V-JEPA 2, "
    ):
        from_base(str(tmp_path / "vit"), ("a", "b"), **OWN)
    pickled = tmp_path / "pickled"
    shutil.copytree(checkpoint, pickled)
    (pickled / "model.safetensors").unlink()
    torch.save(VideoMAEForVideoClassification.from_pretrained(checkpoint).state_dict(), pickled / "pytorch_model.bin")
    with pytest.raises(
        ModelError, match=r"pickled: its weights are in pytorch_model\.bin, a pickle, .*; .* convert it: "
    ):
        from_base(str(pickled), ("a", "b"), **OWN)


def test_a_base_for_the_same_labels_keeps_its_head_with_notice(checkpoint: Path) -> None:
    start = from_base(str(checkpoint), LABELS, **OWN)
    before = VideoMAEForVideoClassification.from_pretrained(checkpoint)
    assert torch.equal(start.model.classifier.weight, before.classifier.weight)
    assert any("its head is kept" in notice for notice in start.notices)


@pytest.mark.parametrize("labels", [LABELS[::-1], tuple(f"other {label}" for label in LABELS)])
def test_as_many_labels_in_another_order_or_of_other_names_get_a_new_head(
    checkpoint: Path, labels: tuple[str, ...]
) -> None:
    start = from_base(str(checkpoint), labels, **OWN)
    before = VideoMAEForVideoClassification.from_pretrained(checkpoint)
    assert not torch.isclose(start.model.classifier.weight, before.classifier.weight).any(dim=1).all()
    assert start.model.classifier.weight.std() < 2 * start.model.config.initializer_range
    assert not start.model.classifier.bias.any()
    assert any(f"head for {len(LABELS)} labels is replaced" in notice for notice in start.notices)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"intermediate_size": 64}, r"'videomae\.encoder\.\S+' and so on\) have another size than config\.json says"),
        (
            {"id2label": {"0": "a", "1": "b"}},
            r"'classifier\.bias' and so on\) have another size than config\.json says",
        ),
        ({"num_channels": 1}, r"config\.json has num_channels 1, expected 3"),
    ],
)
def test_weights_that_do_not_fit_the_configuration_are_refused(
    tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    folder = write_checkpoint(tmp_path / "base")
    edit(folder / "config.json", **changes)
    with pytest.raises(ModelError, match=problem):
        from_base(str(folder), ("a", "b"), **OWN)


@pytest.mark.parametrize("size", [4, 1000, 20_000])
def test_cut_weights_are_refused(tmp_path: Path, size: int) -> None:
    folder = write_checkpoint(tmp_path / "base")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:size])
    with pytest.raises(ModelError, match=r"model\.safetensors: is not a whole file of safetensors .*; copy it again"):
        from_base(str(folder), ("a", "b"), **OWN)


def test_a_base_in_half_precision_is_trained_in_float32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_checkpoint(tmp_path / "base")
    VideoMAEForVideoClassification.from_pretrained(folder).half().save_pretrained(folder)
    # What transformers 5 does unasked.
    keep_type = partial(VideoMAEForVideoClassification.from_pretrained, torch_dtype="auto")
    monkeypatch.setattr(VideoMAEForVideoClassification, "from_pretrained", keep_type)
    assert {weight.dtype for weight in from_base(str(folder), ("a", "b"), **OWN).model.parameters()} == {torch.float32}


def test_a_plain_bases_preprocessing_is_followed_to_the_letter(plain: Path) -> None:
    edit(plain / "preprocessor_config.json", size=36, crop_size=32, image_mean=None)
    own = from_base(str(plain), ("a", "b"), **OWN).image
    assert (own.resize, own.resize_size, own.crop_size, own.mean) == ("shortest_edge", 36, 32, (0.5, 0.5, 0.5))
    assert from_base(str(plain), ("a", "b"), frames=None, image_size=32, resize="shortest_edge").image == own
    other = from_base(str(plain), ("a", "b"), frames=None, image_size=48, resize=None).image
    assert other == replace(own, resize_size=48, crop_size=48)
    stretched = from_base(str(plain), ("a", "b"), frames=None, image_size=None, resize="stretch").image
    assert stretched == replace(own, resize="stretch", resize_size=32)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"resample": 3}, r"has resample 3 \(bicubic\), but vidcls can only do resample 2"),
        ({"rescale_factor": "1/255"}, "has rescale_factor"),
        ({"size": {"height": 32, "width": 40}}, "vidcls can only resize the shortest edge"),
        ({"size": 64, "crop_size": 48}, "makes pictures of 48 pixels, expected the image_size 32"),
    ],
)
def test_preprocessing_that_vidcls_does_not_do_is_refused(plain: Path, changes: dict[str, Any], problem: str) -> None:
    edit(plain / "preprocessor_config.json", **changes)
    with pytest.raises(ModelError, match=rf"preprocessor_config\.json: .*{problem}"):
        from_base(str(plain), ("a", "b"), **OWN)


def test_only_a_missing_file_means_the_usual_preprocessing(plain: Path) -> None:
    path = plain / "preprocessor_config.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match=r"preprocessor_config\.json: cannot be read .* expected JSON"):
        from_base(str(plain), ("a", "b"), **OWN)
    path.unlink()
    start = from_base(str(plain), ("a", "b"), **OWN)
    image = start.image
    assert any("has no preprocessor_config.json; frames are resized to 32 pixels" in notice for notice in start.notices)
    usual = from_preset(PRESETS["tiny"], ("a", "b"), frames=None, image_size=32, resize="shortest_edge").image
    assert image == usual


@pytest.mark.parametrize("kind", ["vivit", "videomae_hybrid"])
def test_other_families_cannot_be_pretrained(kind: str, tmp_path: Path) -> None:
    save(MAKERS[kind], tmp_path)
    with pytest.raises(ModelError, match=rf"is a '{kind}' checkpoint, expected VideoMAE, the only one that can be"):
        masked_from_base(str(tmp_path), frames=None, image_size=None)
