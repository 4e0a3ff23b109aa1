"""What runs on this machine, what does not, and the line that mends it.

Whatever can bring a process down - a library for another processor, a driver - is tried by `checks` in a child
process.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import vidcls
from vidcls import cpus
from vidcls.concurrency.child_process import KILL_SECONDS, owned
from vidcls.runtime.devices import NAMES, checked_device
from vidcls.versions import package_version

# How long the checks of one subject may take. They take seconds; importing CUDA's gigabytes of libraries from a slow
# disk, and compiling for a card that is newer than they are, a minute or two. A driver that hangs never answers.
ANSWER_SECONDS = 180.0


def examine(*, device: str = "auto", engine: str = "onnxruntime") -> dict[str, Any]:
    """Try everything that vidcls needs; what `vidcls doctor --json` prints.

    Args:
        device: what has to work: "cpu", "cuda", another card such as "cuda:1", or "auto": the CPU, and CUDA where an
            onnxruntime with CUDA was installed.
        engine: what has to work beside onnxruntime: "openvino", or nothing else. It is tried where it is installed.
    """
    device = checked_device(device)
    tried = ("cpu", "cuda", *([device] if device not in NAMES else []))
    has_openvino = package_version("openvino") is not None
    others = {"OpenVINO": ("openvino",)} if has_openvino or engine == "openvino" else {}
    found = _in_children({"onnxruntime": ("runtime", *tried), "OpenCV": ("video",), **others})
    runtime, video = found["runtime"], found["video"]
    devices: dict[str, Any] = {name: found[name] for name in tried if name in found}
    wanted = device if device != "auto" else "cuda" if runtime.get("has_cuda", False) else "cpu"
    asked = list(dict.fromkeys(["cpu", wanted]))
    decoders = video.get("decoders", [])
    faults = [runtime, video, *decoders, *(devices[name] for name in asked if name in devices)]
    openvino = found.get("openvino")
    if openvino is not None and engine == "openvino":
        faults.append(openvino)
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
        "openvino": openvino and {"ok": "problem" not in openvino, **openvino},
        "auto": _auto(devices),
        "video": {name: value for name, value in video.items() if name not in ("opencv", "problem")} or None,
        "cameras": _cameras(),
        "problems": problems,
    }
    return {**report, "notes": _notes(report)}


def usable_devices() -> tuple[str, ...]:
    """The devices on which onnxruntime computes right here: "cpu", and "cuda" where that works; tried in a child.

    Where it does not even run on the CPU, that is named all the same, for whoever tries it to say why.
    """
    found = _in_children({"onnxruntime": ("runtime", "cuda")})
    return ("cpu", "cuda") if "problem" not in found.get("cuda", {"problem": None}) else ("cpu",)


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
    found: dict[str, dict[str, Any]] = {}
    with ExitStack() as running:
        children = {
            subject: running.enter_context(owned("vidcls.diagnostics.checks", names, stderr=subprocess.PIPE))
            for subject, names in subjects.items()
        }
        for subject, process in children.items():
            found |= _answers(subject, subjects[subject], process)
    return found


def _answers(subject: str, names: tuple[str, ...], process: subprocess.Popen[bytes]) -> dict[str, dict[str, Any]]:
    """What it found until it ended, crashed or was ended, and what kept it from the rest."""
    hangs = False
    try:
        output, errors = process.communicate(timeout=ANSWER_SECONDS)
    except subprocess.TimeoutExpired:
        hangs = True
        output, errors = _sent_before_it_hung(process)
    answers = [json.loads(line) for line in output.splitlines()]
    found = dict(zip(names, answers, strict=False))
    if hangs or process.returncode != 0:
        failed = names[min(len(answers), len(names) - 1)]  # it may fail as it ends
        what = subject if failed in ("runtime", "video", "openvino") else f"a tiny model on device '{failed}'"
        problem = _hang(what) if hangs else _crash(what, process.returncode, errors.decode("utf-8", "replace"))
        found[failed] = {"problem": problem}
    return found


def _sent_before_it_hung(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """End it; what it wrote to standard output and error until then."""
    process.kill()
    try:
        return process.communicate(timeout=KILL_SECONDS)
    except subprocess.TimeoutExpired as stuck:  # in the kernel, which ends no process that waits for a driver
        return stuck.output or b"", stuck.stderr or b""


def _hang(what: str) -> dict[str, str]:
    mend = "restart this machine; where that does not help, install the driver and the package of it again"
    return {"what": f"{what}, or a driver that it loads, does not answer within {ANSWER_SECONDS:g} s", "mend": mend}


def _crash(what: str, code: int, errors: str) -> dict[str, str]:
    last_words = errors.strip().splitlines() or [f"exit code {code}"]
    end = signal.Signals(-code).name if code < 0 else last_words[-1]
    mend = "install its package again; where that does not help, it is built for another processor"
    return {"what": f"{what} ends in a crash ({end})", "mend": mend}
