"""What is refused as a checkpoint, each with one sentence that says why."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import VideoMAEConfig, VideoMAEForPreTraining, VideoMAEForVideoClassification

from generated import LABELS
from vidcls import ModelError
from vidcls_export.checkpoint.files import check_files
from vidcls_export.checkpoint.opening import open_checkpoint


def refused(checkpoint: Path | str, problem: str) -> None:
    with pytest.raises(ModelError, match=problem) as caught:
        open_checkpoint(checkpoint, clip_seconds=None)
    assert str(checkpoint) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_good_checkpoint_opens_in_fp32_for_inference(checkpoint: Path) -> None:
    model, contract = open_checkpoint(str(checkpoint), clip_seconds=None)
    assert contract.labels == LABELS
    assert not model.training
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_half_precision_checkpoint_opens_in_fp32(edit_weights: Callable[..., Path]) -> None:
    model, _ = open_checkpoint(edit_weights(lambda model: model.half()), clip_seconds=None)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_other_weights_than_the_contracts(copied: Path) -> None:
    weights = load_file(copied / "model.safetensors")
    weights["classifier.bias"][0] += 1e-3
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    refused(copied, "is not the file that vidcls.json was written for")


@pytest.mark.parametrize("labels", [["clap", "jump", "wave", "turn left"], ["clap", "jump", "turn left"]])
def test_other_labels_than_the_contracts(copied: Path, edit_json: Callable[..., None], labels: list[str]) -> None:
    edit_json(copied / "vidcls.json", labels=labels)
    refused(copied, r"vidcls\.json says labels .*clap.*, config\.json has")


@pytest.mark.parametrize(
    ("section", "changes", "problem"),
    [
        ("sampling", {"frames": 8}, r"vidcls\.json says frames 8, config\.json has 4"),
        ("image", {"crop_size": 16}, r"vidcls\.json says crop size 16, config\.json has 32"),
    ],
)
def test_other_shape_than_the_contracts(
    copied: Path, edit_json: Callable[..., None], section: str, changes: dict[str, Any], problem: str
) -> None:
    import json

    fields = json.loads((copied / "vidcls.json").read_text(encoding="utf-8"))
    edit_json(copied / "vidcls.json", **{section: fields[section] | changes})
    refused(copied, problem)


def test_damaged_contract(copied: Path, edit_json: Callable[..., None]) -> None:
    edit_json(copied / "vidcls.json", without="sampling")
    refused(copied, "the field 'sampling' is missing")


def test_pickled_weights_are_never_opened(copied: Path, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "exploded",)

    (copied / "model.safetensors").unlink()
    torch.save({"classifier.bias": Bomb()}, copied / "pytorch_model.bin")
    refused(copied, "its weights are in pytorch_model.bin, a pickle")
    assert not (tmp_path / "exploded").exists()


def test_weights_in_parts(copied: Path, capfd: pytest.CaptureFixture[str]) -> None:
    VideoMAEForVideoClassification.from_pretrained(copied).save_pretrained(copied, max_shard_size="50KB")
    (copied / "model.safetensors").unlink(missing_ok=True)
    contract = json.loads((copied / "vidcls.json").read_text(encoding="utf-8"))
    refused(copied, "is not the file that vidcls.json was written for")
    (copied / "vidcls.json").unlink()
    parts = sorted(copied.glob("model-*.safetensors"))
    assert len(parts) > 1
    capfd.readouterr()
    model, found = open_checkpoint(copied, clip_seconds=None)
    assert capfd.readouterr() == ("", "")  # no bar, which a log file would have too
    whole = hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()
    assert found.source.checkpoint_sha256 == whole != contract["source"]["checkpoint_sha256"]
    expected = VideoMAEForVideoClassification.from_pretrained(copied).state_dict()
    assert all(torch.equal(weight, expected[name]) for name, weight in model.state_dict().items())
    parts[0].unlink()
    refused(copied, f"names {parts[0].name}, but there is no such file; copy the whole checkpoint again")


def test_damaged_weights(plain: Path) -> None:
    content = (plain / "model.safetensors").read_bytes()
    (plain / "model.safetensors").write_bytes(content[:-1000])
    refused(plain, r"model\.safetensors: is not a whole file of safetensors \(it has .* bytes, and its header says")


def test_missing_weights_are_not_made_up(plain: Path) -> None:
    weights = load_file(plain / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, plain / "model.safetensors", metadata={"format": "pt"})
    refused(plain, r"its weights lack 1 of the model's \('classifier\.weight' first\)")


def test_weights_of_another_size(plain: Path) -> None:
    weights = load_file(plain / "model.safetensors")
    weights["classifier.weight"] = weights["classifier.weight"][:, :-1].clone()
    save_file(weights, plain / "model.safetensors", metadata={"format": "pt"})
    refused(plain, "transformers cannot load the weights")


def test_pretrained_without_a_classifier(tmp_path: Path) -> None:
    config = VideoMAEConfig(
        image_size=32,
        patch_size=8,
        num_frames=4,
        hidden_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=24,
        decoder_hidden_size=24,
        decoder_num_hidden_layers=1,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=24,
    )
    VideoMAEForPreTraining(config).save_pretrained(tmp_path)
    refused(tmp_path, "is a VideoMAEForPreTraining without a trained classifier; fine-tune it first")


def test_other_architecture(copied: Path, edit_json: Callable[..., None]) -> None:
    edit_json(copied / "config.json", model_type="clip")
    refused(
        copied, r"config\.json: model_type is 'clip', expected one of 'videomae', .*; models of another type cannot"
    )


def test_folder_without_config(copied: Path) -> None:
    (copied / "config.json").unlink()
    refused(copied, r"config\.json: cannot be read")


def test_config_that_is_not_json(copied: Path) -> None:
    (copied / "config.json").write_text("{", encoding="utf-8")
    refused(copied, r"config\.json: cannot be read")


def test_empty_folder(tmp_path: Path) -> None:
    refused(tmp_path, r"holds no model\.safetensors")


def test_file_instead_of_folder(checkpoint: Path) -> None:
    refused(checkpoint / "model.safetensors", "is a file; name the checkpoint folder")


def test_neither_a_folder_nor_a_hub_id() -> None:
    refused("no/such/folder", "there is no such folder")


def test_hub_id_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    refused("vidcls-tests/no-such-model", "is neither a folder nor in the cache .* copy FOLDER here and export FOLDER")


def test_biases_that_another_transformers_renamed_are_blamed_on_it(plain: Path) -> None:
    weights = {
        name.replace("q_bias", "query.bias").replace("v_bias", "value.bias"): weight
        for name, weight in load_file(plain / "model.safetensors").items()
    }
    save_file(weights, plain / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((plain / "config.json").read_text(encoding="utf-8"))
    (plain / "config.json").write_text(json.dumps({**config, "transformers_version": "5.17.0"}), encoding="utf-8")
    refused(plain, r"transformers 5\.17\.0 saved VideoMAE's biases .*; load it with transformers 5\.18 or newer")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"num_frames": "4"}, r"'num_frames' is '4', which is no size"),
        ({"tubelet_size": []}, r"'tubelet_size' is \[\], which is no size"),
        ({"tubelet_size": "2"}, r"'tubelet_size' is '2', which is no size"),
        ({"architectures": 5}, r"'architectures' is 5, expected a list of names"),
        ({"architectures": [1]}, r"'architectures' is \[1\], expected a list of names"),
        ({"vidcls_tokens": ["all"]}, r"'vidcls_tokens' \['all'\], expected one of all, "),
        ({"vidcls_tokens": "moving:0.3"}, r"'vidcls_tokens' 'moving:0\.3', expected one of all, "),
    ],
)
def test_a_damaged_configuration_is_one_sentence_before_pytorch_is_loaded(
    change: dict[str, Any], said: str, plain: Path, edit_json: Callable[..., None]
) -> None:
    edit_json(plain / "config.json", **change)
    with pytest.raises(ModelError, match=said):
        check_files(plain, clip_seconds=None, tokens=None)


def test_tokens_that_a_family_does_not_have_are_refused_before_pytorch_is_loaded(
    plain: Path, edit_json: Callable[..., None]
) -> None:
    check_files(plain, clip_seconds=None, tokens="moving:0.5")
    name = "VivitForVideoClassification"
    edit_json(plain / "config.json", model_type="vivit", architectures=[name], tubelet_size=[2, 8, 8])
    with pytest.raises(ModelError, match=rf"not for {name}; export it with lattice:0\.5"):
        check_files(plain, clip_seconds=None, tokens="moving:0.5")
