"""A web hook beside servers that do whatever a server can do wrong: raw sockets on loopback."""

from __future__ import annotations

import json
import logging
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from loopback import addresses, dead_port, free_port, with_unknown_family
from vidcls.web import hook, post
from vidcls.web.hook import WebHook
from vidcls.web.post import read_address

SECRET = "s3cr3t"  # noqa: S105 - which shall never be said
# How long a call takes at a server that says nothing: what others need on a busy machine, too.
SILENT_SECONDS = 1.0
OK = b"HTTP/1.1 204 No Content\r\n\r\n"
Reply = Callable[[socket.socket, dict[str, Any]], None]


def say(answer: bytes) -> Reply:
    return lambda client, _: client.sendall(answer)


def echo(client: socket.socket, request: dict[str, Any]) -> None:
    client.sendall(b"HTTP/1.1 500 " + request["head"].replace(b"\r\n", b" ") + b"\r\n\r\n")


def drip(client: socket.socket, _: dict[str, Any]) -> None:
    """A status line that never ends."""
    with suppress(OSError):
        while True:
            client.sendall(b"H")
            time.sleep(0.02)


def drip_after(client: socket.socket, _: dict[str, Any]) -> None:
    """It takes the message, and then says things for ever."""
    client.sendall(b"HTTP/1.1 200 OK\r\n")
    with suppress(OSError):
        while True:
            client.sendall(b"X-More: 1\r\n")
            time.sleep(0.02)


def hang(client: socket.socket, _: dict[str, Any]) -> None:
    with suppress(OSError):
        client.recv(1)


def hang_up(*_: object) -> None:
    pass


class Server:
    """Answers each request by the next of `replies`, and from the last of them on with 204."""

    def __init__(self, *replies: Reply) -> None:
        self.requests: list[dict[str, Any]] = []
        self._replies = list(replies)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._clients: list[socket.socket] = []
        self.port = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/hook/{SECRET}?key={SECRET}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self._clients.append(client)
                with client, suppress(OSError):
                    self._answer(client)

    def _answer(self, client: socket.socket) -> None:
        with client.makefile("rb") as file:
            head = b"".join(iter(file.readline, b"\r\n"))
            length = int(head.lower().partition(b"content-length:")[2].split()[0])
            request = {"head": head, "fields": json.loads(file.read(length))}
        self.requests.append(request)
        reply = self._replies.pop(0) if self._replies else say(OK)
        reply(client, request)

    def numbers(self) -> list[int]:
        return [request["fields"]["number"] for request in self.requests]

    def close(self) -> None:
        for opened in (self._listening, *self._clients):
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()
        self._thread.join(5)
        assert not self._thread.is_alive()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*replies: Reply) -> Server:
        servers.append(Server(*replies))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("CALL_SECONDS", 20.0), ("FIRST_PAUSE_SECONDS", 0.02), ("LAST_PAUSE_SECONDS", 0.1)):
        monkeypatch.setattr(hook, name, seconds)
    monkeypatch.setattr(hook, "LAST_SECONDS", 0.6)
    monkeypatch.setattr(hook, "LAST_STEPS_SECONDS", 0.05)
    monkeypatch.setattr(post, "_GOODBYE_SECONDS", 0.1)


@contextmanager
def closed_in_time(opened: WebHook) -> Iterator[WebHook]:
    yield opened
    begun = time.monotonic()
    opened.close()
    assert (
        time.monotonic() - begun < hook.LAST_SECONDS + 10
    )  # beside other work on the machine; some would go on for ever


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


