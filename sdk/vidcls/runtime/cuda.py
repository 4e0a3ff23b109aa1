"""CUDA on this machine: found by asking the driver and the loader, not by reading onnxruntime's messages.

Everything here is looked at before onnxruntime tries, because onnxruntime mostly logs a long line about
what it lacks and goes on with the CPU.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from dataclasses import dataclass
from functools import cache
from importlib import metadata, util
from pathlib import Path
from types import ModuleType

from vidcls.runtime import shared_libraries
from vidcls.runtime.devices import name_of
from vidcls.runtime.shared_libraries import needed_libraries

PROVIDER = "CUDAExecutionProvider"

_INSTALL = "run 'pip install \"vidcls[gpu]\"'"
_CLEAN_INSTALL = f"run 'pip uninstall --yes onnxruntime onnxruntime-gpu' and then {_INSTALL.removeprefix('run ')}"
_WHEELS = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml", "onnxruntime-qnn")
_DRIVER = "libcuda.so.1"
# Newer onnxruntimes open it only when a convolution runs, so no file says that it is needed.
_CUDNN = "libcudnn.so.9"
# The oldest Linux driver for each CUDA, from NVIDIA's "CUDA Compatibility".
_OLDEST_DRIVER = {11: "450", 12: "525", 13: "580"}
# CUresult in cuda.h
_NO_DEVICE, _STUB_LIBRARY, _DRIVER_MISMATCH = 100, 34, 803
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
_NVIDIA, _DISPLAY = "0x10de", "0x03"  # PCI vendor and class


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that does not work here, and the line that mends it: two halves of a sentence."""

    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.what}; {self.mend}"


@dataclass(frozen=True, kw_only=True)
class Card:
    """A CUDA device. capability: such as "9.0"."""

    name: str
    memory_mb: int
    capability: str


@dataclass(frozen=True, kw_only=True)
class Cuda:
    """What CUDA has here.

    version: the newest CUDA that the driver can do, such as (13, 0); None without a driver.
    cards: what the driver lets this process use.
    libraries: where each library was found that onnxruntime's provider needs: a file, "system" for the
        loader's own places, None if it is missing.
    problem: why this cannot work, None if all that can be looked at from outside is right.
    """

    version: tuple[int, int] | None
    cards: tuple[Card, ...]
    libraries: dict[str, str | None]
    problem: Problem | None


def find_cuda(runtime: ModuleType) -> Cuda:
    """Look at everything that this onnxruntime's CUDA needs, and load CUDA's libraries for it.

    Those that pip installed, as extras of onnxruntime-gpu or with torch, are found without a search path.
    """
    if PROVIDER not in runtime.get_available_providers():
        return Cuda(version=None, cards=(), libraries={}, problem=_without_provider(runtime))
    if sys.platform != "linux":  # elsewhere libraries have other names; onnxruntime knows them
        runtime.preload_dlls()
        return Cuda(version=None, cards=(), libraries={}, problem=None)
    provider = Path(runtime.__file__ or "").parent / "capi" / "libonnxruntime_providers_cuda.so"
    needed = needed_libraries(provider) if provider.is_file() else []
    version, cards, problem = _driver(built_for=_built_for(needed))
    wanted = list(dict.fromkeys([name for name in needed if name != _DRIVER] + [_CUDNN]))
    loaded = shared_libraries.load(wanted, folders=library_folders())
    missing = {name: error for name, error in loaded.items() if isinstance(error, OSError)}
    libraries = {
        name: None if isinstance(place, OSError) else "system" if place is None else str(place)
        for name, place in loaded.items()
    }
    if problem is None and missing:
        named = ", ".join(missing)
        problem = Problem(
            what=f"CUDA libraries that onnxruntime {runtime.__version__} needs cannot be loaded: {named} "
            f"({next(iter(missing.values()))})",
            mend=_INSTALL,
        )
    if problem is not None and len(wheels(runtime)) > 1:
        problem = clash(runtime)
    return Cuda(version=version, cards=cards, libraries=libraries, problem=problem)


