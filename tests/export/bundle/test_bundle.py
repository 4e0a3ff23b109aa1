"""The folder to hand on: complete, with hashes, plain about terms and figures, and run by its three lines."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tomllib
from packaging.requirements import Requirement

import vidcls
from generated import LABELS, contract_fields, write_clip, write_model
from slow import slow
from vidcls import VideoClassifier
from vidcls.versions import package_version
from vidcls_export.bundle import folder as folder_module
from vidcls_export.bundle import running
from vidcls_export.bundle.folder import write_bundle

ROOT = Path(__file__).parents[3]
FILES = {"model.onnx", "README.md", "LICENSE.txt", "labels.txt", "requirements.txt", "run.py", "SHA256SUMS"}
# A program that may load nothing but what a lean installation has, and then is the folder's own.
LEAN = (
    "import runpy, sys\n"
    "sys.modules.update(dict.fromkeys(('torch', 'transformers', 'onnx', 'optimum', 'vidcls_export', 'vidcls_train')))\n"
    "runpy.run_path(sys.argv.pop(1), run_name='__main__')"
)


def bundle(folder: Path, *, region: Any = None, **source: Any) -> Path:
    """A bundle of a tiny model whose contract has these fields of its source."""
    fields = contract_fields(dtype="uint8")
    fields["source"] |= source
    fields["accuracy"] |= {"videos": 62, "top1": 36 / 62}
    model = write_model(folder / "tiny.onnx", fields, dtype="uint8")
    contract = VideoClassifier(model, device="cpu").contract
    return write_bundle(model, contract, folder / "bundle", name="tiny", region=region)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(tmp_path_factory.mktemp("bundle"))


def test_it_holds_the_model_and_hashes_of_every_file(made: Path) -> None:
    assert {path.name for path in made.iterdir()} == FILES
    sums = [line.split("  ") for line in (made / "SHA256SUMS").read_text().splitlines()]
    assert {name for _, name in sums} == FILES - {"SHA256SUMS"}
    for digest, name in sums:
        assert hashlib.sha256((made / name).read_bytes()).hexdigest() == digest
    assert VideoClassifier(made / "model.onnx", device="cpu").verify().ok
    assert (made / "labels.txt").read_text(encoding="utf-8").splitlines() == list(LABELS)


def test_its_card_has_the_accuracy_with_its_interval_and_what_the_model_was_made_from(made: Path) -> None:
    card = (made / "README.md").read_text(encoding="utf-8")
    assert "| 62 | 1 x 1 | 0.581 | 0.46 to 0.70 | 1.000 |" in card  # 36 of 62: the interval of Brown, Cai and DasGupta
    assert "clap, jump, turn left, wave." in card
    assert "fine-tuned from `someone/some-base`" in card
    assert "train 4, val 2, test 2" in card
    assert "4 frames, evenly spread over 0.8 s" in card
    assert "uint8 [batch, 4, 32, 32, 3] (BTHWC)" in card
    assert 'license: "cc-by-nc-4.0"' in card
    assert {name for name in FILES - {"README.md"} if f"`{name}`" in card} == FILES - {"README.md"}
    assert not re.search(r" $", card, flags=re.MULTILINE)


def test_figures_that_were_not_measured_are_not_there(tmp_path: Path) -> None:
    fields = contract_fields()
    fields |= {"accuracy": None, "parity": None}
    model = write_model(tmp_path / "tiny.onnx", fields)
    contract = VideoClassifier(model, device="cpu").contract
    card = (write_bundle(model, contract, tmp_path / "b", name="tiny", region=None) / "README.md").read_text()
    assert "No accuracy is known" in card
    assert "not on real clips" in card
    assert "same tokens" not in card


def test_its_card_says_what_pytorch_was_given_to_see(tmp_path: Path) -> None:
    fields = contract_fields() | {"tokens": {"rule": "lattice", "share": 0.25}}
    model = write_model(tmp_path / "tiny.onnx", fields)
    contract = VideoClassifier(model, device="cpu").contract
    card = (write_bundle(model, contract, tmp_path / "b", name="tiny", region=None) / "README.md").read_text()
    assert "logits differed by" in card
    assert "PyTorch was given the same tokens as the file, 0.25 of all, the same lattice of every clip." in card


@pytest.mark.parametrize(
    ("base", "licence", "said", "unsaid"),
    [
        ("MCG-NJU/videomae-base", "cc-by-nc-4.0", ["NOT FOR COMMERCIAL USE", "by-nc/4.0/legalcode", "names the"], []),
        ("facebook/vjepa2", "apache-2.0", ["apache.org/licenses/LICENSE-2.0"], ["COMMERCIAL", "authors"]),
        ("vidcls/tiny", "apache-2.0", ["EfficientNet-Lite0, copyright 2020 ML Illustrated"], ["COMMERCIAL"]),
        ("a/b", "cc-by-nd-4.0", ["do not hand this model on"], ["COMMERCIAL"]),
        ("a/b", None, ["whose licence is not known"], ["COMMERCIAL"]),
        (None, None, ["trained from scratch"], ["COMMERCIAL", "licensed under"]),
    ],
)
def test_its_licence_says_what_the_base_s_does(
    base: str | None, licence: str | None, said: list[str], unsaid: list[str], tmp_path: Path
) -> None:
    made = bundle(tmp_path, base=base, base_license=licence)
    for name in ("LICENSE.txt", "README.md"):
        text = (made / name).read_text(encoding="utf-8")
        assert [part for part in said if part not in text] == []
        assert [part for part in unsaid if part in text] == []
    assert "Apache-2.0" in (made / "LICENSE.txt").read_text()


def test_its_packages_are_pinned_in_the_ranges_of_the_wheel(made: Path) -> None:
    lines = [line for line in (made / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == f"./vidcls-{vidcls.__version__}-py3-none-any.whl[cpu]"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ranges = {
        found.name: found.specifier
        for found in map(Requirement, [*project["dependencies"], *project["optional-dependencies"]["cpu"]])
    }
    pins = {found.name: next(iter(found.specifier)) for found in map(Requirement, lines[1:])}
    assert set(pins) == set(ranges)
    for name, pin in pins.items():
        assert (pin.operator, pin.version in ranges[name]) == ("==", True)


def test_its_lines_run_and_give_the_model_s_answer(made: Path, tmp_path: Path) -> None:
    """From another folder, and with what a lean installation has."""
    assert len((made / "run.py").read_text().splitlines()) == 3
    clip = write_clip(tmp_path / "clip.avi", frames=40)
    command = [sys.executable, "-c", LEAN, str(made / "run.py"), str(clip)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    expected = VideoClassifier(made / "model.onnx", device="cpu").predict(clip)
    assert (done.returncode, done.stdout) == (0, f"{expected.label} {expected.score:.4f}\n"), done.stderr


def test_a_region_is_in_its_lines_and_its_card(tmp_path: Path) -> None:
    made = bundle(tmp_path, region=(0.5, 0, 1, 1))
    assert "region=(0.5, 0.0, 1.0, 1.0)" in (made / "run.py").read_text()
    assert "vidcls predict model.onnx clip.mp4 --region 0.5,0,1,1" in (made / "README.md").read_text()


def test_nothing_is_left_of_one_that_could_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Path) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder_module, "_sums", fail)
    with pytest.raises(OSError, match="No space left"):
        bundle(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.onnx"]


def test_packages_of_other_names_are_left_to_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    """As opencv-contrib-python, which brings cv2 in releases of its own."""
    there = package_version
    monkeypatch.setattr(running, "package_version", lambda name: None if name.startswith("opencv") else there(name))
    pinned = [line.partition("==")[0] for line in running.requirements_text().splitlines() if "==" in line]
    assert pinned == ["click", "numpy", "onnxruntime", "pillow"]


@slow
def test_it_installs_by_its_requirements_and_runs(made: Path, tmp_path: Path) -> None:
    """In an environment of its own, with the wheel beside it, as its card says; needs a package index."""
    from hatchling.builders.wheel import WheelBuilder

    list(WheelBuilder(str(ROOT)).build(directory=str(made), versions=["standard"]))
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv/bin/python"
    install = [str(python), "-m", "pip", "install", "-q", "-r", "requirements.txt"]
    subprocess.run(install, check=True, cwd=made)
    subprocess.run([ROOT / ".ci/headless.sh", tmp_path / "venv"], check=True)
    clip = write_clip(tmp_path / "clip.avi", frames=40)
    environment = {"PATH": "/usr/bin:/bin"}
    for command in (["-m", "vidcls.cli.main", "verify", "model.onnx"], ["run.py", str(clip)]):
        subprocess.run([str(python), *command], check=True, cwd=made, env=environment)
