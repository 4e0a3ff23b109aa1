"""Checkpoints as other tools leave them, transformers' Trainer above all: read right, or refused in one sentence."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import VideoMAEForVideoClassification, VideoMAEImageProcessor

from generated import LABELS
from vidcls import ModelError
from vidcls.errors import ArgumentError
from vidcls.preprocessing import crop_frame, normalise
from vidcls_export.checkpoint.opening import open_checkpoint

# float32 through two layers, computed in another order, at logits of several units.
ROUNDING = 1e-5


def logits_by_contract(folder: Path, clip: np.ndarray) -> np.ndarray:
    """The logits of a clip that is preprocessed as the contract says."""
    model, contract = open_checkpoint(folder, clip_seconds=None)
    pixels = normalise(np.concatenate([crop_frame(frame, contract.image, crops=1) for frame in clip]), contract.image)
    with torch.inference_mode():
        return model(torch.from_numpy(pixels)[None]).logits[0].numpy()


def logits_by_transformers(folder: Path, clip: np.ndarray) -> np.ndarray:
    processor = VideoMAEImageProcessor.from_pretrained(folder)
    with torch.inference_mode():
        model = VideoMAEForVideoClassification.from_pretrained(folder).eval()
        return model(processor([list(clip)], return_tensors="pt")["pixel_values"].float()).logits[0].numpy()


@pytest.mark.parametrize(
    "changes",
    [
        {
            "feature_extractor_type": "VideoMAEFeatureExtractor",
            "image_processor_type": None,
            "size": 36,
            "crop_size": 32,
        },
        {"do_normalize": False},
        {"do_normalize": False, "do_rescale": False},
        {"rescale_factor": 1 / 127.5},
        {"size": {"height": 32, "width": 32}, "do_center_crop": False},
        {"image_mean": 0.4, "image_std": 0.3},
    ],
)
def test_logits_are_transformers_own_whatever_the_preprocessor(
    plain: Path, edit_json: Callable[..., None], changes: dict[str, Any]
) -> None:
    clip = np.random.default_rng(0).integers(0, 256, (4, 48, 80, 3), np.uint8)
    before = logits_by_transformers(plain, clip)
    edit_json(plain / "preprocessor_config.json", **changes)
    expected = logits_by_transformers(plain, clip)
    assert np.abs(expected - before).max() > 1000 * ROUNDING, "the change has to show"
    np.testing.assert_allclose(logits_by_contract(plain, clip), expected, rtol=0, atol=ROUNDING)


def test_a_video_processors_file_counts(plain: Path, edit_json: Callable[..., None]) -> None:
    """As transformers 5 saves it, which export cannot run with yet; its numbers are the image processor's."""
    path = plain / "preprocessor_config.json"
    edit_json(path, size={"shortest_edge": 40}, image_mean=[0.5, 0.4, 0.3])
    clip = np.random.default_rng(0).integers(0, 256, (4, 48, 80, 3), np.uint8)
    expected = logits_by_transformers(plain, clip)
    changes = {"video_processor_type": "VideoMAEVideoProcessor", "do_convert_rgb": True, "do_sample_frames": False}
    edit_json(path, without="image_processor_type", return_metadata=False, **changes)
    path.rename(plain / "video_preprocessor_config.json")
    np.testing.assert_allclose(logits_by_contract(plain, clip), expected, rtol=0, atol=ROUNDING)


@pytest.fixture
def trained(plain: Path) -> Path:
    """A step as transformers' Trainer leaves it without a processing_class, in the run's folder."""
    step = plain.parent / "run" / "checkpoint-500"
    shutil.copytree(plain, step)
    (step / "preprocessor_config.json").rename(step.parent / "preprocessor_config.json")
    for name in ("training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth"):
        torch.save({}, step / name)
    (step / "trainer_state.json").write_text("{}", encoding="utf-8")
    return step


def test_a_step_of_a_trainer(trained: Path, plain: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="vidcls.export")
    _, contract = open_checkpoint(trained, clip_seconds=None)
    assert contract.image == open_checkpoint(plain, clip_seconds=None)[1].image
    (said,) = caplog.messages
    assert said.startswith(f"{trained}: has no preprocessor_config.json; what {trained.parent}")
    (trained.parent / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError, match=r"checkpoint-500: has no preprocessor_config\.json, which says how"):
        open_checkpoint(trained, clip_seconds=None)


def test_the_folder_of_a_trainers_run(trained: Path) -> None:
    shutil.copytree(trained, trained.with_name("checkpoint-1000"))
    with pytest.raises(ModelError, match=r"holds no model\.safetensors, but the steps .*, such as .*checkpoint-1000"):
        open_checkpoint(trained.parent, clip_seconds=None)


