"""What runs on this machine, what does not, and the line that mends it.

Whatever can bring a process down - a library for another processor, a driver - is tried in a child
process: `python -m vidcls.diagnostics.doctor CHECK...`, which prints one line of JSON for each.
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import vidcls
from vidcls import cpus

SAMPLES = Path(__file__).with_name("samples")

_REINSTALL_OPENCV = "run 'pip install --force-reinstall opencv-python'"
# The model multiplies and adds whole numbers, which every device must get exactly right.
_MODEL_INPUT = [[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]]
_MODEL_OUTPUT = [[141, 164, 132]]


def examine(*, device: str = "auto") -> dict[str, Any]:
    """Try everything that vidcls needs; what `vidcls doctor --json` prints.

    Args:
        device: what has to work: "cpu", "cuda", or "auto": the CPU, and CUDA where an onnxruntime with
            CUDA was installed.
    """
    found = _in_children({"onnxruntime": ("runtime", "cpu", "cuda"), "OpenCV": ("video",)})
    runtime, video = found["runtime"], found["video"]
    devices: dict[str, Any] = {name: found[name] for name in ("cpu", "cuda") if name in found}
    asked = {"cpu": ["cpu"], "cuda": ["cpu", "cuda"]}.get(device, ["cpu", *["cuda"] * runtime.get("has_cuda", False)])
    faults = [runtime, video, *(devices[name] for name in asked if name in devices)]
    problems = [fault["problem"] for fault in faults if fault.get("problem")]
    problems = [problem for number, problem in enumerate(problems) if problem not in problems[:number]]
    report = {
        "ok": not problems,
        "vidcls": vidcls.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "onnxruntime": runtime.get("version"),
        "wheels": runtime.get("wheels", {}),
        "providers": runtime.get("providers", []),
        "opencv": video.get("opencv"),
        "cpu": {
            "name": cpus.cpu_name(),
            "threads": cpus.usable_cpus(),
            "allowed": cpus.allowed_cpus(),
            "quota": min(cpus.cpu_quotas(), default=None),
            "features": cpus.cpu_features(),
        },
        "cuda": runtime.get("cuda"),
        "devices": {name: {"ok": "problem" not in found, **found} for name, found in devices.items()},
        "auto": _auto(devices),
        "video": {name: value for name, value in video.items() if name not in ("opencv", "problem")} or None,
        "cameras": _cameras(),
        "problems": problems,
    }
    return {**report, "notes": _notes(report)}


def _auto(devices: dict[str, Any]) -> str | None:
    """What device="auto" takes here."""
    working = [name for name in ("cuda", "cpu") if name in devices and "problem" not in devices[name]]
    return working[0] if working else None


def _notes(report: dict[str, Any]) -> list[dict[str, str]]:
    """What could be better, though nothing that was asked for fails."""
    from vidcls.runtime.cuda import card_in_sight  # noqa: PLC0415 - needed here only

    notes = []
    cuda = report["devices"].get("cuda")
    if cuda and "problem" in cuda and cuda["problem"] not in report["problems"] and card_in_sight():
        notes.append(
            {"what": f"an NVIDIA card is here, but {cuda['problem']['what']}", "mend": cuda["problem"]["mend"]}
        )
    video = report["video"] or {}
    undecodable = [codec for codec, works in video.get("decodes", {}).items() if not works]
    if undecodable:
        notes.append(
            {
                "what": f"videos in {', '.join(undecodable)} cannot be decoded",
                "mend": "convert such videos to H.264" if video["av"] else "run 'pip install \"vidcls[av]\"'",
            }
        )
    if video and not video["gui"]:
        notes.append(
            {
                "what": "this OpenCV shows no windows",
                "mend": "only for a live picture: 'pip uninstall opencv-python-headless' and "
                "'pip install opencv-python'",
            }
        )
    for camera in report["cameras"]:
        if not camera["usable"]:
            notes.append(
                {
                    "what": f"{camera['path']} may not be opened by this user",
                    "mend": "run 'sudo usermod -aG video $USER' and log in again",
                }
            )
    return notes


def _cameras() -> list[dict[str, Any]]:
    """Video4Linux devices; one camera may have several."""
    found = sorted(Path("/dev").glob("video*"))
    return [{"path": str(path), "usable": os.access(path, os.R_OK | os.W_OK)} for path in found]


def _in_children(subjects: dict[str, tuple[str, ...]]) -> dict[str, dict[str, Any]]:
    """What each check found, by its name; the checks of one subject share a child, subjects run side by side."""
    children = {
        subject: subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, "-m", "vidcls.diagnostics.doctor", *checks], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for subject, checks in subjects.items()
    }
    found: dict[str, dict[str, Any]] = {}
    for subject, child in children.items():
        output, errors = child.communicate()
        lines = output.splitlines()
        found |= {check: json.loads(line) for check, line in zip(subjects[subject], lines, strict=False)}
        if child.returncode != 0:
            crashed = subjects[subject][min(len(lines), len(subjects[subject]) - 1)]  # it may crash as it ends
            what = subject if crashed in ("runtime", "video") else f"a tiny model on device '{crashed}'"
            said = errors.decode("utf-8", "replace").strip().splitlines() or [f"exit code {child.returncode}"]
            end = signal.Signals(-child.returncode).name if child.returncode < 0 else said[-1]
            mend = "install its package again; where that does not help, it is built for another processor"
            found[crashed] = {"problem": {"what": f"{what} ends in a crash ({end})", "mend": mend}}
    return found


def _check_runtime() -> dict[str, Any]:
    from vidcls.errors import DependencyError  # noqa: PLC0415
    from vidcls.runtime import cuda  # noqa: PLC0415 - in the child only
    from vidcls.runtime.onnxruntime_session import import_onnxruntime  # noqa: PLC0415

    try:
        runtime = import_onnxruntime()
    except DependencyError as error:
        return {"problem": _problem(error)}
    found, clash = dataclasses.asdict(cuda.find_cuda(runtime)), cuda.clash(runtime)
    del found["problem"]  # the run on CUDA tells it
    providers = runtime.get_available_providers()
    return {
        "version": runtime.__version__,
        "wheels": cuda.wheels(runtime),
        "providers": providers,
        "has_cuda": cuda.PROVIDER in providers,
        "cuda": found,
        "problem": dataclasses.asdict(clash) if clash else None,
    }


def _check_run(device: str) -> dict[str, Any]:
    import numpy as np  # noqa: PLC0415 - in the child only

    from vidcls.errors import VidclsError  # noqa: PLC0415
    from vidcls.runtime.onnxruntime_session import OnnxRuntimeSession  # noqa: PLC0415

    try:
        session = OnnxRuntimeSession(SAMPLES / "model.onnx", device=device)  # type: ignore[arg-type]
        values = np.array(_MODEL_INPUT, np.float32)
        session.run(values)  # the first also sets up
        started = time.perf_counter()
        output = session.run(values).tolist()
    except VidclsError as error:
        return {"problem": _problem(error)}
    if output != _MODEL_OUTPUT:
        return {
            "problem": {
                "what": f"a tiny model on device '{device}' gives {output}, expected {_MODEL_OUTPUT}",
                "mend": "install onnxruntime again, and on CUDA update the driver",
            }
        }
    return {"ms": (time.perf_counter() - started) * 1000}


def _check_video() -> dict[str, Any]:
    from vidcls.errors import DependencyError, VideoError  # noqa: PLC0415 - in the child only

    try:
        from vidcls.video.reader import quiet_decoders, read_times  # noqa: PLC0415
    except DependencyError as error:
        return {"problem": _problem(error)}
    import cv2  # noqa: PLC0415

    quiet_decoders()
    build = {
        name.strip(): value.strip()
        for name, colon, value in (line.partition(":") for line in cv2.getBuildInformation().splitlines())
        if colon
    }
    decodes = {}
    for sample in sorted(SAMPLES.glob("*.m*4*")) + sorted(SAMPLES.glob("*.webm")):
        try:
            decodes[sample.stem] = len(read_times(sample)) == 2
        except VideoError:
            decodes[sample.stem] = False
    found = {
        "opencv": cv2.__version__,
        "ffmpeg": build.get("FFMPEG", "NO").startswith("YES"),
        "gui": None if build.get("GUI", "NONE") == "NONE" else build["GUI"],
        "display": bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")),
        "av": _version("av"),
        "decodes": decodes,
    }
    if not any(decodes.values()):
        what = "OpenCV can decode no video" + ("" if found["ffmpeg"] else ", it is built without FFmpeg")
        switched_off = "OPENCV_VIDEOIO_PRIORITY_FFMPEG" in os.environ
        mend = "unset OPENCV_VIDEOIO_PRIORITY_FFMPEG" if switched_off else _REINSTALL_OPENCV
        return {**found, "problem": {"what": what, "mend": mend}}
    return found


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _problem(error: Exception) -> dict[str, str]:
    from vidcls.runtime.session import ASKED_FOR  # noqa: PLC0415 - in the child only

    what, _, mend = str(error).removeprefix(ASKED_FOR).partition("; ")
    return {"what": what, "mend": mend}


_CHECKS: dict[str, Callable[[], dict[str, Any]]] = {
    "runtime": _check_runtime,
    "cpu": lambda: _check_run("cpu"),
    "cuda": lambda: _check_run("cuda"),
    "video": _check_video,
}


def _main(checks: list[str]) -> None:
    for check in checks:
        found = _CHECKS[check]()
        print(json.dumps(found), flush=True)  # noqa: T201 - read by the parent, which counts the lines
        if check == "runtime" and "version" not in found:
            return


if __name__ == "__main__":
    _main(sys.argv[1:])
