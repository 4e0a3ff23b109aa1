"""Why CUDA cannot work: every cause on a machine that really has it, named by session and doctor alike."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from simulated import DRIVER, LIBRARIES, MAJOR, Machine, build
from vidcls.runtime import cuda
from vidcls.runtime.shared_libraries import load, needed_libraries

OPEN = """
import json, logging, sys
from pathlib import Path
from vidcls import DeviceError
from vidcls.diagnostics import checks
from vidcls.runtime.onnxruntime_session import OnnxRuntimeSession
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
session = OnnxRuntimeSession(Path(sys.argv[1]), device="auto")
try:
    OnnxRuntimeSession(Path(sys.argv[1]), device="cuda")
except DeviceError as error:
    answer = {"error": str(error), "auto": session.device, "reason": session.device_reason}
    print(json.dumps({**answer, "doctor": checks.check_run("cuda")}))
"""

MACHINES = {
    "CPU-only onnxruntime": (
        Machine(has_cuda=False, wheels=(("onnxruntime", "99.0.0"),)),
        "the onnxruntime 99.0.0 installed here is built without CUDA",
        "run 'pip uninstall --yes onnxruntime onnxruntime-gpu' and then 'pip install \"vidcls[gpu]\"'",
    ),
    "both wheels, the CPU's last": (
        Machine(has_cuda=False, wheels=(("onnxruntime", "99.0.0"), ("onnxruntime-gpu", "98.0.0"))),
        "onnxruntime 99.0.0 and onnxruntime-gpu 98.0.0 are both installed and have overwritten each other's files",
        "run 'pip uninstall --yes onnxruntime onnxruntime-gpu' and then 'pip install \"vidcls[gpu]\"'",
    ),
    "both wheels, CUDA's last": (
        Machine(wheels=(("onnxruntime", "98.0.0"), ("onnxruntime-gpu", "99.0.0")), libraries=()),
        "onnxruntime 98.0.0 and onnxruntime-gpu 99.0.0 are both installed and have overwritten each other's files",
        "run 'pip uninstall --yes onnxruntime onnxruntime-gpu' and then 'pip install \"vidcls[gpu]\"'",
    ),
    "no driver": (
        Machine(driver=None),
        "NVIDIA card",
        "in a container start it with '--gpus all'",
    ),
    "no card": (
        Machine(driver=(MAJOR * 1000, 100)),
        "the NVIDIA driver finds no card",
        "check 'nvidia-smi'; in a container start it with '--gpus all'",
    ),
    "hidden card": (
        Machine(driver=(MAJOR * 1000, 100), environment={"CUDA_VISIBLE_DEVICES": ""}),
        "the NVIDIA driver shows no card, and CUDA_VISIBLE_DEVICES is ''",
        "unset CUDA_VISIBLE_DEVICES, or set it to the number of a card that 'nvidia-smi' lists",
    ),
    "driver too old": (
        Machine(driver=(MAJOR * 1000 - 880, 0)),
        f"the NVIDIA driver is too old: it can do CUDA {MAJOR - 1}.12, and this onnxruntime is built for CUDA {MAJOR}",
        "update the driver",
    ),
    "driver updated while it ran": (
        Machine(driver=(MAJOR * 1000, 803)),
        "the NVIDIA driver was updated while it was running: its library and its kernel module differ",
        "restart the machine",
    ),
    "the toolkit's stub": (
        Machine(driver=(MAJOR * 1000, 34)),
        "libcuda.so.1 is the toolkit's stand-in, not a driver",
        "take the toolkit's 'stubs' folder out of LD_LIBRARY_PATH and install NVIDIA's driver",
    ),
    "broken driver": (
        Machine(driver=(MAJOR * 1000, 999)),
        "the NVIDIA driver cannot start (CUDA error 999)",
        "check 'nvidia-smi', restart the machine",
    ),
    "no cuBLAS": (
        Machine(libraries=LIBRARIES[2:]),
        f"CUDA libraries that onnxruntime 99.0.0 needs cannot be loaded: libcublasLt.so.{MAJOR}, "
        f"libcublas.so.{MAJOR} (libcublasLt.so.{MAJOR}: cannot open shared object file: No such file or directory)",
        "run 'pip install \"vidcls[gpu]\"'",
    ),
    "no cuDNN": (
        Machine(libraries=LIBRARIES[:3]),
        "CUDA libraries that onnxruntime 99.0.0 needs cannot be loaded: libcudnn.so.9 (libcudnn.so.9: cannot open "
        "shared object file: No such file or directory)",
        "run 'pip install \"vidcls[gpu]\"'",
    ),
    "out of memory": (
        Machine(raises="/src/cuda_call.cc:154 CUDA failure 2: out of memory ; GPU=0 ; hostname=here ; file=x"),
        "the card's memory is too small or taken by others (CUDA failure 2: out of memory)",
        "end what 'nvidia-smi' lists, or export the model with --precision fp16",
    ),
    "a card too old": (
        Machine(
            raises="/src/x.cc:1 CUDA failure 209: no kernel image is available for execution on the device ; GPU=0"
        ),
        "this onnxruntime is not built for this card (CUDA failure 209: no kernel image is available for execution on "
        "the device)",
        "use device 'cpu', or an onnxruntime-gpu that still supports the card",
    ),
    "anything else": (
        Machine(),
        "onnxruntime cannot use CUDA on this machine (CUDA failure 999: unknown error)",
        "run 'vidcls doctor', and check that 'nvidia-smi' works",
    ),
}


def run(arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("fault", MACHINES)
def test_every_cause_is_named_with_the_line_that_mends_it(fault: str, model: Path, tmp_path: Path) -> None:
    machine, what, mend = MACHINES[fault]
    environment = build(machine, tmp_path)
    opened = run(["-c", OPEN, str(model)], environment)
    assert opened.returncode == 0, opened.stderr
    answer = json.loads(opened.stdout)
    assert answer["error"].startswith("device 'cuda' was asked for, but ")
    assert what in answer["error"]
    assert mend in answer["error"]
    assert "\n" not in answer["error"]
    assert answer["auto"] == "cpu"
    assert what in answer["reason"]
    level = "WARNING" if machine.has_cuda else "INFO"
    assert f"{level} running on the CPU: {answer['reason']}\n" in opened.stderr

    assert what in answer["doctor"]["problem"]["what"]
    assert mend in answer["doctor"]["problem"]["mend"]


CARDS = """
import json, sys
from pathlib import Path
from vidcls import DeviceError
from vidcls.diagnostics import checks
from vidcls.runtime.onnxruntime_session import OnnxRuntimeSession
for device in ("cuda:0", "cuda:1", "cuda:2"):
    try:
        OnnxRuntimeSession(Path(sys.argv[1]), device=device)
    except DeviceError as error:
        print(json.dumps([str(error), checks.check_run(device)["problem"]]))
