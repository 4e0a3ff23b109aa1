"""What is no base, by its name and its folder; and bases in the hub's cache, which are folders like any other."""

from __future__ import annotations

import shutil
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from empty_clips import touch
from generated import write_checkpoint
from loopback import serving
from vidcls.errors import ArgumentError, ModelError
from vidcls_train.bases import location
from vidcls_train.config.groups import ModelConfig
from vidcls_train.config.settings import pretrain_config, train_config
from vidcls_train.data.clip_list import SINGLE_LABEL
from vidcls_train.model.from_config import masked_starting_point, starting_point
from vidcls_train.model.origin import Origin
from vidcls_train.preflight.base import check_base
from vidcls_train.preflight.checks import check_training_run
from vidcls_train.preflight.room import check_room
from vidcls_train.preflight.shapes import shape_of
from vidcls_train.teacher_file import read_teacher

NAME = "acme/vm"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache of the hub's, on a machine that is told not to ask the hub."""
    location._of_hub.cache_clear()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


@pytest.fixture
def snapshot(offline: Path) -> Path:
    """A plain VideoMAE called NAME, as the hub's library leaves one in its cache."""
    folder = offline / "models--acme--vm"
    (folder / "snapshots").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0123", encoding="utf-8")
    place = write_checkpoint(folder / "snapshots" / "0123")
    (place / "vidcls.json").unlink()
    (place / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n# A model\n", encoding="utf-8")
    return place


def run(tmp_path: Path, **settings: object) -> dict[str, object]:
    names = [f"{split}/{label}/{n}.mp4" for split in ("train", "val") for label in "ab" for n in range(3)]
    clips = touch(tmp_path / "clips", *names)
    return {"data": str(clips), "output": tmp_path / "out", "base": NAME, **settings}


def test_another_kind_of_checkpoint_is_told_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").touch()
    with pytest.raises(ModelError, match=r"is an adapter .* merge both with peft"):
        check_base(ModelConfig(base=str(tmp_path)), resize=None)


@pytest.mark.usefixtures("offline")
def test_a_base_on_the_hub_without_a_network_is_told_how_to_get_it() -> None:
    told = r"vidcls-tests/none: .*give --base FOLDER, or train what needs no hub: --base vidcls/tiny or --preset tiny$"
    with pytest.raises(ModelError, match=told):
        check_base(ModelConfig(base="vidcls-tests/none"), resize=None)


@pytest.mark.usefixtures("snapshot")
def test_sizes_of_a_cached_base_are_checked_without_a_network(tmp_path: Path) -> None:
    check_training_run(run(tmp_path), processes=1)
    with pytest.raises(ArgumentError, match="--image-size 100 is not a multiple of the patch size"):
        check_training_run(run(tmp_path, image_size=100), processes=1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_room_is_that_of_a_cached_bases_weights_as_they_are_trained(
    dtype: torch.dtype, snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = snapshot / "model.safetensors"
    weights = {name: weight.to(dtype) for name, weight in load_file(file).items()}
    save_file(weights, file)
    steps = 14 * 4 * sum(weight.numel() for weight in weights.values())
    model = ModelConfig(base=NAME)
    for free, fits in ((steps, True), (steps - 1, False)):
        usage = shutil._ntuple_diskusage(0, 0, free)  # type: ignore[attr-defined]
        monkeypatch.setattr(shutil, "disk_usage", lambda _, usage=usage: usage)
        if fits:
            check_room(tmp_path / "out", model, shape_of(model))
        else:
            with pytest.raises(ArgumentError, match="free, and the run needs"):
                check_room(tmp_path / "out", model, shape_of(model))


def test_a_cached_base_in_a_pickle_is_told_how_to_convert_it(snapshot: Path, tmp_path: Path) -> None:
    (snapshot / "model.safetensors").rename(snapshot / "pytorch_model.bin")
    told = (
        rf"^{NAME}: its weights are in pytorch_model\.bin, a pickle, .*"
        rf"M\.from_pretrained\('{NAME}'\)\.save_pretrained\('vm-safetensors'\).*"
        rf"I\.from_pretrained\('{NAME}'\)\.save_pretrained\('vm-safetensors'\)\", and name vm-safetensors instead$"
    )
    with pytest.raises(ModelError, match=told):
        check_training_run(run(tmp_path), processes=1)


def test_a_cached_base_without_its_weights_is_told_how_to_fetch_them(snapshot: Path, tmp_path: Path) -> None:
    (snapshot / "model.safetensors").unlink()
    told = (
        rf"^{NAME}: its weights are not in this machine's cache of the hub, .*; run 'hf download {NAME}' where there is"
    )
    with pytest.raises(ModelError, match=told):
        check_training_run(run(tmp_path), processes=1)
    with pytest.raises(ModelError, match=told.replace(NAME, str(snapshot), 1)):
        check_training_run(run(tmp_path, base=str(snapshot)), processes=1)


def test_the_folder_of_the_cache_is_told_to_be_named_as_on_the_hub(snapshot: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=rf"models--acme--vm: is where .* keeps {NAME}; name the model instead, {NAME}$"
    ):
        check_training_run(run(tmp_path, base=str(snapshot.parents[1])), processes=1)


def test_a_cached_base_is_called_by_its_name_and_asked_for_once(
    snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with serving(Hub) as address:
        template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr("huggingface_hub.file_download.HUGGINGFACE_CO_URL_TEMPLATE", template)
        check_training_run(run(tmp_path), processes=1)
        for _ in range(2):  # as a run does
            start = starting_point(train_config(run(tmp_path)), ("a", "b"), SINGLE_LABEL)
    assert len(asked) == 1
    assert (start.origin.name, start.origin.licence) == (NAME, "cc-by-nc-4.0")
    assert all(notice.startswith(f"{NAME}: ") for notice in start.notices)
    assert not any(str(snapshot) in notice for notice in start.notices)


def test_a_cached_base_is_called_by_its_name_in_pretraining_too(snapshot: Path, tmp_path: Path) -> None:
    (snapshot / "preprocessor_config.json").unlink()
    start = masked_starting_point(pretrain_config(run(tmp_path)))
    assert any(notice.startswith(f"{NAME}: has no preprocessor_config.json; frames") for notice in start.notices)
    assert any("not for commercial use" in notice for notice in start.notices)
    assert start.origin == Origin(name=NAME, licence="cc-by-nc-4.0")


def test_a_cached_teacher_is_called_by_its_name(snapshot: Path) -> None:
    teacher = read_teacher(NAME)
    assert teacher.path == snapshot
    assert (teacher.name, teacher.contract.source.base) == (NAME, NAME)
