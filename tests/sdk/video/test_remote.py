"""Whether what stands at a URL has an end, asked of real servers on loopback."""

from __future__ import annotations

import base64
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import TypeAlias

import av
import pytest

from generated import write_av_clip
from loopback import answering, serving
from vidcls.video import remote
from vidcls.video.remote import is_broadcast, is_endless, is_over

Answer: TypeAlias = Callable[[BaseHTTPRequestHandler], None]
# For how long servers here say nothing, and within which even a busy machine has given them up.
HANGING_SECONDS, SOON = 30.0, 10.0
HLS = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.ts\n"


@contextmanager
def served(answer: Answer) -> Iterator[str]:
    with serving(answering(answer)) as address:
        yield f"{address}/clip.webm"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A WebM that states no length, as browsers record it."""
    clip = write_av_clip(tmp_path_factory.mktemp("film") / "clip.webm", frames=20, codec="libvpx")
    content = clip.read_bytes()
    place = content.index(b"\x44\x89\x88")  # the duration, which becomes padding
    content = content[:place] + b"\xec\x89" + bytes(9) + content[place + 11 :]
    clip.write_bytes(content)
    with av.open(str(clip)) as container:
        assert container.duration is None
        assert container.streams.video[0].frames == 0
    return content


def headed(request: BaseHTTPRequestHandler, status: int = 200, /, **headers: object) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), str(value))
    request.end_headers()


def chunked(request: BaseHTTPRequestHandler, content: bytes) -> None:
    for start in range(0, len(content), 1000):
        part = content[start : start + 1000]
        request.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")


def for_ever(request: BaseHTTPRequestHandler, content: bytes) -> None:
    while True:
        request.wfile.write(content)
        time.sleep(0.01)


def test_what_states_its_length_is_a_file(film: bytes) -> None:
    def whole(request: BaseHTTPRequestHandler) -> None:
        headed(request, Content_Length=len(film))
        request.wfile.write(film)

    def part(request: BaseHTTPRequestHandler) -> None:
        assert request.headers["Range"] == "bytes=0-"
        content_range = f"bytes 0-{len(film) - 1}/{len(film)}"
        headed(request, 206, Content_Range=content_range, Transfer_Encoding="chunked")
        chunked(request, film)
        time.sleep(HANGING_SECONDS)

    for answer in (whole, part):
        started = time.monotonic()
        with served(answer) as url:
            assert not is_endless(url)
            assert not is_endless(url.replace("http", "HTTP").replace("clip", "my clip é"))
        assert time.monotonic() - started < SOON


def test_what_ends_is_a_file(film: bytes) -> None:
    def in_chunks(request: BaseHTTPRequestHandler) -> None:
        headed(request, Transfer_Encoding="chunked")
        chunked(request, film)
        request.wfile.write(b"0\r\n\r\n")

    def until_closed(request: BaseHTTPRequestHandler) -> None:
        headed(request, Connection="close")
        request.wfile.write(film)

    for answer in (in_chunks, until_closed):
        with served(answer) as url:
            assert not is_endless(url)


def test_chunks_that_break_off_are_not_known_to_end(film: bytes) -> None:
    def broken(request: BaseHTTPRequestHandler) -> None:
        headed(request, Transfer_Encoding="chunked")
        chunked(request, film)
        request.wfile.write(b"ffff\r\n")

    with served(broken) as url:
        assert is_endless(url)


def test_what_does_not_end_is_endless(film: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "END_SECONDS", 0.5)

    def recording(request: BaseHTTPRequestHandler) -> None:
        headed(request)
        for_ever(request, film)

    def pausing(request: BaseHTTPRequestHandler) -> None:
        headed(request)
        request.wfile.write(film)
        time.sleep(HANGING_SECONDS)

    for answer in (recording, pausing):
        started = time.monotonic()
        with served(answer) as url:
            assert is_endless(url)
        assert time.monotonic() - started < SOON


def test_a_fast_camera_is_not_read_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "END_BYTES", 1 << 20)
    sent = []

    def fast(request: BaseHTTPRequestHandler) -> None:
        headed(request)
        while True:
            sent.append(request.wfile.write(bytes(1 << 16)))

    started = time.monotonic()
    with served(fast) as url:
        assert is_endless(url)
    assert time.monotonic() - started < remote.END_SECONDS
    assert sum(sent) < 64 << 20


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content_Type": "multipart/x-mixed-replace; boundary=x", "Content_Length": 99_999}, b"--x\r\n\r\n" * 9),
        ({"Content_Type": "application/vnd.apple.mpegurl", "Content_Length": len(HLS)}, HLS),
        ({"Content_Type": "audio/x-mpegURL", "Content_Length": len(HLS)}, HLS),
        ({"Content_Length": len(HLS)}, HLS),
        ({"Content_Length": 2**63 - 1}, b"x" * 100),
        ({"Content_Length": "many"}, b"x" * 100),
    ],
)
def test_cameras_and_playlists_are_endless_whatever_length_they_state(
    headers: dict[str, object], body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "END_SECONDS", 0.5)

    def answer(request: BaseHTTPRequestHandler) -> None:
        headed(request, **headers)
        request.wfile.write(body)
        time.sleep(HANGING_SECONDS)

    started = time.monotonic()
    with served(answer) as url:
        assert is_endless(url)
    assert time.monotonic() - started < SOON


@pytest.mark.parametrize("status", [401, 403, 404, 416, 500])
def test_an_error_is_not_known_to_end(status: int) -> None:
    with served(lambda request: headed(request, status, Content_Length=0)) as url:
        assert is_endless(url)


def hanging(connection: socket.socket) -> None:
    time.sleep(HANGING_SECONDS)
    connection.close()


def dripping(connection: socket.socket) -> None:
    """Sends a byte of its head now and then, each within any timeout."""
    try:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            time.sleep(0.05)
            connection.sendall(b"x")
    except OSError:
        connection.close()


@pytest.mark.parametrize("behave", [hanging, dripping])
def test_a_server_that_hangs_is_given_up(
    behave: Callable[[socket.socket], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "OPEN_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: behave(server.accept()[0]), daemon=True).start()
        started = time.monotonic()
        assert is_endless(f"http://127.0.0.1:{server.getsockname()[1]}/")
    assert time.monotonic() - started < SOON


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://127.0.0.1:1/x",
        "udp://127.0.0.1:1",
        "http://127.0.0.1:1/x",  # nobody there
        "https://user:secret@127.0.0.1:1/x",
        "http://user:sec/ret@[::1/x",
        "http://127.0.0.1:port/x",
        "http://",
        "http://a\nb/",
        "clip.webm",
        "file:///etc/passwd",
        "cache:http://127.0.0.1:1/",
    ],
)
def test_whatever_cannot_be_asked_is_endless(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert is_endless(url)
    assert "secret" not in caplog.text


def test_a_password_is_sent_and_not_handed_on(film: bytes) -> None:
    expected = "Basic " + base64.b64encode("us er:p@ss/é".encode()).decode()

    def other(request: BaseHTTPRequestHandler) -> None:
        headed(request, 403 if "Authorization" in request.headers else 200, Content_Length=len(film))
        request.wfile.write(film)

    with served(other) as elsewhere:

        def answer(request: BaseHTTPRequestHandler) -> None:
            if request.headers.get("Authorization") != expected:
                headed(request, 401, Content_Length=0)
            elif request.path == "/clip.webm":
                headed(request, Content_Length=len(film))
                request.wfile.write(film)
            else:
                location = {"/near": "/clip.webm", "/far": elsewhere}[request.path]
                headed(request, 302, Location=location, Content_Length=0)

        with served(answer) as url:
            assert is_endless(url)
            known = url.replace("//", "//us%20er:p%40ss%2F%C3%A9@")
            assert not is_endless(known)
            assert not is_endless(known.replace("clip.webm", "near"))
            assert not is_endless(known.replace("clip.webm", "far"))


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1:1/x", "data:,x", "/clip.webm"])
def test_a_redirect_leads_to_http_only_and_not_in_circles(location: str) -> None:
    with served(lambda request: headed(request, 302, Location=location, Content_Length=0)) as url:
        assert is_endless(url)


def test_a_redirect_to_another_protocol_is_not_followed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0.3)
        location = f"ftp://127.0.0.1:{other.getsockname()[1]}/x"
        with served(lambda request: headed(request, 302, Location=location, Content_Length=0)) as url:
            assert is_endless(url)
        with pytest.raises(TimeoutError):
            other.accept()


def test_nothing_is_left_behind(film: bytes) -> None:
    before = set(threading.enumerate())

    def whole(request: BaseHTTPRequestHandler) -> None:
        headed(request, Content_Length=len(film))
        request.wfile.write(film)

    with served(whole) as url:
        is_endless(url)
    deadline = time.monotonic() + HANGING_SECONDS
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not set(threading.enumerate()) - before


MASTER = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n\n# low\nlow/list.m3u8\n"
ENDED = HLS + b"#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([HLS], True),
        ([ENDED], False),
        ([MASTER, HLS], True),
        ([MASTER, ENDED], False),
        ([MASTER, MASTER, HLS], False),  # which is no playlist that may be
        ([MASTER.replace(b"low/", b"file:///low/"), HLS], False),
        ([b'<?xml version="1.0"?>\n<!-- a -->\n<MPD profiles="x" type="dynamic">'], True),
        ([b'<MPD type="static" mediaPresentationDuration="PT4S">'], False),
        ([b"\0" * 5000], False),
        # Where a pattern would try every way to take it apart.
        ([MASTER.partition(b"\n\n")[0] + b"\n" * 5000 + b"#"], True),
        ([b"<?xml ?>" * 200 + b"x"], False),
        ([b"<!--" * 200], False),
    ],
)
def test_a_broadcast_is_known_by_its_list(texts: list[bytes], expected: bool) -> None:
    asked: list[tuple[str, str]] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        content = texts[len(asked)]
        asked.append((request.path, request.headers.get("Authorization", "")))
        headed(request, Content_Length=len(content))
        request.wfile.write(content)

    with served(answer) as url:
        assert is_broadcast(url.replace("//", "//user:secret@"), seconds=5) is expected
    if len(asked) == 2:
        assert [path for path, _ in asked] == ["/clip.webm", "/low/list.m3u8"]
        assert asked[0][1] == asked[1][1] != ""


def numbered(number: bytes) -> bytes:
    """A playlist that has ended, whose first segment has that number."""
    return ENDED.replace(b"#EXTINF", b"#EXT-X-MEDIA-SEQUENCE:" + number + b"\n#EXTINF")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([numbered(b"7")], True),
        ([MASTER, numbered(b"7")], True),
        ([numbered(b"7").replace(b"#EXT-X-ENDLIST\n", b"")], False),
        ([numbered(b"0")], False),
        ([numbered(b"1")], False),
        ([ENDED], False),
        ([numbered(b"7").replace(b"#EXTINF", b"#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF")], False),
        ([numbered(b"x")], False),
        ([numbered(b"9" * 5000)], False),
        ([b'<MPD type="static" mediaPresentationDuration="PT4S">'], False),
        ([b"\0" * 5000], False),
    ],
)
def test_a_broadcast_that_has_ended_is_known_by_its_first_segments_that_are_gone(
    texts: list[bytes], expected: bool
) -> None:
    left = list(texts)

    def answer(request: BaseHTTPRequestHandler) -> None:
        content = left.pop(0)
        headed(request, Content_Length=len(content))
        request.wfile.write(content)

    with served(answer) as url:
        assert is_over(url, seconds=5) is expected
    assert not is_over("http://127.0.0.1:9/live.m3u8", seconds=5)


def test_a_broadcast_is_known_by_its_kind_and_by_having_no_end(film: bytes, monkeypatch: pytest.MonkeyPatch) -> None:

    def pictures(request: BaseHTTPRequestHandler) -> None:
        headed(request, Content_Type="multipart/x-mixed-replace; boundary=next")
        time.sleep(HANGING_SECONDS)

    def endless(request: BaseHTTPRequestHandler) -> None:
        headed(request)
        for_ever(request, b"\x47" * 188)

    def pauses(request: BaseHTTPRequestHandler) -> None:
        headed(request)
        request.wfile.write(b"\x47" * 1880)
        time.sleep(HANGING_SECONDS)

    def short(request: BaseHTTPRequestHandler) -> None:
        headed(request)
        request.wfile.write(b"\x47" * 1880)

    def recorded(request: BaseHTTPRequestHandler) -> None:
        headed(request)
        request.wfile.write(film)

    for answer in (short, recorded):
        with served(answer) as url:
            assert not is_broadcast(url, seconds=5)
    monkeypatch.setattr(remote, "END_SECONDS", 0.3)
    for answer in (pictures, endless, pauses):
        with served(answer) as url:
            assert is_broadcast(url, seconds=5)


def test_a_server_that_says_nothing_is_not_waited_for_longer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            is_broadcast(f"http://127.0.0.1:{silent.getsockname()[1]}/", seconds=0.3)
        assert time.monotonic() - started < SOON
    assert not is_broadcast("http://127.0.0.1:9/", seconds=5)
    assert not is_broadcast("rtsp://127.0.0.1/x", seconds=5)