"""


@pytest.mark.parametrize(
    ("count", "named"), [(1, "1 NVIDIA card, 'cuda'; take that"), (2, "'cuda' and 'cuda:1'; name")]
)
def test_of_several_cards_the_one_with_that_number_is_taken(
    count: int, named: str, model: Path, tmp_path: Path
) -> None:
    result = run(["-c", CARDS, str(model)], build(Machine(cards=count), tmp_path))
    assert result.returncode == 0, result.stderr
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    names = ["cuda", "cuda:1", "cuda:2"]
    for number, (name, (error, problem)) in enumerate(zip(names, answers, strict=True)):
        assert error.startswith(f"device '{name}' was asked for, but ")
        assert error.endswith(f"{problem['what']}; {problem['mend']}")
        is_there = number < count
        assert ("CUDA failure 999" in error) == is_there
        assert (f"this process may use {'' if count == 1 else '2 NVIDIA cards, '}{named}" in error) == (not is_there)
    # Each that is there was tried twice, by a session and by the doctor's check.
    tried = [line for line in result.stderr.splitlines() if line.startswith("opening on")]
    expected = [
        f"opening on ('CUDAExecutionProvider', {{'device_id': '{number}', 'use_tf32': '0'}})" for number in range(count)
    ]
    assert tried == [line for line in expected for _ in range(2)]


def packages_of_cuda_12() -> bool:
    """Whether they are installed, as PyTorch 2.6 needs them: a regular package, which hides a pretended one."""
    found = importlib.util.find_spec("nvidia")
    return found is not None and found.origin is not None


@pytest.mark.skipif(packages_of_cuda_12(), reason="CUDA 12's packages are installed, and hide the pretended ones")
def test_libraries_from_pip_are_found_without_a_search_path(model: Path, tmp_path: Path) -> None:
    environment = build(Machine(), tmp_path, libraries_folder="site/nvidia/cu99/lib")
    customize = tmp_path / "python" / "sitecustomize.py"
    hidden = 'sys.modules["nvidia"] = '
    content = customize.read_text(encoding="utf-8")
    assert hidden in content
    at_hand = f"sys.path.insert(0, {str(tmp_path / 'site')!r}); "
    customize.write_text(content.replace(hidden, at_hand), encoding="utf-8")
    check = [sys.executable, "-m", "vidcls.diagnostics.checks", "runtime"]
    with subprocess.Popen(check, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # it ends with whoever holds its standard input
        found = json.loads(process.stdout.readline())["cuda"]
    places = {name: str(tmp_path / "site/nvidia/cu99/lib" / name) for name in LIBRARIES}
    assert {name: found["libraries"][name] for name in LIBRARIES} == places
    assert found["cards"] == [{"name": "Simulated Card", "memory_mb": 8192, "capability": "9.0"}]
    assert found["version"] == [MAJOR, 0]
    # And what needs them can be loaded then: the shim got as far as starting CUDA.
    assert "CUDA failure 999" in run(["-c", OPEN, str(model)], environment).stdout


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("Failed to allocate memory for requested buffer of size 123", "memory is too small"),
        ("Available memory of 5 is smaller than requested bytes of 9", "memory is too small"),
        ("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; hostname=here", "memory is too small"),
        ("/src/x.cc:1 CUDA failure 101: invalid device ordinal ; GPU=0 ; hostname=here", "no card with this number"),
        ("something\nelse", r"cannot use CUDA on this machine \(something\)"),
    ],
)
def test_errors_of_a_run_are_explained_too(message: str, named: str) -> None:
    problem = cuda.explain(message)
    assert cuda.re.search(named, problem.what)  # type: ignore[attr-defined]
    assert "hostname" not in str(problem)
    assert "\n" not in str(problem)


def test_a_libraries_needs_are_those_that_it_was_linked_with(tmp_path: Path) -> None:
    build(Machine(), tmp_path)
    provider = tmp_path / "onnxruntime" / "capi" / "libonnxruntime_providers_cuda.so"
    assert needed_libraries(provider)[:4] == [*LIBRARIES[:3], DRIVER]
    reader = shutil.which("readelf")
    if reader is None:
        pytest.skip("no readelf to compare with")
    import numpy as np

    for path in (provider, *Path(np.__file__).parent.rglob("*.so")):
        lines = subprocess.run([reader, "-d", path], capture_output=True, text=True, check=True).stdout.splitlines()
        expected = [line.partition("[")[2].rstrip("]") for line in lines if "(NEEDED)" in line]
        assert needed_libraries(path) == expected


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh", b"\x7fELF\x01\x01" + bytes(100)])
def test_what_is_no_library_has_no_needs(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match="not a 64-bit ELF library"):
        needed_libraries(tmp_path / "file")


def test_a_library_that_is_there_but_broken_is_named(tmp_path: Path) -> None:
    (tmp_path / "libbroken.so.1").write_bytes(b"not a library")
    found: dict[str, Any] = load(["libbroken.so.1", "libm.so.6"], folders=[tmp_path])
    assert str(tmp_path / "libbroken.so.1") in str(found["libbroken.so.1"])
    assert found["libm.so.6"] is None
