"""Decoders that are too old are refused where they would decode, in one sentence with the pip line."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import cv2
import pytest

from vidcls.classifier import VideoClassifier
from vidcls.errors import DependencyError
from vidcls.video import decoder_check, opencv
from vidcls.video.quiet import quiet_decoders
from vidcls.video.versions import InstalledDecoder, check_version, reinstall_line, upgrade_line


@pytest.mark.parametrize(
    ("decoder", "version"),
    [("opencv", "4.13.0"), ("opencv", "4.14.0-dev"), ("opencv", "5.0.0"), ("pyav", "17.1.0"), ("pyav", "18.1.0rc1")],
)
def test_versions_with_the_right_pixels_pass(decoder: InstalledDecoder, version: str) -> None:
    check_version(decoder, version)


@pytest.mark.parametrize(
    ("decoder", "version", "name"),
    [
        ("opencv", "4.12.0", "OpenCV"),
        ("opencv", "4.9.0", "OpenCV"),
        ("opencv", "4", "OpenCV"),
        ("pyav", "16.1.0", "PyAV"),
    ],
)
def test_older_ones_are_refused_with_the_pip_line(decoder: InstalledDecoder, version: str, name: str) -> None:
    with pytest.raises(DependencyError, match=rf"^{name} {version} decodes other pixels than [^;]*; run 'pip install "):
        check_version(decoder, version)


@pytest.mark.parametrize(
    ("installed", "upgrade", "tested"),
    [
        ([], '"opencv-python>=4.13"', "opencv-python==5.0.0.93"),
        (["opencv-python-headless"], '"opencv-python-headless>=4.13"', "opencv-python-headless==5.0.0.93"),
        (
            ["opencv-python", "opencv-contrib-python"],
            '"opencv-python>=4.13" "opencv-contrib-python>=4.13"',
            "opencv-python==5.0.0.93 opencv-contrib-python==5.0.0.93",
        ),
    ],
)
def test_pip_lines_name_the_packages_that_are_installed(
    installed: list[str], upgrade: str, tested: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(package: str) -> str:
        if package not in installed:
            raise metadata.PackageNotFoundError(package)
        return "4.11.0.86"

    monkeypatch.setattr(metadata, "version", version)
    assert upgrade_line("opencv") == f"run 'pip install --upgrade {upgrade}'"
    assert reinstall_line("opencv") == f"run 'pip install --force-reinstall {tested}'"


def test_an_old_opencv_decodes_nothing_but_the_model_runs(
    model: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opencv, "VERSION", "4.11.0")
    monkeypatch.setattr(cv2, "__version__", "4.11.0")
    monkeypatch.delattr(cv2.utils, "logging")
    monkeypatch.delenv("OPENCV_LOG_LEVEL", raising=False)
    monkeypatch.setattr("vidcls.classifier.check_decoders", decoder_check.check_decoders.__wrapped__)
    quiet_decoders()
    classifier = VideoClassifier(model)
    with pytest.raises(DependencyError, match=r"^OpenCV 4\.11\.0 decodes other pixels than .*; run 'pip install"):
        classifier.predict(clip, decoder="opencv")
    with pytest.raises(DependencyError, match=r"^OpenCV 4\.11\.0 decodes other pixels than"):
        classifier.stream(0)
    result = classifier.verify()
    assert result.max_abs_diff <= result.tolerance


def test_a_pyav_with_another_interface_is_refused_too() -> None:
    for version in ("17.0.1", "19.0.2"):
        with pytest.raises(DependencyError, match=rf"^PyAV {version} has another interface than .*>=17\.1,<19\"'$"):
            check_version("pyav", version)


def test_an_old_pyav_counts_as_missing_and_says_why() -> None:
    program = "import av\nav.__version__ = '16.1.0'\ntry:\n    import vidcls.video.pyav\nexcept ImportError as error:\n"
    program += "    print(repr(error))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("DependencyError('PyAV 16.1.0 decodes other pixels than 17 and later (")
    assert 'pip install --upgrade "av>=17.1,<19"' in result.stdout
