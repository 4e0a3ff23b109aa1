"""Models that are trained to see some of the tokens, beside transformers' own mask; and the files made from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import VideoMAEConfig, VideoMAEForVideoClassification

from parity import reference
from vidcls import ModelError, VideoClassifier
from vidcls.contract import (
    TOKEN_CHOICES,
    Image,
    Tokens,
    configured_tokens,
    read_checkpoint,
    tokens_fields,
    tokens_words,
)
from vidcls.preprocessing import normalise
from vidcls_train.config.settings import TrainConfig, check_same_run, save_settings, train_config
from vidcls_train.data.clip_list import SINGLE_LABEL
from vidcls_train.data.masks import lattice_mask
from vidcls_train.finetune import train
from vidcls_train.model.families import token_grid
from vidcls_train.model.from_config import starting_point
from vidcls_train.model.recipe import recipe_for
from vidcls_train.model.tokens import token_notices, use_tokens
from vidcls_train.trainer.classification import _hiding

CONFIG = VideoMAEConfig(
    hidden_size=24,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=48,
    num_frames=4,
    image_size=32,
    patch_size=8,
    num_labels=3,
    initializer_range=0.2,
    use_mean_pooling=True,
)

IMAGE = Image(
    resize="stretch",
    resize_size=32,
    crop_size=32,
    interpolation="bilinear",
    antialias=True,
    channels="rgb",
    mean=(0.5, 0.4, 0.3),
    std=(0.2, 0.3, 0.25),
)

ROUNDING = 1e-5  # float32, summed in another order
PROMISED = 1e-3  # of a file's logits in fp32


@pytest.mark.parametrize("text", [text for text in TOKEN_CHOICES if text != "all"])
def test_a_model_sees_its_tokens_and_no_more(text: str) -> None:
    torch.manual_seed(0)
    model = VideoMAEForVideoClassification(CONFIG).eval()
    frames = np.random.default_rng(1).integers(0, 256, (2, 4, 32, 32, 3), np.uint8)
    clips = torch.from_numpy(normalise(frames, IMAGE))
    with torch.inference_mode():
        whole = model(pixel_values=clips).logits
        hidden = reference.hidden_tokens({"tokens": tokens_fields(TOKEN_CHOICES[text])}, CONFIG, frames)
        mask = torch.from_numpy(hidden)
        expected = model.classifier(model.fc_norm(model.videomae(clips, bool_masked_pos=mask)[0].mean(1)))
        use_tokens(model, TOKEN_CHOICES[text], image=IMAGE)
        logits = model(pixel_values=clips).logits
    torch.testing.assert_close(logits, expected, atol=ROUNDING, rtol=0)
    assert (whole - expected).abs().max() > 1000 * ROUNDING
    assert configured_tokens(model.config) == TOKEN_CHOICES[text]


def test_training_draws_one_of_the_lattices_that_together_are_all() -> None:
    torch.manual_seed(0)
    tokens, grid = Tokens(rule="lattice", share=0.25), (2, 4, 4)
    drawn = torch.stack([lattice_mask(tokens, grid) for _ in range(64)])
    assert drawn.sum(dim=1).tolist() == [24] * 64
    different = drawn.unique(dim=0)
    assert len(different) == 4
    assert ((~different).sum(dim=0) == 1).all()


@pytest.mark.parametrize("rule", ["lattice", "moving"])
def test_a_run_is_a_model_of_its_tokens_from_end_to_end(rule: str, clips: Path, tmp_path: Path) -> None:
    """config.json, contract, figures, the predictions that training wrote, and the exported file all agree."""
    export = pytest.importorskip("vidcls_export.exporter").export
    run = {
        "data": str(clips),
        "output": tmp_path / "run",
        "preset": "tiny",
        "tokens": f"{rule}:0.25",
        "epochs": 1,
        "frames": 4,
        "image_size": 32,
        "clip_seconds": 0.5,
        "device": "cpu",
        "workers": 0,
        "allow_duplicates": True,  # all clips are of the same painted numbers
    }
    train(run)
    contract = read_checkpoint(tmp_path / "run")
    assert contract.tokens == TOKEN_CHOICES[f"{rule}:0.25"]
    config = json.loads((tmp_path / "run" / "config.json").read_text(encoding="utf-8"))
    assert config["vidcls_tokens"] == f"{rule}:0.25"
    fields = json.loads((tmp_path / "run" / "vidcls.json").read_text(encoding="utf-8"))
    assert fields["tokens"] == {"rule": rule, "share": 0.25}
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))
    assert (metrics["all_tokens"]["rule"], metrics["all_tokens"]["share"]) == (rule, 0.25)
    assert metrics["all_tokens"]["mean_abs_logit_diff"] > 0
    card = (tmp_path / "run" / "README.md").read_text(encoding="utf-8")
    assert f"Tokens that its encoder sees: {tokens_words(contract.tokens)}; it was trained so." in card
    report = export(tmp_path / "run", tmp_path / "model.onnx", check=clips / "test", min_agreement=0)
    assert report.contract.tokens == contract.tokens
    classifier = VideoClassifier(tmp_path / "model.onnx", device="cpu")
    videos = [video for video in sorted((clips / "test").rglob("*.*")) if "broken" not in video.name][:3]
    assert len(videos) == 3
    for video in videos:
        _, _, pixels = reference.clip_pixels(video, fields, views=1, crops=1)
        expected = reference.clip_logits(pixels, fields, tmp_path / "run")
        np.testing.assert_allclose(classifier.predict(video).logits, expected, atol=PROMISED, rtol=0)


def test_a_base_keeps_its_tokens_unless_others_are_asked_for(tmp_path: Path) -> None:
    settings = {"data": "clips", "output": tmp_path / "run"}
    first = starting_point(
        train_config({**settings, "preset": "tiny", "tokens": "lattice:0.5"}), ("a", "b"), SINGLE_LABEL
    )
    first.model.save_pretrained(tmp_path / "base")
    base = {**settings, "base": str(tmp_path / "base")}
    for asked, expected in (
        ({}, "lattice:0.5"),
        ({"tokens": "all"}, "all"),
        ({"tokens": "lattice:0.25"}, "lattice:0.25"),
    ):
        start = starting_point(train_config({**base, **asked}), ("a", "b"), SINGLE_LABEL)
        assert configured_tokens(start.model.config) == TOKEN_CHOICES[expected]


def test_patch_dropout_that_was_asked_for_beside_a_lattice_is_refused(tmp_path: Path) -> None:
    """Whether the run or its base says so; that of a settings.json, which may be the recipe's own, is said."""
    run = {"data": "clips", "output": tmp_path / "run", "preset": "tiny"}
    start = starting_point(train_config({**run, "tokens": "lattice:0.5"}), ("a", "b"), SINGLE_LABEL)
    start.model.save_pretrained(tmp_path / "base")
    of_base = {**run, "preset": None, "base": str(tmp_path / "base")}
    for settings in ({**run, "tokens": "lattice:0.5"}, of_base):
        model = starting_point(train_config(settings), ("a", "b"), SINGLE_LABEL).model
        with pytest.raises(ValueError, match=r"patch_dropout is 0\.5, but the encoder sees tokens lattice:0\.5, which"):
            _recipe({**settings, "patch_dropout": 0.5}, model)
        for given in ({}, {"patch_dropout": 0.75}):
            (told,) = token_notices(model, _recipe({**settings, **given}, model).regularization)
            assert "takes the place of patch_dropout 0.75: in training the encoder sees 0.5 of a clip's tokens" in told
            assert told.endswith("where it would see 0.25")
        assert token_notices(model, _recipe({**settings, "patch_dropout": 0.0}, model).regularization) == ()
    whole = starting_point(train_config(run), ("a", "b"), SINGLE_LABEL).model
    assert token_notices(whole, _recipe({**run, "patch_dropout": 0.5}, whole).regularization) == ()