def card_problem(found: Cuda, card: int) -> Problem | None:
    """The problem that there is no card with this number, or None; where the cards are not known, onnxruntime says so.

    Examples:
        >>> from vidcls.runtime.cuda import Card, Cuda, card_problem
        >>> h200 = Card(name="NVIDIA H200", memory_mb=143771, capability="9.0")
        >>> found = Cuda(version=(13, 0), cards=(h200, h200), libraries={}, problem=None)
        >>> print(card_problem(found, 1), card_problem(found, 2), sep="; ")
        None; this process may use 2 NVIDIA cards, 'cuda' and 'cuda:1'; name one of these, or check CUDA_VISIBLE_DEVICES
    """
    count = len(found.cards)
    if not found.cards or card < count:
        return None
    cards = "1 NVIDIA card, 'cuda'" if count == 1 else f"{count} NVIDIA cards, 'cuda' "
    if count > 1:
        cards += f"{'and' if count == 2 else 'to'} '{name_of(count - 1)}'"
    mend = "take that" if count == 1 else "name one of these"
    return Problem(what=f"this process may use {cards}", mend=f"{mend}, or check CUDA_VISIBLE_DEVICES")


def wheels(runtime: ModuleType) -> dict[str, str]:
    """Version by name of every package that was installed as this very module `onnxruntime`."""
    place = Path(runtime.__file__ or "").parent.resolve()
    found = {}
    for name in _WHEELS:
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        if Path(str(package.locate_file("onnxruntime"))).resolve() == place:
            found[name] = package.version
    return found


def clash(runtime: ModuleType) -> Problem | None:
    """The problem that two packages were installed as one module, or None."""
    found = [f"{name} {version}" for name, version in wheels(runtime).items()]
    if len(found) < 2:
        return None
    return Problem(
        what=f"{' and '.join(found)} are both installed and have overwritten each other's files", mend=_CLEAN_INSTALL
    )


def explain(message: str) -> Problem:
    """The problem behind what onnxruntime raised on CUDA, when a session was opened or run."""
    # As onnxruntime 1.31 words it: its own arena, CUDA's error 2, and CUDA's libraries.
    if re.search(r"out of memory|Failed to allocate memory|smaller than requested bytes|_ALLOC_FAILED", message):
        return Problem(
            what=f"the card's memory is too small or taken by others ({_shortened(message)})",
            mend="end what 'nvidia-smi' lists, or export the model with --precision fp16",
        )
    if "invalid device ordinal" in message:  # CUDA's error 101
        return Problem(
            what=f"there is no card with this number ({_shortened(message)})",
            mend="run 'nvidia-smi --list-gpus', and check CUDA_VISIBLE_DEVICES",
        )
    if "no kernel image is available" in message:
        return Problem(
            what=f"this onnxruntime is not built for this card ({_shortened(message)})",
            mend="use device 'cpu', or an onnxruntime-gpu that still supports the card",
        )
    return Problem(
        what=f"onnxruntime cannot use CUDA on this machine ({_shortened(message)})",
        mend="run 'vidcls doctor', and check that 'nvidia-smi' works",
    )


def card_in_sight() -> bool:
    """Whether an NVIDIA card is on the PCI bus, whatever drives it."""
    for device in Path("/sys/bus/pci/devices").glob("*"):
        try:
            vendor, kind = ((device / name).read_text(encoding="ascii").strip() for name in ("vendor", "class"))
        except OSError:
            continue
        if vendor == _NVIDIA and kind.startswith(_DISPLAY):
            return True
    return False


def library_folders() -> list[Path]:
    """Where pip puts NVIDIA's libraries, and torch its own; neither is imported."""
    folders: list[Path] = []
    for package, pattern in (("nvidia", "*/lib"), ("torch", "lib")):
        found = util.find_spec(package)
        for place in (found.submodule_search_locations or []) if found else []:
            folders += sorted(Path(place).glob(pattern))
    return folders


def _without_provider(runtime: ModuleType) -> Problem:
    return clash(runtime) or Problem(
        what=f"the onnxruntime {runtime.__version__} installed here is built without CUDA", mend=_CLEAN_INSTALL
    )


