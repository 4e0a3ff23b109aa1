"""Which versions of OpenCV and PyAV decode the pixels that models are trained and proven with, and their pip lines.

Older ones convert BT.709 video to RGB as if it were BT.601, which moves pixels of the reference clips by up to 37 grey
levels, and 10-bit video otherwise too, by up to 90. Newer ones are compared frame by frame: `decoder_check`.
"""

from __future__ import annotations

import os
from typing import Literal, TypeAlias

from vidcls.errors import DependencyError
from vidcls.versions import package_version, release

InstalledDecoder: TypeAlias = Literal["opencv", "pyav"]

NAMES: dict[InstalledDecoder, str] = {"opencv": "OpenCV", "pyav": "PyAV"}
# As in pyproject.toml. PyAV 19 opens videos by other arguments, 17.0 says otherwise which stream is a cover picture.
OLDEST: dict[InstalledDecoder, str] = {"opencv": "4.13", "pyav": "17.1"}
_TOO_NEW: dict[InstalledDecoder, str] = {"pyav": "19"}
_RIGHT_PIXELS: dict[InstalledDecoder, str] = {"opencv": "4.13", "pyav": "17"}
# As in .ci/constraints.txt.
TESTED: dict[InstalledDecoder, str] = {"opencv": "5.0.0.93", "pyav": "18.1.0"}
_PACKAGES: dict[InstalledDecoder, tuple[str, ...]] = {
    # All of them are the module cv2.
    "opencv": (
        "opencv-python",
        "opencv-python-headless",
        "opencv-contrib-python",
        "opencv-contrib-python-headless",
    ),
    "pyav": ("av",),
}


def check_version(decoder: InstalledDecoder, version: str) -> None:
    """Refuse a version of which it is known that it decodes other pixels, or that it cannot be asked.

    Raises:
        DependencyError: with the pip line that brings a right one.
    """
    pixels = _RIGHT_PIXELS[decoder]
    if release(version) < release(pixels):
        raise DependencyError(
            f"{NAMES[decoder]} {version} decodes other pixels than {pixels} and later (BT.709 video by up to "
            f"37 grey levels, 10-bit video by up to 90); {upgrade_line(decoder)}"
        )
    too_new = _TOO_NEW.get(decoder)
    if release(version) < release(OLDEST[decoder]) or (too_new and release(version) >= release(too_new)):
        raise DependencyError(
            f"{NAMES[decoder]} {version} has another interface than those from {OLDEST[decoder]} until {too_new}, "
            f"which vidcls works with; {upgrade_line(decoder)}"
        )


def upgrade_line(decoder: InstalledDecoder) -> str:
    """The command that brings a right version, whichever of its packages is installed."""
    wanted = " ".join(f'"{package}{required(decoder)}"' for package in _installed(decoder))
    return f"run 'pip install --upgrade {wanted}'"


def required(decoder: InstalledDecoder) -> str:
    """The versions that are taken, as pip writes them: ">=17.1,<19"."""
    return f">={OLDEST[decoder]}" + (f",<{_TOO_NEW[decoder]}" if decoder in _TOO_NEW else "")


def reinstall_line(decoder: InstalledDecoder) -> str:
    """The command that brings the version that the tests run with."""
    wanted = " ".join(f"{package}=={TESTED[decoder]}" for package in _installed(decoder))
    return f"run 'pip install --force-reinstall {wanted}'"


def decodes_nothing(decoder: InstalledDecoder) -> str:
    """What to say of a decoder that decodes no video at all."""
    is_off = decoder == "opencv" and "OPENCV_VIDEOIO_PRIORITY_FFMPEG" in os.environ
    mend = "unset OPENCV_VIDEOIO_PRIORITY_FFMPEG" if is_off else reinstall_line(decoder)
    return f"{NAMES[decoder]} can decode no video; {mend}"


def _installed(decoder: InstalledDecoder) -> list[str]:
    packages = _PACKAGES[decoder]
    return [package for package in packages if package_version(package) is not None] or [packages[0]]
