"""Versions of Python and of other packages that are known not to work, and the line that brings one that does.

A version at fault is named before it can blame a checkpoint, a model file or a video.
"""

from __future__ import annotations

import platform
import re
import sys
from importlib import metadata

from vidcls.errors import DependencyError

# `vidcls` itself runs on every Python that pyproject.toml allows. Older ones than this unpack archives of training
# clips without the filter that keeps members inside the folder.
TRAINING_PYTHON = (3, 11, 4)

# As in pyproject.toml. From 5.5.1 until 5.18 VideoMAE's query and value biases are loaded as zeros, and saved under
# names under which no other release finds them; 5.0 to 5.5.0 have never been tested.
OLDEST_TRANSFORMERS = "4.54"
_LOST_BIASES = ((5, 0), (5, 18))
# As in pyproject.toml: Optimum's exporter works with no newer one.
EXPORT_TRANSFORMERS = "4.58"


def package_version(package: str) -> str | None:
    """The installed version of a package; None where there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def release(version: str) -> tuple[int, int]:
    """The first two numbers of a version.

    Examples:
        >>> release("5.0.0-dev"), release("17")
        ((5, 0), (17, 0))
    """
    first, second = [*(int(number) for number in re.findall(r"\d+", version)[:2]), 0, 0][:2]
    return first, second


def check_training(what: str) -> None:
    """Refuse to train with a Python or a transformers that is known to do it wrong.

    Args:
        what: what was asked for, as the message begins: "training".

    Raises:
        DependencyError: names the version, and what to do.
    """
    _check_python(what)
    version = package_version("transformers")
    if version is not None:
        _check_transformers(what, version, mend=f'"transformers>={_dotted(_LOST_BIASES[1])}"')


def check_exporting() -> None:
    """Refuse to export with a Python or a transformers that is known to do it wrong.

    Raises:
        DependencyError: names the version, and what to do.
    """
    _check_python("exporting")
    version = package_version("transformers")
    if version is None:
        return
    mend = f'"transformers>={OLDEST_TRANSFORMERS},<{EXPORT_TRANSFORMERS}"'
    _check_transformers("exporting", version, mend=mend)
    if release(version) >= release(EXPORT_TRANSFORMERS):
        raise DependencyError(
            f"exporting goes through Optimum, which works with transformers before {EXPORT_TRANSFORMERS} and not with "
            f"{version}; run 'pip install {mend}'"
        )


def _check_python(what: str) -> None:
    if sys.version_info < TRAINING_PYTHON:
        raise DependencyError(
            f"{what} needs Python {_dotted(TRAINING_PYTHON)} or newer, and this is {platform.python_version()}; do it "
            "with a newer Python: exported models run with this one all the same"
        )


def _check_transformers(what: str, version: str, *, mend: str) -> None:
    if release(version) < release(OLDEST_TRANSFORMERS):
        raise DependencyError(
            f"{what} needs transformers {OLDEST_TRANSFORMERS} or newer, and {version} is installed; "
            f"run 'pip install --upgrade {mend}'"
        )
    broken, mended = _LOST_BIASES
    if broken <= release(version) < mended:
        raise DependencyError(
            f"transformers {version} is one of those from {_dotted(broken)} until {_dotted(mended)} that load VideoMAE "
            f"with biases of zero and save checkpoints that others find incomplete; run 'pip install {mend}'"
        )


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))
