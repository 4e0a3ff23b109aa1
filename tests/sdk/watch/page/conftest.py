from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from live_page import Show
from vidcls.watch.page.server import CLOSE_SECONDS, WatchPage
from vidcls.watch.settings import PageSettings

TOKEN = "a token of 8+".replace(" ", "-")


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


@pytest.fixture
def locked(show: Show) -> Iterator[str]:
    """The address of its page, which asks for TOKEN."""
    yield from served(show.page(PageSettings(port=0, token=TOKEN, names=("camera.lan",))))


def served(page: WatchPage) -> Iterator[str]:
    """Its address; afterwards it has closed in time, and left no thread behind."""
    before = threading.active_count()
    address = page.start()
    yield address
    begun = time.monotonic()
    page.close()
    assert time.monotonic() - begun < CLOSE_SECONDS
    until = time.monotonic() + 5
    while threading.active_count() > before:  # a thread that has just been told to end
        assert time.monotonic() < until, [thread.name for thread in threading.enumerate()]
        time.sleep(0.01)
