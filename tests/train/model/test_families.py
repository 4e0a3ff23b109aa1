"""Bases of every family: loaded as transformers loads them, resized, and trained in part; beside transformers' own."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import VJEPA2Model

from generated import LABELS
from random_models import MAKERS, save, timesformer, with_some_tokens
from vidcls import ModelError
from vidcls.contract import Tokens, kept_tokens
from vidcls_train.model.drop_path import DropPath, branches_per_layer
from vidcls_train.model.families import layers_of, sizes_of
from vidcls_train.model.image_processor import image_processor
from vidcls_train.model.patch_dropout import PatchDropout
from vidcls_train.model.pretrained import freeze_encoder, from_base
from vidcls_train.model.recipe import recipe_for
from vidcls_train.model.starting_point import StartingPoint
from vidcls_train.model.tokens import use_tokens
from vidcls_train.trainer.param_groups import parameter_groups

OWN: dict[str, Any] = {"frames": None, "image_size": None, "resize": None}
RUN: dict[str, Any] = {"data": "clips", "output": "run", "base": "somewhere"}

ROUNDING = 1e-5  # float32, summed in another order
SHOWS = 1000 * ROUNDING  # what is not rounding


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Any]]:
    """saved(kind) is (folder, model), as transformers saves it; each kind is made once."""
    folder = tmp_path_factory.mktemp("bases")

    @cache
    def make(kind: str) -> tuple[Path, Any]:
        return folder / kind, save(MAKERS[kind], folder / kind)[0]

    return make


def loaded(folder: Path, *labels: str, **changes: Any) -> StartingPoint:
    return from_base(str(folder), labels or LABELS, **{**OWN, **changes})


def logits(model: Any, pixels: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = model(**{model.main_input_name: pixels}).logits
    return found


@pytest.fixture
def pixels() -> torch.Tensor:
    return torch.randn(2, 4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", MAKERS)
def test_a_base_answers_as_transformers_does_and_other_labels_get_a_new_head(
    kind: str, saved: Callable[[str], tuple[Path, Any]], pixels: torch.Tensor
) -> None:
    folder, own = saved(kind)
    start = loaded(folder)
    with torch.inference_mode():
        assert torch.equal(logits(start.model.eval(), pixels), logits(own.eval(), pixels))
    assert (start.frames, start.image.crop_size) == (4, 32)
    assert any("its head is kept" in notice for notice in start.notices)
    other = loaded(folder, "a", "b")
    assert other.model.classifier.weight.shape == (2, 48)
    assert other.model.config.id2label == {0: "a", 1: "b"}
    for name, weight in own.base_model.state_dict().items():
        assert torch.equal(other.model.base_model.state_dict()[name], weight), name
    assert any("head for 4 labels is replaced by a new one for 2" in notice for notice in other.notices)


def test_means_are_the_bases_own(saved: Callable[[str], tuple[Path, Any]]) -> None:
    # ViViT's processor scales to -1..1 and then takes away 0.5 and divides by 0.5: of values 0..1 it takes 0.75.
    assert loaded(saved("vivit")[0]).image.mean == (0.75, 0.75, 0.75)
    assert loaded(saved("vivit")[0]).image.std == (0.25, 0.25, 0.25)
    assert loaded(saved("timesformer")[0]).image.mean == (0.5, 0.4, 0.3)
    assert loaded(saved("vjepa2")[0]).image.mean == (0.485, 0.456, 0.406)


def test_an_encoder_without_a_head_gets_a_fresh_pooler(
    saved: Callable[[str], tuple[Path, Any]], pixels: torch.Tensor, tmp_path: Path
) -> None:
    """As the published V-JEPA 2 are, which were never trained to classify."""
    folder, own = saved("vjepa2")
    own.vjepa2.save_pretrained(tmp_path)
    json_file = "video_preprocessor_config.json"
    (tmp_path / json_file).write_bytes((folder / json_file).read_bytes())
    assert VJEPA2Model.from_pretrained(tmp_path).config.architectures == ["VJEPA2Model"]
    start = loaded(tmp_path, "a", "b")
    assert any("has no classification head; a new one for 2 labels" in notice for notice in start.notices)
    spread = start.model.config.initializer_range
    for name, weight in start.model.pooler.named_parameters():
        assert weight.isfinite().all(), name
        if "norm" in name and name.endswith("weight"):
            assert (weight == 1).all(), name
        elif name.endswith("bias"):
            assert (weight == 0).all(), name
        else:
            assert 0.3 * spread < weight.std() < 1.5 * spread, name
    assert logits(start.model, pixels).isfinite().all()


@pytest.mark.parametrize("kind", MAKERS)
def test_other_sizes_are_a_model_of_these_sizes(kind: str, saved: Callable[[str], tuple[Path, Any]]) -> None:
    start = loaded(saved(kind)[0], frames=8, image_size=48)
    assert (start.frames, start.image.crop_size) == (8, 48)
    assert sizes_of(start.model.config) == (8, 48)
    assert start.image.resize_size == (int(48 * 256 / 224) if kind == "vjepa2" else 48)
    with torch.inference_mode():
        assert logits(start.model, torch.randn(1, 8, 3, 48, 48)).isfinite().all()
    with pytest.raises(ValueError, match="image size 44 is not a multiple of the patch size 8"):
        loaded(saved(kind)[0], image_size=44)
    if kind != "timesformer":
        with pytest.raises(ValueError, match="5 frames are not a multiple of the tubelet size 2"):
            loaded(saved(kind)[0], frames=5)


def centres(old: int, new: int) -> np.ndarray:
    """Where the centres of `new` cells lie among those of `old` ones, no further out than the outermost."""
    return np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)


@pytest.mark.parametrize("kind", ["timesformer", "vivit"])
def test_positions_that_rise_evenly_still_do_in_other_sizes(kind: str, tmp_path: Path) -> None:
    model, processor = MAKERS[kind]()
    embeddings = model.base_model.embeddings
    t, y, x = np.indices((4 if kind == "timesformer" else 2, 4, 4))
    table = (10 * y + 100 * x)[0] if kind == "timesformer" else t + 10 * y + 100 * x
    with torch.no_grad():
        if kind == "timesformer":
            embeddings.time_embeddings[0] = torch.arange(4.0)[:, None]
        embeddings.position_embeddings[0, 1:] = torch.from_numpy(table).float().reshape(-1, 1)
        embeddings.position_embeddings[0, 0] = 7
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    made = loaded(tmp_path, frames=8, image_size=64).model.base_model.embeddings
    places = made.position_embeddings[0, 1:, 0].detach().numpy().reshape(-1, 8, 8)
    inner = slice(3, 5)  # further out a bicubic filter lacks neighbours
    ramp = 10 * centres(4, 8)[inner, None] + 100 * centres(4, 8)[None, inner]
    if kind == "timesformer":
        np.testing.assert_allclose(made.time_embeddings[0, :, 0].detach().numpy(), centres(4, 8), atol=1e-5)
        np.testing.assert_allclose(places[0, inner, inner], ramp, atol=1e-3)
    else:
        np.testing.assert_allclose(places[:, inner, inner], centres(2, 4)[:, None, None] + ramp, atol=1e-3)
    assert (made.position_embeddings[0, 0] == 7).all()


@pytest.mark.parametrize("kind", ["vjepa2", "vivit", "videomae"])
def test_hidden_patches_are_left_out_as_transformers_leaves_them_out(
    kind: str, saved: Callable[[str], tuple[Path, Any]], pixels: torch.Tensor
) -> None:
    folder, own = saved(kind)
    start = loaded(folder)
    model = start.model
    hidden = torch.zeros(2, 32, dtype=torch.bool)
    hidden[0, [0, 5, 6, 17, 30, 31]] = True
    hidden[1, [1, 2, 3, 4, 16, 29]] = True
    # Beside a lattice, which is for use: in training what is hidden is another of the lattices, or this.
    use_tokens(model, Tokens(rule="lattice", share=0.25), image=start.image)
    dropout = PatchDropout(model)
    dropout.hide(hidden)
    with torch.inference_mode():
        found = logits(model.train(), pixels)
        for clip in range(2):
            kept = ~hidden[clip].numpy()
            expected = with_some_tokens(own.eval(), pixels[clip : clip + 1], kept)[0]
            torch.testing.assert_close(found[clip], expected, atol=ROUNDING, rtol=0)
        kept = np.zeros(32, bool)
        kept[kept_tokens(Tokens(rule="lattice", share=0.25), grid=(2, 4, 4))] = True
        in_use = logits(model.eval(), pixels)
        torch.testing.assert_close(in_use, with_some_tokens(own, pixels, kept), atol=ROUNDING, rtol=0)
    assert (in_use - found).abs().max() > SHOWS
    dropout.hide(torch.zeros_like(hidden))


@pytest.mark.parametrize("kind", MAKERS)
def test_a_clip_that_skips_all_branches_of_a_layer_leaves_it_as_it_came(
    kind: str, saved: Callable[[str], tuple[Path, Any]], pixels: torch.Tensor
) -> None:
    model = loaded(saved(kind)[0]).model.train()
    drop_path = DropPath(model, rate=0.5)
    branches = branches_per_layer(model)
    assert branches == (3 if kind == "timesformer" else 2)
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def note(_module: Any, inputs: Any, output: Any) -> None:
        seen.append((inputs[0], output if isinstance(output, torch.Tensor) else output[0]))

    layers_of(model)[1].register_forward_hook(note)
    draws = torch.ones(2 * branches, 2)
    draws[branches:, 0] = 0.4
    drop_path.draw(draws)
    with torch.inference_mode():
        logits(model, pixels)
        logits(model.eval(), pixels)
    (before, after), (_, deployed) = seen
    torch.testing.assert_close(after[0], before[0], atol=ROUNDING, rtol=0)
    # The first branch of the other clip counts twice as much, and what follows sees that.
    assert (after[1] - before[1]).abs().max() > SHOWS
    assert (deployed[0] - before[0]).abs().max() > SHOWS


# What a base keeps as it is: a predictor that no classifier computes with, and what sees edges and textures.
NETWORK = "videomae.embeddings.patch_embeddings.network."
FIXED = ("vjepa2.predictor.", *(f"{NETWORK}{part}." for part in ("stem", "stages.0", "stages.1")))
RATES = {
    "videomae": {"classifier.": 0, "fc_norm.": 0, "videomae.encoder.layer.1.": 1, "videomae.embeddings.": 3},
    "videomae_hybrid": {
        "classifier.": 0,
        "videomae.encoder.layer.0.": 0,
        "videomae.embeddings.patch_embeddings.projection.": 0,
        "videomae.embeddings.patch_embeddings.network.": 1,
    },
    "vjepa2": {
        "classifier.": 0,
        "pooler.": 0,
        "vjepa2.encoder.layernorm.": 0,
        "vjepa2.encoder.layer.1.": 1,
        "vjepa2.encoder.layer.0.": 2,
        "vjepa2.encoder.embeddings.": 3,
    },
    "timesformer": {
        "classifier.": 0,
        "timesformer.layernorm.": 0,
        "timesformer.encoder.layer.1.temporal_attention.": 1,
        "timesformer.encoder.layer.0.": 2,
        "timesformer.embeddings.": 3,
    },
    "vivit": {"classifier.": 0, "vivit.layernorm.": 0, "vivit.encoder.layer.0.": 2, "vivit.embeddings.": 3},
}
RATES["videomae"]["videomae.encoder.layer.0."] = 2


@pytest.mark.parametrize("kind", MAKERS)
def test_layers_learn_slower_the_lower_they_lie_and_tables_do_not_decay(
    kind: str, saved: Callable[[str], tuple[Path, Any]]
) -> None:
    model = loaded(saved(kind)[0]).model
    groups = parameter_groups(model, learning_rate=1.0, layer_decay=0.5, weight_decay=0.05)
    rates = {id(weight): group["lr"] for group in groups for weight in group["params"]}
    decays = {id(weight): group["weight_decay"] for group in groups for weight in group["params"]}
    named = dict(model.named_parameters())
    for prefix, below in RATES[kind].items():
        found = {
            rates[id(weight)]
            for name, weight in named.items()
            if name.startswith(prefix) and not name.startswith(FIXED)
        }
        assert found == {0.5**below}, prefix
    learning = {name for name, weight in named.items() if id(weight) in rates}
    assert named.keys() - learning == {name for name in named if name.startswith(FIXED)}
    for name in learning:
        is_map = named[name].ndim > 1 and not name.endswith(("cls_token", "_embeddings", "query_tokens"))
        assert decays[id(named[name])] == (0.05 if is_map else 0.0), name


def test_only_the_pooler_and_the_head_learn_on_an_encoder_that_stays(saved: Callable[[str], tuple[Path, Any]]) -> None:
    model = loaded(saved("vjepa2")[0]).model
    freeze_encoder(model)
    learning = {name.partition(".")[0] for name, weight in model.named_parameters() if weight.requires_grad}
    assert learning == {"pooler", "classifier"}


@pytest.mark.parametrize(
    ("kind", "changes", "problem"),
    [
        ("vjepa2", {"dropout": 0.1}, r"dropout is 0\.1, but V-JEPA 2 has none within its layers; leave it at 0"),
        (
            "timesformer",
            {"patch_dropout": 0.5},
            r"patch_dropout is 0\.5, but TimeSformer attends to each frame and each",
        ),
    ],
)
def test_what_a_family_does_not_have_is_refused_by_name(kind: str, changes: dict[str, Any], problem: str) -> None:
    recipe_for(RUN, kind=kind, layers=2, tokens="all")
    with pytest.raises(ValueError, match=problem):
        recipe_for({**RUN, **changes}, kind=kind, layers=2, tokens="all")


@pytest.mark.parametrize("name", ["drop_path", "dropout", "patch_dropout"])
def test_an_encoder_that_stays_as_it_is_leaves_nothing_out_and_says_so(name: str) -> None:
    run = {**RUN, "head_only": True}
    recipe_for({**run, name: 0.0}, kind="videomae", layers=4, tokens="all")
    with pytest.raises(ValueError, match=rf"{name} is 0\.2, but with --head-only the encoder stays as it is .* at 0"):
        recipe_for({**run, name: 0.2}, kind="videomae", layers=4, tokens="all")
    # A run that was begun when this was let pass, and of no effect, goes on.
    config = recipe_for({**run, name: 0.2, "resume": True}, kind="videomae", layers=4, tokens="all")
    assert getattr(config.regularization, name) == 0.2


def test_timesformer_sees_all_tokens_of_every_frame(saved: Callable[[str], tuple[Path, Any]], tmp_path: Path) -> None:
    start = loaded(saved("timesformer")[0])
    with pytest.raises(
        ValueError, match=r"tokens are lattice:0\.5, but TimeSformer attends to each frame and each place"
    ):
        use_tokens(start.model, Tokens(rule="lattice", share=0.5), image=start.image)
    save(lambda: timesformer(attention_type="space_only"), tmp_path)
    with pytest.raises(ModelError, match="attention_type 'space_only', which answers every frame by itself"):
        loaded(tmp_path)


@pytest.mark.parametrize(
    ("kind", "title"), [("vivit", "ViViT"), ("vjepa2", "V-JEPA 2"), ("videomae_hybrid", "VideoMAE hybrid")]
)
def test_tokens_that_move_are_picked_for_videomae_alone(
    kind: str, title: str, saved: Callable[[str], tuple[Path, Any]]
) -> None:
    start = loaded(saved(kind)[0])
    with pytest.raises(ValueError, match=rf"VideoMAE alone, and not for {title}; expected all, or lattice:0\.5"):
        use_tokens(start.model, Tokens(rule="moving", share=0.5), image=start.image)


def test_a_base_that_does_not_say_how_frames_become_its_input_is_refused(tmp_path: Path) -> None:
    save(MAKERS["vivit"], tmp_path)
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError, match=r"has no preprocessor_config\.json, which says .* the input of ViViT"):
        loaded(tmp_path)


def test_v_jepa_2s_own_processor_says_the_same(saved: Callable[[str], tuple[Path, Any]], tmp_path: Path) -> None:
    folder, _ = saved("vjepa2")
    with pytest.raises(ValueError, match="--resize is stretch, which V-JEPA 2's processor in transformers cannot do"):
        loaded(folder, resize="stretch")
    start = loaded(folder, image_size=48)
    image_processor(start.image, "vjepa2").save_pretrained(tmp_path)
    fields = json.loads((tmp_path / "video_preprocessor_config.json").read_text(encoding="utf-8"))
    assert fields["size"] == {"shortest_edge": start.image.resize_size}
    assert fields["crop_size"] == {"height": 48, "width": 48}
    assert tuple(fields["image_mean"]) == start.image.mean