def test_a_run_that_was_begun_with_patch_dropout_beside_a_lattice_goes_on(tmp_path: Path) -> None:
    """As earlier versions began it: without effect then and now."""
    run = {"data": "clips", "output": tmp_path / "run", "preset": "tiny", "tokens": "lattice:0.5", "patch_dropout": 0.5}
    model = starting_point(train_config(run), ("a", "b"), SINGLE_LABEL).model
    (tmp_path / "run").mkdir()
    save_settings(train_config(run))
    resumed = _recipe({**run, "resume": True}, model)
    check_same_run(resumed)
    (told,) = token_notices(model, resumed.regularization)
    assert "takes the place of patch_dropout 0.5" in told
    for other in (0.25, None):
        with pytest.raises(ValueError, match=r"--resume goes on with .*, where patch_dropout is 0\.5, not 0\.[27]5"):
            check_same_run(_recipe({**run, "patch_dropout": other, "resume": True}, model))


def _recipe(settings: dict[str, Any], model: Any) -> TrainConfig:
    made = model.config
    return recipe_for(settings, kind=made.model_type, layers=made.num_hidden_layers, tokens=made.vidcls_tokens)


def test_training_hides_nothing_beside_the_tokens_that_move() -> None:
    for tokens, hidden in (("all", 24), ("lattice:0.5", 16), ("moving:0.5", 0)):
        model = VideoMAEForVideoClassification(VideoMAEConfig(**{**CONFIG.to_dict(), "vidcls_tokens": tokens}))
        assert int(_hiding(model, 0.75)().sum()) == hidden


def test_a_configuration_that_says_something_else_is_refused() -> None:
    config = VideoMAEConfig(vidcls_tokens="moving:0.3")
    assert token_grid(config) == (8, 14, 14)
    with pytest.raises(ModelError, match=r"'vidcls_tokens' 'moving:0\.3', expected one of all, lattice:0\.5"):
        configured_tokens(config)