BAD = {
    "500": say(b"HTTP/1.1 500 Oh\r\n\r\n"),
    "503 and a length that is not kept": say(b"HTTP/1.1 503 Oh\r\nContent-Length: 99\r\n\r\n"),
    "a redirect": say(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\n\r\n"),
    "too many": say(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\n\r\n"),
    "no HTTP": say(b"220 mail.example ESMTP\r\n"),
    "a status that is none": say(b"HTTP/1.1 999999 Oh\r\n\r\n"),
    "only a word before": say(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a line without an end": say(b"x" * 100_000),
    "no answer": hang_up,
    "silence": hang,
    "drops": drip,
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_server_gets_all_of_it_in_order_once_it_is_well(
    what: str, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    if BAD[what] in (hang, drip):
        monkeypatch.setattr(hook, "CALL_SECONDS", SILENT_SECONDS)
    server = serve(BAD[what], BAD[what])
    with closed_in_time(WebHook(server.url)) as opened:
        for number in range(5):
            opened.send({"number": number})
        wait_for(lambda: len(server.requests) == 7)
    assert server.numbers() == [0, 0, 0, 1, 2, 3, 4]
    assert opened.given_up == 0


def test_what_comes_after_the_status_is_not_waited_for(serve: Callable[..., Server]) -> None:
    server = serve(say(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), drip_after)
    with closed_in_time(WebHook(server.url)) as opened:
        for number in range(3):
            opened.send({"number": number})
        wait_for(lambda: len(server.requests) == 3)
    assert server.numbers() == [0, 1, 2]


def test_what_it_will_never_take_is_given_up_and_said_once(
    serve: Callable[..., Server], caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(say(b"HTTP/1.1 404 Not Found\r\n\r\n"), say(b"HTTP/1.1 404 Not Found\r\n\r\n"))
    with closed_in_time(WebHook(server.url)) as opened:
        for number in range(3):
            opened.send({"number": number})
        wait_for(lambda: len(server.requests) == 3)
    assert server.numbers() == [0, 1, 2]
    assert opened.given_up == 2
    name = f"http://127.0.0.1:{server.port}"
    assert [record.getMessage() for record in caplog.records] == [
        f"{name}: answers 404; its message is given up",
        f"{name}: takes messages again",
        f"{name}: 2 messages were not delivered",
    ]


def test_a_message_that_a_server_fails_at_holds_up_the_others_for_a_while_only(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook, "MAX_FAILURES", 3)
    server = serve(*[BAD["500"]] * 3)
    with closed_in_time(WebHook(server.url)) as opened:
        opened.send({"number": 0})
        opened.send({"number": 1})
        wait_for(lambda: len(server.requests) == 4)
    assert server.numbers() == [0, 0, 0, 1]
    assert opened.given_up == 1


def test_a_redirect_carries_no_token_elsewhere(serve: Callable[..., Server]) -> None:
    other = serve()
    lead = say(f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {other.url}\r\n\r\n".encode())
    server = serve(lead, lead)
    with closed_in_time(WebHook(server.url, token=SECRET)) as opened:
        opened.send({"number": 0})
        wait_for(lambda: len(server.requests) == 3)
    assert other.requests == []


def test_while_it_is_away_the_newest_wait_and_the_rest_is_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, serve: Callable[..., Server]
) -> None:
    monkeypatch.setattr(hook, "MAX_WAITING", 5)
    monkeypatch.setattr(hook, "CALL_SECONDS", SILENT_SECONDS)
    server = serve(hang)  # the first message is on its way for as long as nobody answers
    with closed_in_time(WebHook(server.url)) as opened:
        opened.send({"number": 0})
        wait_for(lambda: len(server.requests) == 1)
        for number in range(1, 21):
            opened.send({"number": number})
        wait_for(lambda: len(server.requests) == 7)
    assert server.numbers() == [0, 0, *range(16, 21)]
    assert opened.given_up == 15
    assert caplog.text.count("more than 5 messages wait, the oldest are given up") == 1
    assert caplog.text.count("15 messages were not delivered") == 1


@pytest.mark.parametrize("reply", [hang, drip, drip_after, hang_up, BAD["500"]])
def test_closing_waits_no_longer_than_it_says(reply: Reply, serve: Callable[..., Server]) -> None:
    server = serve(*[reply] * 100)
    with closed_in_time(WebHook(server.url)) as opened:
        for number in range(20):
            opened.send({"number": number})
        wait_for(lambda: len(server.requests) > 0)
    with pytest.raises(ValueError, match="closed"):
        opened.send({"number": 21})


def test_the_last_messages_are_still_delivered(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook, "LAST_SECONDS", 60.0)
    server = serve(BAD["500"])
    with WebHook(server.url) as opened:
        for number in range(5):
            opened.send({"number": number})
    assert server.numbers() == [0, 0, 1, 2, 3, 4]
    assert opened.given_up == 0


def test_nobody_there_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    with closed_in_time(WebHook(f"http://user:{SECRET}@127.0.0.1:{free_port()}/{SECRET}")) as opened:
        opened.send({"number": 0})
        wait_for(lambda: "cannot be reached" in caplog.text)
    assert opened.given_up == 1
    assert caplog.text.count("cannot be reached (Connection refused)") == 1
    assert SECRET not in caplog.text


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue refuses")
def test_a_dead_address_of_several_leaves_time_for_the_others(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    with dead_port() as dead:
        monkeypatch.setattr(socket, "getaddrinfo", addresses(dead, dead, server.port))
        begun = time.monotonic()
        assert post.post(read_address("http://hooks.example/"), b'{"number": 0}', seconds=3.0) is None
        assert time.monotonic() - begun > 1.9  # two thirds, and not all of it
        monkeypatch.setattr(socket, "getaddrinfo", addresses(dead, dead))
        begun = time.monotonic()
        problem = post.post(read_address("http://hooks.example/"), b"{}", seconds=0.5)
    assert problem == post.Problem("unreachable", "does not answer in time")
    assert server.numbers() == [0]
    assert time.monotonic() - begun < 20


def test_an_address_of_a_family_that_the_kernel_lacks_is_passed_over(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    monkeypatch.setattr(socket, "getaddrinfo", with_unknown_family(server.port))
    assert post.post(read_address("http://hooks.example/"), b'{"number": 0}', seconds=20.0) is None


def test_a_search_for_the_name_that_hangs_ends_with_the_program(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import socket, sys, time\n"
        "socket.getaddrinfo = lambda *_, **__: time.sleep(60)\n"
        "from vidcls.web import hook\n"
        "hook.LAST_SECONDS = 0.1\n"
        "with hook.WebHook('http://hooks.example/') as opened:\n"
        "    opened.send({'number': 0})\n"
        "    time.sleep(0.1)\n"
        "sys.exit(3)\n",
        encoding="utf-8",
    )
    begun = time.monotonic()
    ended = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 3
    assert ended.stderr == "http://hooks.example: 1 messages were not delivered\n"
    assert time.monotonic() - begun < 55


def test_secrets_are_sent_and_never_said(
    serve: Callable[..., Server], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook, "LAST_SECONDS", 60.0)
    caplog.set_level(logging.DEBUG)
    server = serve(echo, say(b"HTTP/1.1 404 " + SECRET.encode() + b"\r\n\r\n"), echo, say(SECRET.encode() + b"\r\n"))
    url = server.url.replace("http://", f"http://user%40home:{SECRET}@")
    for opened in (WebHook(url), WebHook(server.url, token=SECRET)):
        with opened:
            opened.send({"number": 0})
            opened.send({"number": 1})
            assert SECRET not in repr(opened) + repr(vars(opened))
    heads = [request["head"].decode() for request in server.requests]
    assert any("Authorization: Basic dXNlckBob21lOnMzY3IzdA==\r\n" in head for head in heads)
    assert any(f"Authorization: Bearer {SECRET}\r\n" in head for head in heads)
    assert all(head.startswith(f"POST /hook/{SECRET}?key={SECRET} HTTP/1.1\r\n") for head in heads)
    assert all(f"Host: 127.0.0.1:{server.port}\r\n" in head for head in heads)
    assert "answers 404" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        *("", "hooks.example", "file:///etc/passwd", "ftp://hooks.example/", "gopher://hooks.example/", "http:///path"),
        *("http://:80/", "http://hooks.example:99999/", "http://hooks.example:0/", "http://hooks.example:x/"),
        *("http://hooks example/", "http://hooks.example/a b", "http://hooks.example/\r\nX: 1", "http://[::1/"),
        *("http://.example/", f"http://{'a' * 64}.example/", "http://a..example/", "http://hooks.example\\@evil/"),
        *("\x00http://hooks.example", "http://\u202ehooks.example/", "http://hooks.example/\udcff", "HTTP"),
    ],
)
def test_what_cannot_be_called_is_refused_at_the_start(url: str) -> None:
    for given in (url, url.replace("://", f"://user:{SECRET}@")):
        with pytest.raises(ValueError, match=r"cannot be called, expected http://HOST") as refusal:
            read_address(given)
        assert SECRET not in str(refusal.value)
        assert refusal.value.__cause__ is None


@pytest.mark.parametrize("token", ["", "two words", "line\r\nX-Other: 1", "\u00fc", "nul\0"])
def test_a_token_that_cannot_be_sent_is_refused_at_the_start(token: str) -> None:
    with pytest.raises(ValueError, match="token cannot be sent") as refusal:
        read_address("http://hooks.example/", token=f"{SECRET}{token}" if token else "")
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("http://hooks.example", "hooks.example", 80, "/"),
        ("https://hooks.example/a?b=c#d", "hooks.example", 443, "/a?b=c"),
        ("HTTPS://Hooks.Example:8443/\u00fc?q=\u20ac", "hooks.example", 8443, "/%C3%BC?q=%E2%82%AC"),
        ("http://[::1]:81/x%2Fy", "::1", 81, "/x%2Fy"),
    ],
)
def test_an_address_is_what_it_says(url: str, host: str, port: int, target: str) -> None:
    address = read_address(url)
    assert (address.host, address.port, address.target) == (host, port, target)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost with its key, signed by itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("certificate")
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "certificate.pem"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


def over_tls(server: Server, certificate: Path) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "certificate.pem", certificate / "key.pem")
    answer = server._answer

    def answer_wrapped(client: socket.socket) -> None:
        with context.wrap_socket(client.dup(), server_side=True) as wrapped:
            answer(wrapped)

    server._answer = answer_wrapped  # type: ignore[method-assign]
    return f"https://localhost:{server.port}/{SECRET}"


def test_tls_is_checked_and_then_spoken(
    certificate: Path,
    serve: Callable[..., Server],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = serve(BAD["500"])
    url = over_tls(server, certificate)
    with closed_in_time(WebHook(url)) as opened:
        opened.send({"number": 0})
        wait_for(lambda: "its certificate is not accepted" in caplog.text)
    assert server.requests == []
    assert "its certificate is not accepted (self" in caplog.text
    trusting = ssl.create_default_context(cafile=certificate / "certificate.pem")
    monkeypatch.setattr(post, "_tls", lambda: trusting)
    with closed_in_time(WebHook(url)) as opened:
        opened.send({"number": 1})
        wait_for(lambda: len(server.requests) == 2)
    assert server.numbers() == [1, 1]


def test_a_handshake_that_never_comes_is_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hook, "CALL_SECONDS", SILENT_SECONDS)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with closed_in_time(WebHook(f"https://localhost:{port}/")) as opened:
            opened.send({"number": 0})
            wait_for(lambda: "does not answer in time" in caplog.text)
