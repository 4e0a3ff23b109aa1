"""Clients that do harm, by raw sockets: none of them holds anything up."""

from __future__ import annotations

import gc
import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime, timezone
from urllib.parse import urlsplit

import numpy as np
import pytest

from live_page import Show
from sdk.watch.page.test_routes import ask, mark, next_event, parts
from vidcls.watch.page import app, server
from vidcls.watch.page.guard import read_body
from vidcls.watch.settings import PageSettings

# What is to happen soon, beside other work on the machine.
SOON = 20.0


def dial(page: str) -> socket.socket:
    parts = urlsplit(page)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(SOON)
    client.connect((parts.hostname, parts.port))
    return client


def stuck(page: str, path: str) -> socket.socket:
    """A client that asks and never reads."""
    client = dial(page)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return client


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 2 * SOON
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def is_hung_up_on(client: socket.socket) -> bool:
    """Whether it comes to an end soon; a reset is one."""
    until = time.monotonic() + SOON
    with suppress(ConnectionError):
        while client.recv(65536):
            if time.monotonic() > until:
                return False
    return True


def test_fifty_slow_clients_hold_nobody_up(page: str) -> None:
    paths = ("/picture/kitchen.mjpg", "/stream", "/picture/living-room.mjpg", "/history/kitchen.json", "/metrics")
    with ExitStack() as clients:
        for number in range(50):
            clients.enter_context(stuck(page, paths[number % len(paths)]))
        for _ in range(10):
            half = clients.enter_context(dial(page))
            half.sendall(b"GET / HTTP/1.1\r\nHo")
        begun = time.monotonic()
        for path in ("/", "/state.json", "/events.json", "/picture/kitchen.jpg", "/healthz"):
            assert ask(page, path).status == 200
        assert len(parts(ask(page, "/picture/kitchen.mjpg"), 3)) == 3
        assert next_event(ask(page, "/stream"))
        assert time.monotonic() - begun < SOON