def _built_for(needed: list[str]) -> int | None:
    """CUDA's major version that the provider's file was built for."""
    versions = [name.removeprefix("libcudart.so.") for name in needed if name.startswith("libcudart.so.")]
    return int(versions[0].partition(".")[0]) if versions else None


@cache
def _driver(*, built_for: int | None) -> tuple[tuple[int, int] | None, tuple[Card, ...], Problem | None]:
    """(newest CUDA that the driver can do, its cards, what is wrong)."""
    container = "in a container start it with '--gpus all'"
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError as error:
        if card_in_sight():
            return None, (), Problem(
                what=f"this machine has an NVIDIA card but no driver for it ({error})",
                mend=f"install NVIDIA's driver ('nvidia-smi' then lists the card); {container}",
            )  # fmt: skip
        return None, (), Problem(
            what=f"this machine has no NVIDIA card, or does not show it to this process ({error})",
            mend=f"use device 'cpu'; {container}",
        )  # fmt: skip
    number = ctypes.c_int()
    driver.cuDriverGetVersion(ctypes.byref(number))
    version = number.value // 1000, number.value % 1000 // 10
    if built_for is not None and 0 < version[0] < built_for:
        oldest = _OLDEST_DRIVER.get(built_for)
        return version, (), Problem(
            what=f"the NVIDIA driver is too old: it can do CUDA {version[0]}.{version[1]}, and this onnxruntime is "
            f"built for CUDA {built_for}",
            mend=f"update the driver{f' to {oldest} or newer' if oldest else ''}",
        )  # fmt: skip
    status = driver.cuInit(0)
    if status != 0:
        return version, (), _start_problem(status, container)
    cards = _cards(driver)
    if not cards:
        return version, (), _start_problem(_NO_DEVICE, container)
    return version, cards, None


def _start_problem(status: int, container: str) -> Problem:
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if status == _NO_DEVICE and hidden is not None:
        return Problem(
            what=f"the NVIDIA driver shows no card, and CUDA_VISIBLE_DEVICES is '{hidden}'",
            mend="unset CUDA_VISIBLE_DEVICES, or set it to the number of a card that 'nvidia-smi' lists",
        )
    if status == _NO_DEVICE:
        return Problem(what="the NVIDIA driver finds no card", mend=f"check 'nvidia-smi'; {container}")
    if status == _STUB_LIBRARY:
        return Problem(
            what=f"{_DRIVER} is the toolkit's stand-in, not a driver",
            mend="take the toolkit's 'stubs' folder out of LD_LIBRARY_PATH and install NVIDIA's driver",
        )
    if status == _DRIVER_MISMATCH:
        return Problem(
            what="the NVIDIA driver was updated while it was running: its library and its kernel module differ",
            mend="restart the machine",
        )
    return Problem(
        what=f"the NVIDIA driver cannot start (CUDA error {status})", mend="check 'nvidia-smi', restart the machine"
    )


def _cards(driver: ctypes.CDLL) -> tuple[Card, ...]:
    count = ctypes.c_int()
    if driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return ()
    cards = []
    for index in range(count.value):
        device, name, memory = ctypes.c_int(), ctypes.create_string_buffer(128), ctypes.c_size_t()
        major, minor = ctypes.c_int(), ctypes.c_int()
        driver.cuDeviceGet(ctypes.byref(device), index)
        driver.cuDeviceGetName(name, len(name), device)
        driver.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
        driver.cuDeviceGetAttribute(ctypes.byref(major), _MAJOR, device)
        driver.cuDeviceGetAttribute(ctypes.byref(minor), _MINOR, device)
        cards.append(
            Card(
                name=name.value.decode("utf-8", "replace"),
                memory_mb=memory.value >> 20,
                capability=f"{major.value}.{minor.value}",
            )
        )
    return tuple(cards)


def _shortened(message: str) -> str:
    """The part of onnxruntime's message that says something: of CUDA's errors the number and its name."""
    found = re.search(r"(CUDA|CUBLAS|CUDNN) failure \d+: [^;\n]*", message)
    return (found[0] if found else message.partition("\n")[0]).strip()
