"""What may bring a process down, tried in one: `python -m vidcls.diagnostics.checks CHECK...`

A check answers what it found, with "problem" where something does not work. Answers are sent one by one, so that
a missing one names the check that crashed.
"""

# ruff: noqa: PLC0415 - a check imports what it tries
from __future__ import annotations

import dataclasses
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcls.concurrency import child_process
from vidcls.errors import DependencyError, VidclsError

if TYPE_CHECKING:
    from vidcls.runtime.session import Session

SAMPLES = Path(__file__).with_name("samples")

# The model multiplies and adds whole numbers, which every device must get exactly right.
MODEL_INPUT = [[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]]
MODEL_OUTPUT = [[141, 164, 132]]


def check_runtime() -> dict[str, Any]:
    """onnxruntime: which, from which packages, with which providers."""
    from vidcls.runtime import cuda
    from vidcls.runtime.onnxruntime_session import import_onnxruntime

    try:
        runtime = import_onnxruntime()
    except DependencyError as error:
        return {"problem": _problem(error)}
    found, clash = dataclasses.asdict(cuda.find_cuda(runtime)), cuda.clash(runtime)
    del found["problem"]  # the run on CUDA answers with it
    providers = runtime.get_available_providers()
    return {
        "version": runtime.__version__,
        "wheels": cuda.wheels(runtime),
        "providers": providers,
        "has_cuda": cuda.PROVIDER in providers,
        "cuda": found,
        "problem": dataclasses.asdict(clash) if clash else None,
    }


def check_openvino() -> dict[str, Any]:
    """The tiny model on OpenVINO."""
    from vidcls.runtime.openvino_session import OpenVinoSession

    return _checked_run(lambda: OpenVinoSession(SAMPLES / "model.onnx"), "on OpenVINO")


def check_run(device: str) -> dict[str, Any]:
    """A tiny model on a device: whether it gives what it has to, and in how many ms."""
    from vidcls.runtime.onnxruntime_session import OnnxRuntimeSession

    return _checked_run(lambda: OnnxRuntimeSession(SAMPLES / "model.onnx", device=device), f"on device '{device}'")


def _checked_run(opened: Callable[[], Session], where: str) -> dict[str, Any]:
    import numpy as np

    try:
        session = opened()
        values = np.array(MODEL_INPUT, np.float32)
        session.run(values)  # the first also sets up
        started = time.perf_counter()
        output = session.run(values).tolist()
    except VidclsError as error:
        return {"problem": _problem(error)}
    if output != MODEL_OUTPUT:
        return {
            "problem": {
                "what": f"a tiny model {where} gives {output}, expected {MODEL_OUTPUT}",
                "mend": "install what computes there again, and on CUDA update the driver",
            }
        }
    return {"ms": (time.perf_counter() - started) * 1000, "provider": session.provider}


def check_video() -> dict[str, Any]:
    """OpenCV and PyAV: how they are built, which codecs they decode, and whether to the right frames."""
    try:
        from vidcls.versions import package_version
        from vidcls.video.decoder_check import check_decoders
        from vidcls.video.quiet import quiet_decoders
        from vidcls.video.reader import read_times
    except DependencyError as error:
        return {"problem": _problem(error)}
    import cv2

    quiet_decoders()
    build = {
        name.strip(): value.strip()
        for name, colon, value in (line.partition(":") for line in cv2.getBuildInformation().splitlines())
        if colon
    }
    checks = check_decoders()
    decodes = {
        codec: any(codec in found.decoded for found in checks)
        for codec in sorted({codec for found in checks for codec in found.decoded + found.not_decoded})
    }
    try:
        read_times(SAMPLES / "av1.webm")
        decodes["av1"] = True
    except VidclsError:
        decodes["av1"] = False
    return {
        "opencv": cv2.__version__,
        "ffmpeg": build.get("FFMPEG", "NO").startswith("YES"),
        "gui": None if build.get("GUI", "NONE") == "NONE" else build["GUI"],
        "display": bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")),
        "av": package_version("av"),
        "decodes": decodes,
        "decoders": [
            {**dataclasses.asdict(found), "problem": found.problem and _problem(found.problem)} for found in checks
        ],
    }


def _problem(sentence: Exception | str) -> dict[str, str]:
    what, _, mend = re.sub(r"^device '[^']*' was asked for, but ", "", str(sentence)).partition("; ")
    return {"what": what, "mend": mend}


_CHECKS: dict[str, Callable[[], dict[str, Any]]] = {
    "runtime": check_runtime,
    "openvino": check_openvino,
    "video": check_video,
}


def main(names: Sequence[str]) -> None:
    """Send what each check found, a device's name being one; without onnxruntime, none of those that need it."""
    child_process.end_with_owner()
    send = child_process.answers()
    for name in names:
        found = _CHECKS[name]() if name in _CHECKS else check_run(name)
        send(found)
        if name == "runtime" and "version" not in found:
            return


if __name__ == "__main__":
    main(sys.argv[1:])
