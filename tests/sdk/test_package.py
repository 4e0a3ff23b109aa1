"""The wheel that users install, and the source distribution that it is built from."""

from __future__ import annotations

import email
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

import vidcls
from slow import slow

ROOT = Path(__file__).parent.parent.parent
PACKAGES = {"vidcls": "sdk", "vidcls_train": "train", "vidcls_export": "export"}
INFO = f"vidcls-{vidcls.__version__}.dist-info"
# What a source distribution has beside its folders; hatchling adds PKG-INFO.
BESIDE = {
    ".dockerignore",
    ".gitignore",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "PKG-INFO",
    "README.md",
    "mkdocs.yml",
    "pyproject.toml",
}
FOLDERS = (".ci", "docs", "examples", "export", "sdk", "tests", "train")
# What others may hold is footage, models and caches: data of tests, of `make demo`, and of whoever works here.
ENDINGS = {
    "",
    ".css",
    ".ipynb",
    ".md",
    ".py",
    ".sh",
    ".toml",
    ".txt",
    ".typed",
    ".service",
    ".Dockerfile",
    ".yaml",
    ".yml",
}
# Pictures of the docs, what the SDK itself runs on (reference clips, the model and the clip of `vidcls doctor`), and
# what was written down once for tests and benchmarks: maps, scenes.
DATA = re.compile(
    r"docs/images/\w+\.(gif|jpg|png)|sdk/vidcls/(diagnostics/samples|video/reference_clips)/\w+\.(avi|json|mp4|onnx|webm)"
    r"|sdk/vidcls/watch/page/\w+\.(html|js|svg)|sdk/vidcls/pages/page\.js"
    r"|train/vidcls_train/bases/\w+/\w+\.(json|safetensors)|tests/train/bases/maps\.json|tests/benchmarks/egogestar\.csv"
)


def built(kind: str, root: Path, folder: Path) -> Path:
    """A distribution of the project in `root`, as hatchling builds it for `python -m build --no-isolation`."""
    pytest.importorskip("hatchling")
    from hatchling.builders.sdist import SdistBuilder
    from hatchling.builders.wheel import WheelBuilder

    builder = {"sdist": SdistBuilder, "wheel": WheelBuilder}[kind](str(root))
    (path,) = builder.build(directory=str(folder), versions=["standard"])
    return Path(path)


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def wheel(wheel_file: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(wheel_file)


def in_the_tree(folder: str) -> set[str]:
    """The files of one of the project's folders that a clone has, as git knows them where there is one."""
    if (ROOT / ".git").exists():
        command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z", folder]
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
        return {name for name in listed if name and (ROOT / name).is_file()}
    files = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in files}


def sdist_files(path: Path) -> dict[str, bytes]:
    """{name below the one folder in it: content}."""
    with tarfile.open(path) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        top = f"vidcls-{vidcls.__version__}/"
        assert all(member.name.startswith(top) for member in members)
        opened = {member.name.removeprefix(top): archive.extractfile(member) for member in members}
        return {name: file.read() for name, file in opened.items() if file is not None}


def test_the_wheel_holds_exactly_the_three_packages(wheel: zipfile.ZipFile) -> None:
    """Every file of theirs, nothing else; so no test, no site, no data and no cache."""
    expected = {
        name.partition("/")[2] for package, folder in PACKAGES.items() for name in in_the_tree(f"{folder}/{package}")
    }
    added = {f"{INFO}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")}
    assert set(wheel.namelist()) == expected | added
    for package in PACKAGES:
        assert f"{package}/py.typed" in expected


def test_the_source_distribution_holds_exactly_what_a_clone_has(sdist: Path) -> None:
    expected = BESIDE | {name for folder in FOLDERS for name in in_the_tree(folder)}
    assert set(sdist_files(sdist)) == expected


def test_what_the_source_distribution_holds_is_text_of_ours_or_data_that_the_sdk_needs(sdist: Path) -> None:
    files = sdist_files(sdist)
    others = {name for name in files if Path(name).suffix not in ENDINGS and not DATA.fullmatch(name)}
    assert others == set()
    assert sum(len(content) for name, content in files.items() if name.startswith("tests/")) < 4e6  # code alone


def test_neither_names_a_folder_of_this_machine(sdist: Path, wheel: zipfile.ZipFile) -> None:
    contents = {**sdist_files(sdist), **{name: wheel.read(name) for name in wheel.namelist()}}
    places = {os.fsencode(place) for place in (ROOT, Path.home(), sys.prefix) if len(Path(place).parts) > 2}
    found = {name for name, content in contents.items() for place in places if place + b"/" in content}
    assert found == set()


def test_the_source_distribution_builds_the_same_wheel(sdist: Path, wheel_file: Path, tmp_path: Path) -> None:
    """Bit for bit, in another folder and without a git."""
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    unpacked = tmp_path / f"vidcls-{vidcls.__version__}"
    assert built("wheel", unpacked, tmp_path / "wheel").read_bytes() == wheel_file.read_bytes()


@slow
def test_the_same_sources_give_the_same_source_distribution(sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    unpacked = tmp_path / f"vidcls-{vidcls.__version__}"
    assert built("sdist", unpacked, tmp_path / "again").read_bytes() == sdist.read_bytes()


def test_twine_takes_both_and_renders_the_readme(sdist: Path, wheel_file: Path) -> None:
    check = pytest.importorskip("twine.commands.check")
    assert find_spec("comrak") or find_spec("cmarkgfm"), "without a renderer twine takes any README for right"
    assert check.check([str(sdist), str(wheel_file)], strict=True) is False  # nothing failed


def test_the_wheel_holds_the_clips_that_decoders_are_compared_on(wheel: zipfile.ZipFile) -> None:
    folder = "vidcls/video/reference_clips/"
    clips = [found for found in wheel.infolist() if found.filename.startswith(folder)]
    names = {path.name for path in (ROOT / "sdk" / folder).iterdir()}
    assert {found.filename.removeprefix(folder) for found in clips} == names >= {"reference.json", "h264.mp4"}
    assert sum(found.compress_size for found in clips) < 50_000


def test_the_wheel_installs_the_commands(wheel: zipfile.ZipFile) -> None:
    lines = wheel.read(f"{INFO}/entry_points.txt").decode().split("\n")
    for command, package in {
        "vidcls": "vidcls.cli.main",
        "vidcls-train": "vidcls_train.cli.finetune",
        "vidcls-export": "vidcls_export.cli",
    }.items():
        assert f"{command} = {package}:main" in lines


def test_the_lean_parts_need_no_torch_and_no_particular_runtime(wheel: zipfile.ZipFile) -> None:
    metadata = email.message_from_bytes(wheel.read(f"{INFO}/METADATA"))
    assert metadata["Version"] == vidcls.__version__
    lean = [line for line in metadata.get_all("Requires-Dist") or [] if "extra ==" not in line]
    assert sorted(line.partition(">")[0] for line in lean) == ["click", "numpy", "opencv-python", "pillow"]


def test_the_version_is_the_one_that_the_changelog_and_the_pages_name() -> None:
    """The newest release of the changelog is this version; before the first there is only what is unreleased."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first, *released = re.findall(r"^## \[(.+?)\]", changelog, flags=re.MULTILINE)
    assert first == "Unreleased"
    assert released[:1] in ([], [vidcls.__version__])
    for page in ("README.md", "docs/install.md"):
        wheels = re.findall(r"vidcls-([\d.]+\w*)-py3-none-any\.whl", (ROOT / page).read_text(encoding="utf-8"))
        assert set(wheels) == {vidcls.__version__}, page
