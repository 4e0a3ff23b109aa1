"""The wheel that users install."""

from __future__ import annotations

import email
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import vidcls

ROOT = Path(__file__).parent.parent.parent
PACKAGES = {"vidcls": "sdk", "vidcls_train": "train", "vidcls_export": "export"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    pytest.importorskip("build")
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_exactly_the_three_packages(wheel: zipfile.ZipFile) -> None:
    info = f"vidcls-{vidcls.__version__}.dist-info"
    assert {name.partition("/")[0] for name in wheel.namelist()} == {*PACKAGES, info}
    for package, folder in PACKAGES.items():
        source = ROOT / folder
        modules = {path.relative_to(source).as_posix() for path in (source / package).rglob("*.py")}
        found = {name for name in wheel.namelist() if name.startswith(f"{package}/")}
        assert modules <= found
        assert f"{package}/py.typed" in found
        assert not [name for name in found if "__pycache__" in name]


def test_the_wheel_holds_the_clips_that_decoders_are_compared_on(wheel: zipfile.ZipFile) -> None:
    folder = "vidcls/video/reference_clips/"
    clips = [found for found in wheel.infolist() if found.filename.startswith(folder)]
    names = {path.name for path in (ROOT / "sdk" / folder).iterdir()}
    assert {found.filename.removeprefix(folder) for found in clips} == names >= {"reference.json", "h264.mp4"}
    assert sum(found.compress_size for found in clips) < 50_000


def test_the_wheel_installs_the_commands(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    lines = wheel.read(name).decode().split("\n")
    for command, package in {
        "vidcls": "vidcls.cli.main",
        "vidcls-train": "vidcls_train.cli.finetune",
        "vidcls-export": "vidcls_export.cli",
    }.items():
        assert f"{command} = {package}:main" in lines


def test_the_lean_parts_need_no_torch_and_no_particular_runtime(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
    metadata = email.message_from_bytes(wheel.read(name))
    assert metadata["Version"] == vidcls.__version__
    lean = [line for line in metadata.get_all("Requires-Dist") or [] if "extra ==" not in line]
    assert sorted(line.partition(">")[0] for line in lean) == ["click", "numpy", "opencv-python", "pillow"]


def test_the_licence_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    assert [name for name in wheel.namelist() if name.endswith("/licenses/LICENSE")]
