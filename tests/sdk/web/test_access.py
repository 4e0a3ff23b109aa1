"""Who may be answered: names, addresses, and where a browser says that it comes from."""

from __future__ import annotations

import http.client
import io
import socket

import pytest

from vidcls.web.access import check_access

HOST = "Host: 127.0.0.1:8000"


def status(path: str, *lines: str) -> int:
    """Of an answer to a request with these headers, read as Python's own servers read them."""
    headers = http.client.parse_headers(io.BytesIO("\r\n".join([*lines, "", ""]).encode()))
    refusal = check_access(headers, path=path, names=["camera.lan"])
    return 200 if refusal is None else int(refusal)


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
def test_only_a_name_of_its_own_is_answered(host: str, expected: int) -> None:
    assert status("/", host) == expected


@pytest.mark.parametrize(
    ("path", "lines", "expected"),
    [
        ("/stream", ["Origin: https://evil.example"], 403),
        ("/", ["Origin: https://evil.example"], 403),
        ("/", ["Origin: null"], 403),
        ("/", ["Origin: http://127.0.0.1:1"], 403),
        ("/", ["Origin: http://127.0.0.1:8000"], 200),
        ("/stream", ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"], 403),
        ("/stream", ["Sec-Fetch-Site: same-site"], 403),
        ("/", ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"], 403),
        ("/stream", ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"], 403),
        ("/", ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"], 200),  # a link
        ("/", ["Sec-Fetch-Site: same-origin"], 200),
        ("/", ["Sec-Fetch-Site: none"], 200),
    ],
)
def test_other_sites_get_nothing(path: str, lines: list[str], expected: int) -> None:
    assert status(path, HOST, *lines) == expected