def test_a_trainers_own_files_are_not_taken_for_weights(trained: Path) -> None:
    (trained / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"checkpoint-500: holds no model\.safetensors; name a folder made by"):
        open_checkpoint(trained, clip_seconds=None)


def test_the_command_that_converts_a_pickle_works(plain: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(plain, tmp_path / "it is pickled")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin, a pickle, which can run any code") as caught:
        open_checkpoint(folder, clip_seconds=None)
    _, _, command = str(caught.value).partition("convert it: python -c ")
    program = command.strip('"')
    assert program.startswith("from transformers import VideoMAEForVideoClassification as M; ")
    exec(program, {})  # noqa: S102 - as the user pastes it, but in this process, where transformers is loaded
    model, contract = open_checkpoint(folder, clip_seconds=None)
    assert contract.labels == LABELS
    assert all(torch.equal(model.state_dict()[name], weight) for name, weight in weights.items())


def test_the_command_that_merges_an_adapter_works(plain: Path, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    model = VideoMAEForVideoClassification.from_pretrained(plain, num_labels=3, ignore_mismatched_sizes=True)
    lora = peft.LoraConfig(target_modules=["dense"], modules_to_save=["classifier"], init_lora_weights=False)
    adapted = peft.get_peft_model(model, lora).eval()
    adapted.save_pretrained(tmp_path / "adapter")
    with pytest.raises(ModelError, match=r"adapter: is an adapter \(adapter_config\.json\).*; merge both") as caught:
        open_checkpoint(tmp_path / "adapter", clip_seconds=None)
    _, _, program = str(caught.value).partition('python -c "')
    exec(program.removesuffix('"'), {})  # noqa: S102 - as above
    merged, contract = open_checkpoint(tmp_path / "adapter-merged", clip_seconds=None)
    assert contract.labels == ("LABEL_0", "LABEL_1", "LABEL_2")
    pixels = torch.randn(1, 4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(merged(pixels).logits, adapted(pixels).logits, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_fp32_and_said(
    plain: Path, kind: torch.dtype, caplog: pytest.LogCaptureFixture
) -> None:
    VideoMAEForVideoClassification.from_pretrained(plain).to(kind).save_pretrained(plain)
    caplog.set_level(logging.INFO, logger="vidcls.export")
    model, _ = open_checkpoint(plain, clip_seconds=None)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    weights = load_file(plain / "model.safetensors")
    assert all(torch.equal(model.state_dict()[name], weight.float()) for name, weight in weights.items())
    (said,) = caplog.messages
    assert said == (
        f"{plain}: its weights are {str(kind).removeprefix('torch.')}; they are read as float32, and computed with in "
        "that"
    )


def test_quantised_weights_are_refused(plain: Path) -> None:
    weights = load_file(plain / "model.safetensors")
    weights["classifier.weight"] = weights["classifier.weight"].to(torch.int8)
    save_file(weights, plain / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"its weights are quantised \(I8\), expected float32"):
        open_checkpoint(plain, clip_seconds=None)


def test_weights_without_a_place_are_named(
    plain: Path, edit_json: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    weights = load_file(plain / "model.safetensors")
    extra = {"aux_head.weight": torch.zeros(2), "aux_head.bias": torch.zeros(2)}
    save_file({**weights, **extra}, plain / "model.safetensors", metadata={"format": "pt"})
    caplog.set_level(logging.INFO, logger="vidcls.export")
    open_checkpoint(plain, clip_seconds=None)
    assert "2 of its weights are left out, as a VideoMAEForVideoClassification has no place for them" in caplog.text
    assert "('aux_head.bias' first)" in caplog.text
    # A configuration of fewer layers would answer otherwise, and say nothing.
    edit_json(plain / "config.json", num_hidden_layers=1)
    with pytest.raises(
        ModelError, match=r"its weights hold 15 .* no place for \('videomae\.encoder\.layer\.1\..*' first\)"
    ):
        open_checkpoint(plain, clip_seconds=None)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"id2label": {"0": "clap", "1": "jump", "3": "wave"}},
            "has 3 names for the 4 outputs .*, none for 2; name 0 ",
        ),
        (
            {"id2label": {"1": "a", "2": "b", "3": "c", "4": "d"}},
            "has 4 names for the 4 outputs .*, none for 0 and one for 4, which is no output",
        ),
        ({"id2label": {"0": "a", "1": "b"}}, "has 2 names for the 4 outputs .*, none for 2, 3"),
        (
            {"id2label": {str(index): f"{index}" for index in range(12)}},
            "one for 4, 5, 6, 7, 8 and 3 more, which",
        ),
        ({"id2label": {"0": "a", "1": "b", "2": "a", "3": "d"}}, "id2label names both 0 and 2 'a'"),
        ({"id2label": {"zero": "a"}}, "has the key 'zero', expected each output's number once"),
        ({"id2label": {"0": "a", "00": "b"}}, "has the key '00', expected each output's number once"),
        ({"id2label": ["a", "b", "c", "d"]}, r"has id2label \['a', 'b', 'c', 'd'\], expected an object"),
        ({"id2label": {"0": "a", "1": "b", "2": None, "3": "d"}}, "id2label names 2 None, expected a text"),
        ({"id2label": {"0": "a", "1": " ", "2": "c", "3": "d"}}, "id2label names 1 ' ', expected a text of 1 to 256"),
        ({"id2label": {"0": "a", "1": "b\nc", "2": "c", "3": "d"}}, r"id2label names 1 'b\\+nc', expected a text"),
        ({"problem_type": "regression"}, "has problem_type 'regression', whose outputs are no labels' scores"),
    ],
)
def test_labels_that_do_not_name_every_output_are_refused(
    plain: Path, edit_json: Callable[..., None], changes: dict[str, Any], problem: str
) -> None:
    edit_json(plain / "config.json", **changes)
    with pytest.raises(ModelError, match=rf"config\.json: .*{problem}") as caught:
        open_checkpoint(plain, clip_seconds=None)
    assert "contract" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        ({"num_labels": 7, "label2id": None}, LABELS),  # the weights decide
        ({"id2label": {"0": 5, "1": "b", "2": "c", "3": "d"}}, ("5", "b", "c", "d")),
    ],
)
def test_labels_that_name_every_output_are_taken(
    plain: Path, edit_json: Callable[..., None], changes: dict[str, Any], labels: tuple[str, ...]
) -> None:
    edit_json(plain / "config.json", **changes)
    assert open_checkpoint(plain, clip_seconds=None)[1].labels == labels


