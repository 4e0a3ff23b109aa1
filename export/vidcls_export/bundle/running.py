"""What runs the model from its folder: three lines, and the packages that they need."""

from __future__ import annotations

import platform

import vidcls
from vidcls.region import Region
from vidcls.versions import package_version

_RUN = """\
import pathlib, sys, vidcls
prediction = vidcls.VideoClassifier(pathlib.Path(__file__).with_name("model.onnx")).predict(sys.argv[1]{region})
print(", ".join(prediction.labels_present) or "none of the labels", f"{{prediction.score:.4f}}")
"""

_REQUIREMENTS = """\
# The versions that the export was proven with, on Python {python}, {system}. For an NVIDIA card write [gpu] for [cpu]
# and onnxruntime-gpu for onnxruntime; on an older Python leave out all lines but vidcls's.
# vidcls is on no package index: put its wheel, which `make dist` in its repository makes, into this folder.
./vidcls-{vidcls}-py3-none-any.whl[cpu]
{pinned}
"""

# Of the lean installation; OpenCV goes by either name, in the same version.
_LEAN = ("click", "numpy", "onnxruntime", "opencv-python", "pillow")
_TWINS = {"opencv-python": "opencv-python-headless", "onnxruntime": "onnxruntime-gpu"}


def run_text(region: Region | None) -> str:
    """run.py. region: of the picture, that the model is used on; None for all of it."""
    return _RUN.format(region="" if region is None else f", region={tuple(map(float, region))}")


def requirements_text() -> str:
    """requirements.txt, of the versions that run here."""
    return _REQUIREMENTS.format(
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        vidcls=vidcls.__version__,
        pinned="\n".join(f"{package}=={release}" for package in _LEAN if (release := _installed(package))),
    )


def _installed(package: str) -> str | None:
    """Its version here, by either name; None where another distribution stands for it, whose releases are others."""
    return package_version(package) or package_version(_TWINS.get(package, package))
