from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from live_page import Show
from vidcls.watch.page.server import WatchPage
from vidcls.watch.settings import PageSettings

TOKEN = "a token of 8+".replace(" ", "-")
# Within which a page closes on a busy machine, whoever hangs on it; what waits for that waits for longer.
CLOSED_SECONDS = 20.0


@pytest.fixture
def show(tmp_path: Path) -> Show:
    """Two cameras, a few answers, no event yet."""
    show = Show(tmp_path, cameras=2)
    show.fill(3)
    return show


@pytest.fixture
def page(show: Show) -> Iterator[str]:
    """The address of its page, without a token."""
    yield from served(show.page(PageSettings(port=0)))


@pytest.fixture(scope="module")
def quiet_show(tmp_path_factory: pytest.TempPathFactory) -> Show:
    """As `show`, for all tests of a module that change nothing."""
    show = Show(tmp_path_factory.mktemp("show"), cameras=2)
    show.fill(3)
    return show


@pytest.fixture(scope="module")
def quiet(quiet_show: Show) -> Iterator[str]:
    """The address of its page."""
    yield from served(quiet_show.page(PageSettings(port=0)))


@pytest.fixture(scope="module")
def locked(quiet_show: Show) -> Iterator[str]:
    """The address of its page, which asks for TOKEN."""
    yield from served(quiet_show.page(PageSettings(port=0, token=TOKEN, names=("camera.lan",))))


def served(page: WatchPage) -> Iterator[str]:
    """Its address; afterwards it has closed in time, and left no thread behind."""
    before = own_threads()
    address = page.start()
    yield address
    begun = time.monotonic()
    page.close()
    assert time.monotonic() - begun < CLOSED_SECONDS
    until = begun + CLOSED_SECONDS
    while own_threads() - before:  # a thread that has just been told to end
        assert time.monotonic() < until, own_threads() - before
        time.sleep(0.01)


def own_threads() -> set[threading.Thread]:
    """Of pages, and of what they use; two pages may be served at the same time."""
    return {thread for thread in threading.enumerate() if thread is not threading.main_thread()}
