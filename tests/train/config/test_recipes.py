"""What a recipe does to the weights: rates and decay per layer, skipped branches, averages, settings files."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from transformers import VideoMAEConfig, VideoMAEForVideoClassification

from vidcls_train.config.settings import (
    PRESETS,
    SETTINGS_FILE,
    PretrainSettings,
    Settings,
    fine_tuning_recipe,
    read_settings,
)
from vidcls_train.model.drop_path import BRANCHES_PER_LAYER, DropPath
from vidcls_train.model.dropout import set_dropout
from vidcls_train.model.pretrained import freeze_encoder
from vidcls_train.trainer.ema import AveragedWeights
from vidcls_train.trainer.param_groups import parameter_groups


@pytest.fixture
def model() -> VideoMAEForVideoClassification:
    torch.manual_seed(0)
    return VideoMAEForVideoClassification(
        VideoMAEConfig(
            hidden_size=24,
            num_hidden_layers=3,
            num_attention_heads=2,
            intermediate_size=48,
            num_frames=2,
            image_size=32,
            num_labels=3,
            initializer_range=0.2,
        )
    )


def test_each_layer_learns_slower_than_the_one_above_and_vectors_do_not_decay(
    model: VideoMAEForVideoClassification,
) -> None:
    groups = parameter_groups(model, learning_rate=1.0, layer_decay=0.5, weight_decay=0.05)
    rates = {id(weight): group["lr"] for group in groups for weight in group["params"]}
    decays = {id(weight): group["weight_decay"] for group in groups for weight in group["params"]}
    named = dict(model.named_parameters())
    assert len(rates) == len(named)
    for prefix, rate in {
        "classifier.": 1.0,
        "fc_norm.": 1.0,
        "videomae.encoder.layer.2.": 0.5,
        "videomae.encoder.layer.1.": 0.25,
        "videomae.encoder.layer.0.": 0.125,
        "videomae.embeddings.": 0.0625,
    }.items():
        found = {rates[id(weight)] for name, weight in named.items() if name.startswith(prefix)}
        assert found == {rate}, prefix
    for name, weight in named.items():
        vector = name.endswith(("bias", "_norm.weight")) or "layernorm" in name
        assert decays[id(weight)] == (0.0 if vector else 0.05), name


def test_a_head_alone_is_all_that_learns(model: VideoMAEForVideoClassification) -> None:
    freeze_encoder(model)
    groups = parameter_groups(model, learning_rate=1.0, layer_decay=0.5, weight_decay=0.05)
    learning = {id(weight) for group in groups for weight in group["params"]}
    assert learning == {id(weight) for name, weight in model.named_parameters() if not name.startswith("videomae.")}
    assert set(AveragedWeights(model, steps=3)._average) == {
        "classifier.weight",
        "classifier.bias",
        "fc_norm.weight",
        "fc_norm.bias",
    }


def test_a_skipped_branch_adds_nothing_and_the_others_make_up_for_it(model: VideoMAEForVideoClassification) -> None:
    drop_path = DropPath(model, rate=0.5)
    seen: list[torch.Tensor] = []
    last = model.videomae.encoder.layer[2]
    last.attention.output.dropout.register_forward_hook(lambda _module, _inputs, output: seen.append(output.detach()))
    clips = torch.randn(2, 2, 3, 32, 32)
    draws = torch.ones(3 * BRANCHES_PER_LAYER, 2)
    model.train()
    drop_path.draw(draws)
    model(pixel_values=clips)
    draws[4, 0] = 0.4  # the last layer's attention, of the first clip
    drop_path.draw(draws)
    model(pixel_values=clips)
    model.eval()
    model(pixel_values=clips)
    kept, skipped, deployed = seen
    assert not skipped[0].any()
    assert torch.equal(skipped[1], kept[1])
    # The layers below are scaled too, so that only the share of this branch can be told, not its values.
    assert deployed.abs().mean() < kept.abs().mean() * 0.7
    # The first layer skips nothing, whatever is drawn.
    draws[:] = 0.0
    draws[2:] = 1.0
    model.train()
    drop_path.draw(draws)
    model(pixel_values=clips)
    assert torch.equal(seen[3], kept)


def test_dropout_is_the_recipes_whatever_the_model_came_with(model: VideoMAEForVideoClassification) -> None:
    seen: list[torch.Tensor] = []
    for layer in model.videomae.encoder.layer:
        for branch in (layer.attention.output, layer.output):
            branch.dropout.register_forward_hook(lambda _module, _inputs, output: seen.append(output.detach()))
    model.train()
    for share in (0.25, 0.0):
        seen.clear()
        set_dropout(model, share)
        model(pixel_values=torch.randn(8, 2, 3, 32, 32))
        assert len(seen) == 3 * BRANCHES_PER_LAYER
        for output in seen:
            # Five standard deviations of 768 draws.
            assert float((output == 0).float().mean()) == pytest.approx(share, abs=0.08 if share else 0)


def test_averages_follow_the_weights_and_survive_a_stop(model: VideoMAEForVideoClassification, tmp_path: Path) -> None:
    averaged = AveragedWeights(model, steps=4)
    expected = model.classifier.weight.detach().clone()
    for step in range(1, 60):
        with torch.no_grad():
            model.classifier.weight.add_(torch.randn(3, 24))
        averaged.update(step)
        share = 1 / min(4, 1 + step / 10)
        expected += (model.classifier.weight.detach() - expected) * share
    own = model.classifier.weight.detach().clone()
    with averaged.applied():
        torch.testing.assert_close(model.classifier.weight.detach(), expected)
    assert torch.equal(model.classifier.weight, own)
    averaged.save(tmp_path / "average.safetensors")
    assert [file.name for file in tmp_path.iterdir()] == ["average.safetensors"]
    AveragedWeights(model, steps=4).keep(tmp_path / "average.safetensors")
    torch.testing.assert_close(model.classifier.weight.detach(), expected)


def test_settings_of_a_run_can_be_taken_on_by_another(tmp_path: Path) -> None:
    settings = Settings(data="clips", output=tmp_path / "run", preset="tiny", mixup=0.4, seed=3)
    complete = settings.completed(PRESETS["tiny"].recipe)
    assert complete.mixup == 0.4
    assert complete.epochs == PRESETS["tiny"].recipe.epochs
    complete.save(tmp_path)
    fields = read_settings(tmp_path / SETTINGS_FILE)
    assert dataclasses.replace(Settings(data="clips", output=tmp_path / "run"), **fields) == complete


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"learningrate": 1}, "'learningrate' is no setting"),
        ({"epochs": "ten"}, "epochs is 'ten', expected a whole number"),
        ({"flip": "maybe"}, "flip is 'maybe', expected one of auto, on, off"),
        ({"mixup": True}, "mixup is True, expected a number"),
        ([1], "holds a list, expected an object"),
        ("{", "is not JSON"),
    ],
)
def test_a_settings_file_that_is_wrong_is_refused(fields: object, told: str, tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    file.write_text(fields if isinstance(fields, str) else json.dumps(fields), encoding="utf-8")
    with pytest.raises(ValueError, match=r"own\.json: ") as error:
        read_settings(file)
    assert told in str(error.value)


def test_a_setting_out_of_its_range_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"drop_path is 1, expected from 0 to 0\.9"):
        Settings(data="clips", output=tmp_path, drop_path=1.0)
    with pytest.raises(ValueError, match="accumulate is 0, expected at least 1"):
        Settings(data="clips", output=tmp_path, accumulate=0)


def test_larger_encoders_are_tuned_more_gently() -> None:
    small, large, head = (
        fine_tuning_recipe(layers=layers, head_only=alone) for layers, alone in ((12, False), (24, False), (12, True))
    )
    assert small.drop_path < large.drop_path
    assert small.layer_decay**12 > large.layer_decay**24
    assert head.drop_path == head.mixup == 0


def test_a_pretrained_tiny_encoder_learns_as_a_fresh_one() -> None:
    tiny = PRESETS["tiny"]
    assert fine_tuning_recipe(layers=tiny.layers, head_only=False) == tiny.recipe
    assert fine_tuning_recipe(layers=tiny.layers, head_only=True) != tiny.recipe
    assert fine_tuning_recipe(layers=PRESETS["small"].layers, head_only=False) != tiny.recipe


def test_only_a_fresh_tiny_encoder_is_pretrained_in_large_steps() -> None:
    fresh, adapted, told = (
        PretrainSettings(data="", output=Path(), **changes).completed()  # type: ignore[arg-type]
        for changes in (
            {"preset": "tiny"},
            {"base": "somewhere"},
            {"preset": "tiny", "optimizer": "adamw", "mask_ratio": 0.6, "epochs": 7},
        )
    )
    assert (fresh.optimizer, adapted.optimizer, told.optimizer) == ("muon", "adamw", "adamw")
    assert (fresh.mask_ratio, adapted.mask_ratio, told.mask_ratio) == (0.9, 0.9, 0.6)
    assert (fresh.epochs, told.epochs, told.batch_size) == (60, 7, fresh.batch_size)
    assert adapted.learning_rate is not None
    assert fresh.learning_rate is not None
    assert adapted.learning_rate < fresh.learning_rate
