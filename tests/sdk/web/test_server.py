"""A page's server beside clients that do harm: by raw sockets, so that nothing in between is polite."""

from __future__ import annotations

import itertools
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from vidcls.web import server
from vidcls.web.server import MAX_CLIENTS, MAX_STREAMS, Content, PageServer, Parts

PAGE = b"<!doctype html>"
# How long closing may take, and what is cut after 0.3 s, beside other work on the machine.
SOON = 5.0
PART = b"--picture\r\n\r\n" + bytes(200_000)


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[PageServer]:
    monkeypatch.setattr(server, "REQUEST_SECONDS", 0.3)
    monkeypatch.setattr(server, "ANSWER_SECONDS", 0.3)
    before = threading.active_count()
    routes = {
        "/": lambda: Content("text/html; charset=utf-8", PAGE),
        "/stream": lambda: Parts("multipart/x-mixed-replace; boundary=picture", lambda: PART, pause_seconds=0.01),
        "/short": lambda: Parts("text/plain", iter([b"one", b"two", None]).__next__, pause_seconds=0.01),
        "/broken": lambda: 1 / 0,
    }
    with PageServer(routes, names=["camera.lan"]) as opened:  # type: ignore[arg-type]  # one page is at fault
        yield opened
        begun = time.monotonic()
    assert time.monotonic() - begun < SOON
    assert threading.active_count() == before


def port_of(pages: PageServer) -> int:
    return int(pages.url.rstrip("/").rpartition(":")[2])


def dial(pages: PageServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port_of(pages)), timeout=5)


def ask(pages: PageServer, path: str = "/", *lines: str, method: str = "GET") -> bytes:
    """The whole answer; the Host is this one's, unless one of the lines is another."""
    fields = lines if any(line.lower().startswith("host") for line in lines) else (f"Host: {pages.url[7:-1]}", *lines)
    with dial(pages) as client:
        client.sendall("\r\n".join([f"{method} {path} HTTP/1.1", *fields, "", ""]).encode())
        return b"".join(iter(lambda: client.recv(65536), b""))


def status(answer: bytes) -> int:
    return int(answer.split()[1]) if answer else 0


def test_a_page_is_given_with_what_keeps_others_out(pages: PageServer) -> None:
    head, _, content = ask(pages).partition(b"\r\n\r\n")
    assert content == PAGE
    for field in (
        b"Content-Security-Policy: default-src 'self'",
        b"frame-ancestors 'none'",
        b"Cross-Origin-Resource-Policy: same-origin",
        b"X-Content-Type-Options: nosniff",
        b"Cache-Control: no-store",
    ):
        assert field in head
    assert b"Python" not in head
    assert b"Access-Control" not in head
    assert ask(pages, "/?x=1").endswith(PAGE)
    assert ask(pages, "/short").endswith(b"onetwo")


def test_it_is_this_machines_alone(pages: PageServer) -> None:
    assert pages.url.startswith("http://127.0.0.1:")
    with pytest.raises(OSError, match=r"refused|unreachable"):
        socket.create_connection((own_address(), port_of(pages)), timeout=2)


