from __future__ import annotations

import gc
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from generated import write_checkpoint
from interrupts import take_interrupts
from scheduling import give_up_real_time
from vidcls.cpus import usable_cpus

ROOT = Path(__file__).parent.parent

give_up_real_time()
take_interrupts()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put modules marked `long` first: a run that ends with one of theirs keeps one worker busy and the others idle."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Workers of `-n auto`: one more than processors, as many tests wait; no more than memory surely holds."""
    return min(usable_cpus() + 1, 8)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Say how a worker ended that crashed: xdist names the test alone."""
    if error is None:
        return
    process = node.gateway._io.popen  # of no public name
    try:
        code = process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        code = "nothing: it is still running"
    node.config.get_terminal_writer().line(f"\n{node.gateway.id} (process {process.pid}) ended with {code}")


def pytest_collection_finish() -> None:
    """Leave what importing all tests made out of every later collection: with PyTorch that alone takes 0.3 s each."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Decoded clips of tests do not land in the user's cache, nor remove what is there.

    Here and not beside the tests of training: a server of forks has the variables of whoever started it first.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny random VideoMAE with its contract."""
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real clips (see README, "Tests"); tests that need it skip where it is missing."""
    folder = Path(os.environ.get("VIDCLS_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real clips at {folder}; set VIDCLS_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def cuda_card() -> str:
    """Name of the CUDA card here; tests that need one skip, or fail where VIDCLS_REQUIRE_CUDA=1 promises one."""
    import onnxruntime

    from vidcls.runtime import cuda

    found = cuda.find_cuda(onnxruntime)
    if found.problem is None:
        return found.cards[0].name
    if os.environ.get("VIDCLS_REQUIRE_CUDA") == "1":
        pytest.fail(f"VIDCLS_REQUIRE_CUDA=1, but {found.problem}")
    pytest.skip(f"no CUDA here: {found.problem.what}")