def test_who_does_not_take_its_pictures_is_hung_up_on(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(app, "PICTURES_PER_SECOND", 200)  # so that buffers fill soon
    asked = threading.Event()

    def picture() -> np.ndarray:
        asked.set()
        return show.picture("kitchen")

    show.board.set_picture_source("kitchen", picture)
    with show.page(PageSettings(port=0)) as opened, stuck(opened.url, "/picture/kitchen.mjpg") as client:
        assert asked.wait(SOON)
        wait_until(lambda: not opened._server.server_state.connections)
        assert is_hung_up_on(client)


def test_half_a_request_and_one_that_drips_are_hung_up_on(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REQUEST_SECONDS", 0.3)
    with show.page(PageSettings(port=0)) as opened, dial(opened.url) as half, dial(opened.url) as drip:
        half.sendall(b"GET / HTTP/1.1\r\nHo")
        begun = time.monotonic()
        assert is_hung_up_on(half)
        with pytest.raises(OSError, match=r"reset|[Bb]roken pipe|aborted"):  # noqa: PT012
            while time.monotonic() - begun < 2 * SOON:
                drip.sendall(b"X")
                time.sleep(0.02)
        assert time.monotonic() - begun < SOON


def test_an_endless_request_is_refused(page: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), dial(page) as client:
        client.sendall(b"GET / HTTP/1.1\r\n")
        with suppress(OSError):
            for number in range(2000):
                client.sendall(b"X-%d: %s\r\n" % (number, b"x" * 1000))
        with suppress(OSError):
            assert client.recv(1000).startswith(b"HTTP/1.1 400")
        assert is_hung_up_on(client)
    assert "Invalid HTTP request" not in caplog.text  # which anyone could fill a log with
    assert ask(page, "/").status == 200


def test_a_long_body_is_not_taken(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not after the seconds that a body may take."""
    monkeypatch.setattr(app, "read_body", lambda receive, *, limit, **_: read_body(receive, limit=limit, seconds=99))
    with dial(page) as client:
        begun = time.monotonic()
        head = "POST /events/x/mark HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        client.sendall(f"{head}Content-Length: 100000000\r\n\r\n".encode())
        with suppress(OSError):
            for _ in range(100):
                client.sendall(bytes(65536))
        with suppress(OSError):
            assert client.recv(1000).startswith(b"HTTP/1.1 400")
        assert is_hung_up_on(client)
    assert time.monotonic() - begun < 2 * SOON


def test_streams_are_counted(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MAX_STREAMS", 2)
    with show.page(PageSettings(port=0)) as opened:
        first, second = ask(opened.url, "/stream"), ask(opened.url, "/picture/kitchen.mjpg")
        next_event(first)
        parts(second, 1)
        refused = ask(opened.url, "/stream")
        assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
        assert ask(opened.url, "/").status == 200
        first.close()
        wait_until(lambda: ask(opened.url, "/stream").status == 200)


def test_clients_are_counted(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_CLIENTS", 4)
    monkeypatch.setattr(server, "REQUEST_SECONDS", 60.0)
    with show.page(PageSettings(port=0)) as opened, ExitStack() as clients:
        idle = [clients.enter_context(dial(opened.url)) for _ in range(20)]
        wait_until(lambda: _status(opened.url) in (0, 503))
        for client in idle[8:]:
            assert is_hung_up_on(client)
        clients.close()
        wait_until(lambda: _status(opened.url) == 200)


def _status(page: str) -> int:
    try:
        return ask(page, "/").status
    except ConnectionError:
        return 0


def test_closing_waits_for_nobody(show: Show) -> None:
    before = set(threading.enumerate())
    page = show.page(PageSettings(port=0))
    address = page.start()
    with ExitStack() as clients:
        for path in ("/stream", "/picture/kitchen.mjpg", "/picture/living-room.mjpg") * 4:
            clients.enter_context(stuck(address, path))
        reading = ask(address, "/stream")
        next_event(reading)
        clients.enter_context(dial(address))
        begun = time.monotonic()
        page.close()
        assert time.monotonic() - begun < SOON
        wait_until(lambda: not set(threading.enumerate()) - before)
    with pytest.raises(ConnectionRefusedError):
        ask(address, "/")


def test_closing_says_nothing_of_those_who_watch_meanwhile(show: Show, caplog: pytest.LogCaptureFixture) -> None:
    """Whose pictures are being made all the time."""
    for _ in range(3):
        page = show.page(PageSettings(port=0))
        address = page.start()
        with ExitStack() as opened:
            for path in (
                "/picture/living-room.mjpg",
                "/picture/kitchen.mjpg",
                "/picture/kitchen.mjpg?small",
                "/stream",
            ):
                client = opened.enter_context(dial(address))
                client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                assert client.recv(4096)
                taking = threading.Thread(target=is_hung_up_on, args=(client,))
                taking.start()
                opened.callback(taking.join)
            time.sleep(0.3)
            page.close()
    assert caplog.messages == []


def test_closing_does_not_wait_for_a_mark_that_hangs(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    event = show.begin("kitchen", "wave", datetime.now(timezone.utc))
    show.board.put_event(replace(event, state="final", end=event.start))
    asked, over = threading.Event(), threading.Event()

    def hang(*_: object) -> None:
        asked.set()
        over.wait(3 * SOON)

    monkeypatch.setattr(show, "mark", hang)
    page = show.page(PageSettings(port=0))
    address = page.start()
    client = threading.Thread(target=lambda: suppressed(lambda: mark(address, event.id, {"label": None})))
    client.start()
    assert asked.wait(SOON)
    begun = time.monotonic()
    page.close()
    assert time.monotonic() - begun < SOON
    over.set()
    client.join()


def suppressed(call: Callable[[], object]) -> None:
    with suppress(ConnectionError):
        call()


def test_a_fault_of_the_program_is_logged_and_ends_nothing(
    page: str, show: Show, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    show.board.set_picture_source("kitchen", broken)
    with caplog.at_level(logging.ERROR, "vidcls"):
        assert ask(page, "/picture/kitchen.jpg").status == 500
        wait_until(lambda: "ZeroDivisionError" in caplog.text)
    assert ask(page, "/picture/living-room.jpg").status == 200


def test_who_comes_while_it_closes_is_hung_up_on(show: Show) -> None:
    """Nobody's connection is left to be found unclosed, which is a warning, and here an error."""
    for _ in range(3):
        page = show.page(PageSettings(port=0))
        page.start()
        with ExitStack() as opened:
            comes = threading.Event()

            def come(port: int = page.port, opened: ExitStack = opened, comes: threading.Event = comes) -> None:
                with suppress(OSError):
                    while True:
                        opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=SOON))
                        comes.set()

            coming = [threading.Thread(target=come) for _ in range(6)]
            for thread in coming:
                thread.start()
            assert comes.wait(SOON)
            page.close()
            for thread in coming:
                thread.join()
        gc.collect()