def own_address() -> str:
    """An address of this machine that others can reach; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address")
        return str(probe.getsockname()[0])


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("Host: 127.0.0.1:8000", 200),
        ("Host: localhost", 200),
        ("Host: LOCALHOST:1", 200),
        ("Host: [::1]:8000", 200),
        ("Host: 192.168.1.7:8000", 200),  # an address leads nowhere else
        ("Host: camera.lan:8000", 200),
        ("Host: Camera.LAN.", 200),
        (f"Host: {socket.gethostname()}:8000", 200),
        ("Host: evil.example", 421),  # a name that was made to lead here
        ("Host: evil.example:8000", 421),
        ("Host: localhost.evil.example", 421),
        ("Host: 127.0.0.1.evil.example", 421),
        ("Host: 127.0.0.1@evil.example", 421),
        ("Host: evil.example/127.0.0.1", 421),
        ("Host: 127.0.0.1:port", 421),
        ("Host: ", 421),
        ("Host:: ", 421),
        ("Host: localhost\r\nHost: evil.example", 400),
        ("Hostile: evil.example", 400),
    ],
)
def test_only_a_name_of_its_own_is_answered(pages: PageServer, host: str, expected: int) -> None:
    assert status(ask(pages, "/", host)) == expected


@pytest.mark.parametrize(
    ("path", "lines", "expected"),
    [
        ("/stream", ["Origin: https://evil.example"], 403),
        ("/", ["Origin: https://evil.example"], 403),
        ("/", ["Origin: null"], 403),
        ("/", ["Origin: http://127.0.0.1:1"], 403),
        ("/stream", ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"], 403),
        ("/stream", ["Sec-Fetch-Site: same-site"], 403),
        ("/", ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"], 403),
        ("/stream", ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"], 403),
        ("/", ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"], 200),  # a link
        ("/", ["Sec-Fetch-Site: same-origin"], 200),
        ("/", ["Sec-Fetch-Site: none"], 200),
    ],
)
def test_other_sites_get_nothing(pages: PageServer, path: str, lines: list[str], expected: int) -> None:
    assert status(ask(pages, path, *lines)) == expected


def test_a_page_of_its_own_origin_is_answered(pages: PageServer) -> None:
    assert status(ask(pages, "/", f"Origin: {pages.url[:-1]}")) == 200


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/nowhere", 404),
        ("GET", "http://evil.example/", 404),
        ("POST", "/", 501),
        ("<b>", "/", 501),
        ("GET", "/ HTTP/9.9", 400),
    ],
)
def test_what_is_asked_wrongly_is_not_said_again(pages: PageServer, method: str, path: str, expected: int) -> None:
    answer = ask(pages, path, method=method)
    assert status(answer) == expected
    for said in (b"evil", b"passwd", b"nowhere", b"<b>", b"9.9"):
        assert said not in answer


def test_a_fault_of_the_program_is_logged_and_ends_nothing(pages: PageServer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "vidcls"):
        assert ask(pages, "/broken") == b""
    assert "ZeroDivisionError" in caplog.text
    assert ask(pages).endswith(PAGE)


def until_hung_up(client: socket.socket) -> float:
    """How long it takes, in seconds."""
    begun = time.monotonic()
    try:
        while client.recv(65536):
            pass
    except ConnectionError:
        pass
    return time.monotonic() - begun


def test_half_a_request_is_hung_up_on(pages: PageServer) -> None:
    with dial(pages) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHo")
        assert until_hung_up(client) < SOON


def test_a_request_that_drips_is_hung_up_on(pages: PageServer) -> None:
    begun = time.monotonic()
    with dial(pages) as client, pytest.raises(OSError, match=r"reset|[Bb]roken pipe|aborted"):  # noqa: PT012
        while time.monotonic() - begun < 2 * SOON:
            client.sendall(b"X")
            time.sleep(0.02)
    assert time.monotonic() - begun < SOON


def test_an_endless_request_is_hung_up_on(pages: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REQUEST_SECONDS", 60.0)  # for its length, and before its time
    begun = time.monotonic()
    with dial(pages) as client, pytest.raises(OSError, match=r"reset|[Bb]roken pipe|aborted"):  # noqa: PT012
        client.sendall(b"GET / HTTP/1.1\r\n")
        for number in range(100_000):
            client.sendall(b"X-%d: %s\r\n" % (number, b"x" * 1000))
        pytest.fail("a hundred megabytes were taken")
    assert time.monotonic() - begun < 4 * SOON


def stuck(pages: PageServer, *, path: str = "/stream") -> socket.socket:
    """A client that asks for pictures and never reads one."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(5)
    client.connect(("127.0.0.1", port_of(pages)))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return client


def is_busy(pages: PageServer) -> bool:
    return status(ask(pages, "/short")) == 503


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 4 * SOON
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_few_hold_streams_and_pages_are_given_beside_them(pages: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "ANSWER_SECONDS", 60.0)
    with ExitStack() as clients:
        for _ in range(MAX_STREAMS):
            clients.enter_context(stuck(pages))
        for _ in range(MAX_STREAMS):  # asking holds a stream too, and may have kept one of them out
            if is_busy(pages):
                break
            time.sleep(0.2)
            clients.enter_context(stuck(pages))
        assert is_busy(pages)
        assert ask(pages).endswith(PAGE)
    wait_until(lambda: not is_busy(pages))  # once they have gone


def test_who_never_reads_its_pictures_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(server, "MAX_STREAMS", 1)
    begun = threading.Event()

    def next_part() -> bytes:
        begun.set()
        return PART

    routes = {
        "/stream": lambda: Parts("text/plain", next_part, pause_seconds=0.01),
        "/short": lambda: Parts("text/plain", iter([b"one", None]).__next__, pause_seconds=0.01),
    }
    with PageServer(routes) as pages, stuck(pages):
        assert begun.wait(4 * SOON)
        wait_until(lambda: not is_busy(pages))


def test_there_are_never_more_clients_than_it_says(pages: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REQUEST_SECONDS", 60.0)
    before = threading.active_count()
    with ExitStack() as clients:
        for number in itertools.count(1):
            client = clients.enter_context(dial(pages))
            if number <= 2 * MAX_CLIENTS:
                client.sendall(b"GET / HTTP/1.1\r\n")
                time.sleep(0.005)
            elif number <= 2 * MAX_CLIENTS + 3:
                assert status(client.recv(1000)) == 503
            else:
                break
            if number == MAX_CLIENTS:
                assert status(ask(pages)) == 503
            assert threading.active_count() - before <= 2 * MAX_CLIENTS
    wait_until(lambda: status(ask(pages)) == 200)


def test_closing_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REQUEST_SECONDS", 60.0)
    monkeypatch.setattr(server, "ANSWER_SECONDS", 60.0)
    before = threading.active_count()
    routes = {"/stream": lambda: Parts("text/plain", lambda: PART, pause_seconds=60.0)}
    with ExitStack() as clients:
        with PageServer(routes) as pages:
            for number in range(MAX_STREAMS):
                clients.enter_context(stuck(pages) if number % 2 else dial(pages))
            time.sleep(0.2)
            begun = time.monotonic()
        assert time.monotonic() - begun < SOON
        assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        dial(pages)


def test_it_starts_without_asking_for_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda *_: pytest.fail("asked for the name of an address"))
    with PageServer({}) as pages:
        assert status(ask(pages)) == 404