@pytest.mark.parametrize("num_labels", [None, 2, 4])
def test_a_checkpoint_without_names_is_called_as_transformers_does_and_says_so(
    plain: Path, edit_json: Callable[..., None], num_labels: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    changes = {} if num_labels is None else {"num_labels": num_labels}
    edit_json(plain / "config.json", without="id2label", **changes)
    edit_json(plain / "config.json", without="label2id")
    caplog.set_level(logging.INFO, logger="vidcls.export")
    model, contract = open_checkpoint(plain, clip_seconds=None)
    assert contract.labels == ("LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3")
    assert model.classifier.weight.shape[0] == 4
    assert "id2label does not say what the 4 labels are; they are called LABEL_0 to LABEL_3" in caplog.text


def test_messages_of_a_plain_checkpoint_are_about_its_own_files(plain: Path, edit_json: Callable[..., None]) -> None:
    edit_json(plain / "preprocessor_config.json", size=48, crop_size=48)
    with pytest.raises(
        ModelError,
        match=r"preprocessor_config\.json: makes pictures of 48 pixels, expected the image_size 32 of",
    ):
        open_checkpoint(plain, clip_seconds=None)
    edit_json(plain / "preprocessor_config.json", size=32, crop_size=32)
    edit_json(plain / "config.json", num_channels=4)
    with pytest.raises(ModelError, match=r"config\.json: has num_channels 4, expected 3 \(RGB\)"):
        open_checkpoint(plain, clip_seconds=None)


def test_what_no_contract_can_hold_is_blamed_on_who_said_it(plain: Path, edit_json: Callable[..., None]) -> None:
    with pytest.raises(ArgumentError, match=r"^--clip-seconds is 5000\.0, expected from 0\.01 to 3600$"):
        open_checkpoint(plain, clip_seconds=5000.0)
    card = plain / "README.md"
    card.write_text(f"---\nlicense: {'x' * 300}\n---\n", encoding="utf-8")
    with pytest.raises(ModelError, match=r"README\.md: of its metadata, 'base_license' has 300 characters"):
        open_checkpoint(plain, clip_seconds=None)
    card.unlink()
    edit_json(plain / "config.json", num_frames=2000)
    with pytest.raises(ModelError, match=r"config\.json: 'num_frames' is 2000, expected from 1 to 1024"):
        open_checkpoint(plain, clip_seconds=None)


def test_an_exported_file_is_named_as_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"")
    with pytest.raises(ModelError, match=r"model\.onnx: is an ONNX file, which is exported already .*; name the"):
        open_checkpoint(path, clip_seconds=None)


def test_a_model_on_the_hub_is_called_by_its_name(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (plain / "preprocessor_config.json").unlink()
    monkeypatch.setattr("vidcls_export.checkpoint.location.fetched", lambda *_, **__: plain)
    with pytest.raises(ModelError, match=r"^someone/model: has no preprocessor_config\.json"):
        open_checkpoint("someone/model", clip_seconds=None)
