"""Bases as other tools leave them, transformers' Trainer above all: read right, or refused in one sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import VideoMAEConfig, VideoMAEForPreTraining, VideoMAEForVideoClassification

from generated import LABELS
from vidcls.errors import ModelError
from vidcls_train.model.pretrained import from_base

OWN: dict[str, Any] = {"frames": None, "image_size": None, "resize": None}


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def test_a_step_of_a_trainer_is_preprocessed_as_its_run_says(plain: Path, tmp_path: Path) -> None:
    edit(plain / "preprocessor_config.json", image_mean=[0.5, 0.4, 0.3])
    step = tmp_path / "run" / "checkpoint-500"
    shutil.copytree(plain, step)
    (step / "preprocessor_config.json").rename(step.parent / "preprocessor_config.json")
    torch.save({}, step / "training_args.bin")
    start = from_base(str(step), LABELS, **OWN)
    assert start.image.mean == (0.5, 0.4, 0.3)
    assert any(notice.startswith(f"{step}: has no preprocessor_config.json; what ") for notice in start.notices)
    with pytest.raises(ModelError, match=r"run: holds no model\.safetensors, but the steps of a training; name"):
        from_base(str(step.parent), LABELS, **OWN)


def test_a_video_processors_file_counts(plain: Path) -> None:
    edit(plain / "preprocessor_config.json", image_mean=[0.5, 0.4, 0.3], image_processor_type=None)
    edit(plain / "preprocessor_config.json", video_processor_type="VideoMAEVideoProcessor")
    (plain / "preprocessor_config.json").rename(plain / "video_preprocessor_config.json")
    assert from_base(str(plain), LABELS, **OWN).image.mean == (0.5, 0.4, 0.3)


def test_weights_in_parts_are_read(plain: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = load_file(plain / "model.safetensors")
    VideoMAEForVideoClassification.from_pretrained(plain).save_pretrained(plain, max_shard_size="50KB")
    (plain / "model.safetensors").unlink(missing_ok=True)
    assert len(list(plain.glob("model-*.safetensors"))) > 1
    capfd.readouterr()
    weights = from_base(str(plain), LABELS, **OWN).model.state_dict()
    assert capfd.readouterr() == ("", "")  # no bar, which a log file would have too
    assert all(torch.equal(weights[name], weight) for name, weight in before.items())


def test_half_precision_is_said(plain: Path) -> None:
    VideoMAEForVideoClassification.from_pretrained(plain).to(torch.bfloat16).save_pretrained(plain)
    start = from_base(str(plain), LABELS, **OWN)
    assert {weight.dtype for weight in start.model.parameters()} == {torch.float32}
    assert any("its weights are bfloat16; they are read as float32" in notice for notice in start.notices)


def test_what_a_pretrained_base_has_beside_its_encoder_is_said(tmp_path: Path) -> None:
    shape = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
    decoder = {f"decoder_{name}": size for name, size in shape.items()}
    VideoMAEForPreTraining(
        VideoMAEConfig(image_size=32, patch_size=8, num_frames=4, **shape, **decoder)
    ).save_pretrained(tmp_path)
    notices = from_base(str(tmp_path), ("a", "b"), **OWN).notices
    names = [name for name in load_file(tmp_path / "model.safetensors") if not name.startswith("videomae.")]
    assert any(
        f"{len(names)} of its weights are left out, which a classifier does not need" in said for said in notices
    )
    assert any("has no classification head; a new one for 2 labels is trained" in said for said in notices)


def test_an_encoder_with_more_layers_than_its_configuration_is_refused(plain: Path) -> None:
    edit(plain / "config.json", num_hidden_layers=1)
    with pytest.raises(
        ModelError, match=r"weights hold 15 of an encoder .* \('videomae\.encoder\.layer\.1\..*' first\)"
    ):
        from_base(str(plain), LABELS, **OWN)


def test_a_missing_weight_of_the_encoder_is_refused(plain: Path) -> None:
    weights = load_file(plain / "model.safetensors")
    del weights["videomae.encoder.layer.1.output.dense.weight"]
    save_file(weights, plain / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 of the encoder's weights \('videomae\.encoder\.layer\.1\.output"):
        from_base(str(plain), LABELS, **OWN)


def test_what_is_no_checkpoint_is_called_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(
        ModelError, match=r"model\.onnx: is an ONNX file, which is exported already and cannot be trained"
    ):
        from_base(str(tmp_path / "model.onnx"), LABELS, **OWN)
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text('{"base_model_name_or_path": "some/base"}', encoding="utf-8")
    with pytest.raises(
        ModelError, match=r"adapter: is an adapter .*; merge both with peft, .*M\.from_pretrained\('some/bas"
    ):
        from_base(str(adapter), LABELS, **OWN)
