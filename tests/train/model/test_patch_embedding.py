"""Encoders that see what varies within a patch, but not its level."""

from __future__ import annotations

import copy
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import VideoMAEForVideoClassification

from slow import slow
from vidcls_train.config.recipes import PRESETS
from vidcls_train.data.augmentation import training_transform
from vidcls_train.data.datasets import ClipDataset
from vidcls_train.data.frame_cache import FrameCache
from vidcls_train.data.video import DecodedVideo
from vidcls_train.finetune import train
from vidcls_train.model.patch_embedding import ZeroMeanCallback, is_zero_mean, whiten
from vidcls_train.model.presets import from_preset
from vidcls_train.model.pretrained import from_base
from vidcls_train.pretrain import pretrain
from vidcls_train.trainer.param_groups import make_optimizer

# float32 sums over a patch's 384 numbers, through six layers.
ROUNDING = 1e-4
SEEN = 1e-2


def clips_and_levels(frames: int = 4, size: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise, and as many clips of patches that are of a single colour in each frame: [2, T, 3, size, size]."""
    generator = torch.Generator().manual_seed(1)
    levels = torch.randn(2, frames, 3, size // 8, size // 8, generator=generator)
    patches = levels.repeat_interleave(8, dim=-1).repeat_interleave(8, dim=-2)
    return torch.randn(2, frames, 3, size, size, generator=generator), patches


def change_by_levels(model: VideoMAEForVideoClassification) -> float:
    """By how much the logits change when every patch is given another level."""
    clips, levels = clips_and_levels(model.config.num_frames, model.config.image_size)
    model = copy.deepcopy(model).eval()
    with torch.inference_mode():
        return float((model(clips + levels).logits - model(clips).logits).abs().max())


def tiny(*, patch_levels: bool | None = None) -> VideoMAEForVideoClassification:
    torch.manual_seed(0)
    options = {"frames": 4, "image_size": 32, "resize": None}
    model = from_preset(PRESETS["tiny"], ("a", "b"), patch_levels=patch_levels, **options).model  # type: ignore[arg-type]
    torch.nn.init.normal_(model.classifier.weight)
    return model


def test_a_tiny_encoder_does_not_see_how_bright_a_patch_is_unless_it_is_asked_to() -> None:
    assert change_by_levels(tiny()) < ROUNDING
    assert change_by_levels(tiny(patch_levels=True)) > SEEN
    clips, levels = clips_and_levels()
    with torch.inference_mode():
        model = tiny().eval()
        assert (model(2 * clips).logits - model(clips).logits).abs().max() > SEEN  # but it does see contrasts
        torch.testing.assert_close(model(levels).logits[0], model(0 * levels).logits[0], atol=ROUNDING, rtol=0)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_training_never_lets_it_see_levels_nor_be_led_by_them(optimizer: str) -> None:
    clips, levels = clips_and_levels()
    trained = []
    for batch in (clips, clips + 3 * levels):
        model = tiny().train(mode=False)  # without dropout
        zero_mean = ZeroMeanCallback(model)
        steps = make_optimizer(
            model,
            optimizer,  # type: ignore[arg-type]
            betas=(0.9, 0.999),
            learning_rate=1e-2,
            layer_decay=1.0,
            weight_decay=0.05,
        )
        for _ in range(5):
            torch.nn.functional.cross_entropy(model(batch).logits, torch.tensor([0, 1])).backward()
            steps.step()
            zero_mean.on_optimizer_step(None, None, None)
            steps.zero_grad()
        assert change_by_levels(model) < ROUNDING
        trained.append(model.videomae.embeddings.patch_embeddings.projection.weight.detach())
    assert (trained[0] - tiny().videomae.embeddings.patch_embeddings.projection.weight).abs().max() > SEEN
    # Adam divides by the size of gradients, to which levels must not add.
    torch.testing.assert_close(trained[0], trained[1], atol=1e-3, rtol=0)


def dataset_of(path: Path, folder: Path) -> ClipDataset:
    """Forty random clips of one video."""
    cache = FrameCache(folder, short_side=40, limit_bytes=10**9)
    video = DecodedVideo(path, cache.add(path), cache)
    image = from_preset(PRESETS["tiny"], ("a", "b"), frames=4, image_size=32, resize=None).image
    transform = training_transform(image, PRESETS["tiny"].recipe.augmentation, frames=4, flip=True)
    targets = np.zeros((40, 2), np.float32)
    return ClipDataset([video] * 40, targets, image=image, clip_seconds=0.5, transform=transform, seed=0)


def test_clips_of_a_single_colour_leave_the_fresh_embedding_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "grey.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for _ in range(20):
        writer.write(np.full((48, 64, 3), 77, np.uint8))
    writer.release()
    model, fresh = tiny(), tiny()
    whiten(model.videomae, dataset_of(path, tmp_path))
    assert all(
        torch.equal(*pair) for pair in zip(model.state_dict().values(), fresh.state_dict().values(), strict=True)
    )


def test_a_fresh_embedding_makes_components_of_contrasts_alike(clips: Path, tmp_path: Path) -> None:
    dataset = dataset_of(sorted((clips / "train").rglob("*.mp4"))[0], tmp_path)
    pixels = torch.stack([dataset[0, index]["pixel_values"] for index in range(40)])
    model = tiny()
    whiten(model.videomae, dataset)
    with torch.inference_mode():
        tokens = model.videomae.embeddings.patch_embeddings(pixels).flatten(0, 1).double().numpy()
    # The same patches, cut by reshaping: clip, tubelet, frame, colour, row, y, column, x.
    cut = pixels.double().numpy().reshape(40, 2, 2, 3, 4, 8, 4, 8)
    cut = cut - cut.mean(axis=(5, 7), keepdims=True)
    patches = cut.transpose(0, 1, 4, 6, 2, 3, 5, 7).reshape(40 * 2 * 4 * 4, -1)
    deviations = np.linalg.svd(patches - patches.mean(axis=0), compute_uv=False)[:96] / np.sqrt(len(patches))
    covariance = np.cov(tokens.T, bias=True)
    wanted = (deviations / (deviations + 0.05 * deviations[0])) ** 2
    np.testing.assert_allclose(covariance, np.diag(wanted), atol=1e-4)
    assert change_by_levels(model) < ROUNDING


def short_run(clips: Path, output: Path, **changes: object) -> dict[str, object]:
    """Settings of a training of a few steps."""
    run: dict[str, object] = {
        "data": str(clips),
        "output": output,
        "preset": "tiny",
        "epochs": 2,
        "frames": 4,
        "image_size": 32,
        "clip_seconds": 0.5,
        "device": "cpu",
        "workers": 0,
        "allow_duplicates": True,  # all clips are of the same painted numbers
    }
    return {**run, **changes}


def short_pretraining(clips: Path, output: Path, **changes: object) -> dict[str, object]:
    """Settings of a masked pretraining of a few steps."""
    run = short_run(clips / "train", output, epochs=1, **changes)
    return {name: value for name, value in run.items() if name != "allow_duplicates"}


def base_of(folder: Path) -> dict[str, object]:
    return {"preset": None, "base": str(folder), "frames": None, "image_size": None}


@pytest.mark.usefixtures("without_pictures")
def test_a_run_told_to_sees_levels_whatever_it_learns(clips: Path, tmp_path: Path) -> None:
    pretrain(short_pretraining(clips, tmp_path / "pretrained", patch_levels=True))
    train(short_run(clips, tmp_path / "fresh", patch_levels=True))
    for name in ("pretrained", "fresh"):
        model = from_base(str(tmp_path / name), ("a", "b"), frames=None, image_size=None, resize=None).model
        assert not is_zero_mean(model)
        torch.nn.init.normal_(model.classifier.weight)
        assert change_by_levels(model) > SEEN, name


@slow
def test_a_run_and_what_is_trained_on_from_it_stay_so(clips: Path, tmp_path: Path) -> None:
    pretrain(short_pretraining(clips, tmp_path / "pretrained"))
    train(short_run(clips, tmp_path / "fresh"))
    for name in ("pretrained", "fresh"):  # of few steps, so that much is left of how they began
        weights = load_file(tmp_path / name / "model.safetensors")
        rows = weights["videomae.embeddings.patch_embeddings.projection.weight"].flatten(1).norm(dim=1)
        assert rows.max() > 3 * rows.min(), f"{name}: begins with random weights, whose rows are alike"
    train(short_run(clips, tmp_path / "tuned", **base_of(tmp_path / "pretrained")))
    train(short_run(clips, tmp_path / "second", **base_of(tmp_path / "tuned")))
    for name in ("pretrained", "fresh", "tuned", "second"):
        model = from_base(str(tmp_path / name), ("a", "b"), frames=None, image_size=None, resize=None).model
        assert is_zero_mean(model)
        assert change_by_levels(model) < ROUNDING, name
