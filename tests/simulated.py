"""Machines with CUDA that cannot work, each made of real shared libraries that a C compiler builds.

onnxruntime itself is the real one, but for what onnxruntime-gpu 1.31.1 was seen to do on machines
without a card, or with stand-ins for the driver:

- it lists CUDAExecutionProvider, whatever is missing;
- where its provider's library cannot be loaded, it logs that and opens the session on the CPU;
- where CUDA cannot be started, opening raises a bare RuntimeError such as
  "... CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version ; GPU=-1 ; hostname=...".

It is put in place by a sitecustomize module, so that child processes have it too.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

# A CUDA that no machine has: neither pip's libraries nor the system's can take the place of the missing.
MAJOR = 99
LIBRARIES = (f"libcublasLt.so.{MAJOR}", f"libcublas.so.{MAJOR}", f"libcudart.so.{MAJOR}", "libcudnn.so.9")
DRIVER = "libcuda.so.1"
_PROVIDER = "libonnxruntime_providers_cuda.so"

_DRIVER_SOURCE = """
#include <string.h>
#include <unistd.h>
int cuDriverGetVersion(int *version) { *version = VERSION; return 0; }
int cuInit(unsigned flags) { static int calls; if (++calls == HANGS_AT) sleep(3600); return STATUS; }
int cuDeviceGetCount(int *count) { *count = CARDS; return 0; }
int cuDeviceGet(int *device, int index) { *device = index; return 0; }
int cuDeviceGetName(char *name, int length, int device) { strncpy(name, "Simulated Card", length); return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = (size_t)8 << 30; return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) { *value = attribute == 75 ? 9 : 0; return 0; }
"""

_SITECUSTOMIZE = """
import ctypes, sys
from pathlib import Path

# What pip installed beside the tests is not on this machine.
sys.modules["nvidia"] = sys.modules["torch"] = sys.modules["openvino"] = None
sys.path.insert(0, {folder!r})
import onnxruntime

folder = Path({folder!r}) / "onnxruntime"
onnxruntime.__file__ = str(folder / "__init__.py")
onnxruntime.__version__ = "99.0.0"
CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
Real = onnxruntime.InferenceSession


class InferenceSession(Real):
    def __init__(self, path, options, *, providers, **others):
        if providers != [CPU]:
            print("opening on", providers[0], file=sys.stderr)
            try:
                ctypes.CDLL(str(folder / "capi" / "libonnxruntime_providers_cuda.so"))
            except OSError as error:
                print("Failed to load library", error, file=sys.stderr)
            else:
                ctypes.CDLL("libcuda.so.1").cuInit(0)
                raise RuntimeError({raises!r})
        super().__init__(path, options, providers=[CPU], **others)


if {has_cuda!r}:
    onnxruntime.get_available_providers = lambda: [CUDA, CPU]
    onnxruntime.InferenceSession = InferenceSession
"""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a simulated machine has.

    driver: (CUDA version as cuDriverGetVersion gives it, status of cuInit), or None without a driver.
    libraries: those of LIBRARIES that are there.
    wheels: packages installed as the module onnxruntime, with their versions.
    has_cuda: whether the onnxruntime that is there was built with CUDA.
    raises: what opening a session on CUDA raises.
    cards: how many the driver shows.
    hangs_at: which call that starts the driver does not return; 0 for none.
    environment: more variables.
    """

    driver: tuple[int, int] | None = (MAJOR * 1000, 0)
    libraries: tuple[str, ...] = LIBRARIES
    wheels: tuple[tuple[str, str], ...] = (("onnxruntime-gpu", "99.0.0"),)
    has_cuda: bool = True
    raises: str = "CUDA failure 999: unknown error ; GPU=0 ; hostname=here"
    cards: int = 1
    hangs_at: int = 0
    environment: dict[str, str] = field(default_factory=dict)


def build(machine: Machine, folder: Path, *, libraries_folder: str = "lib") -> dict[str, str]:
    """Build a machine in `folder`; the environment in which Python runs on it.

    libraries_folder: where CUDA's libraries lie. Only "lib" is on the loader's path.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to build the libraries of a simulated machine")
    capi, everything, loaders = folder / "onnxruntime" / "capi", _everything(compiler), folder / "lib"
    for place in (capi, loaders, folder / libraries_folder):
        place.mkdir(parents=True, exist_ok=True)
    for name in machine.libraries:
        shutil.copy(everything / name, folder / libraries_folder)
    if machine.driver is not None:
        version, status = machine.driver
        given = {"VERSION": version, "STATUS": status, "CARDS": machine.cards, "HANGS_AT": machine.hangs_at}
        flags = [*(f"-D{name}={value}" for name, value in given.items()), f"-Wl,-soname,{DRIVER}"]
        _compile(compiler, loaders / DRIVER, _DRIVER_SOURCE, flags)
    shutil.copy(everything / _PROVIDER, capi)
    for name, number in machine.wheels:
        about = folder / f"{name.replace('-', '_')}-{number}.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n", encoding="utf-8")
    customize = _SITECUSTOMIZE.format(folder=str(folder), raises=machine.raises, has_cuda=machine.has_cuda)
    (folder / "python").mkdir()
    (folder / "python" / "sitecustomize.py").write_text(customize, encoding="utf-8")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder / "python"), *sys.path[1:]]),
        "LD_LIBRARY_PATH": str(loaders),
        **machine.environment,
    }


@cache
def _everything(compiler: str) -> Path:
    """A folder of what is the same on all machines: CUDA's libraries, a driver to link with, onnxruntime's provider."""
    folder = Path(tempfile.mkdtemp(prefix="vidcls-simulated-"))
    atexit.register(shutil.rmtree, folder)
    for name in (*LIBRARIES, DRIVER):
        _compile(compiler, folder / name, "", [f"-Wl,-soname,{name}"])
    # Like the real one's, this provider's file does not name cuDNN.
    needed = [f"-l:{name}" for name in (*LIBRARIES[:3], DRIVER)]
    _compile(compiler, folder / _PROVIDER, "", ["-Wl,--no-as-needed", f"-L{folder}", *needed])
    return folder


def _compile(compiler: str, target: Path, source: str, flags: list[str]) -> None:
    command = [compiler, "-shared", "-fPIC", "-o", str(target), "-xc", "-", "-xnone", *flags]
    subprocess.run(command, input=source, text=True, check=True)
