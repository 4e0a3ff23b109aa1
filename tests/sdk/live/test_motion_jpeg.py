"""Motion JPEG over HTTP whose pictures change their size, against FFmpeg's decoding of each picture alone."""

from __future__ import annotations

import math
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import cv2
import numpy as np
import pytest

import bad_servers
from loopback import answering, serving
from vidcls.live.camera_frames import arrivals, open_source
from vidcls.live.messages import Header
from vidcls.video.protocol import Frame

SIZES = [(320, 240)] * 5 + [(640, 480)] * 5 + [(320, 240)] * 2 + [(160, 200)] * 3


def test_every_picture_comes_at_its_own_size_and_as_ffmpeg_decodes_it(tmp_path: Path) -> None:
    sent = [bad_servers.jpeg(number, width=width, height=height) for number, (width, height) in enumerate(SIZES)]
    taken = _taken(sent)
    assert [(header.width, header.height) for header, _ in taken] == SIZES
    assert all(math.isnan(header.pts_seconds) for header, _ in taken)
    for jpeg, (_, picture) in zip(sent, taken, strict=True):
        path = tmp_path / "one.mjpg"
        path.write_bytes(jpeg)
        opened = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        np.testing.assert_array_equal(picture, opened.read()[1][..., ::-1])
        opened.release()


@pytest.mark.parametrize("damaged", [b"\xff\xd8\xff\xdb\0\x03\0\xff\xd9", b"no picture at all"])
def test_what_is_no_picture_is_passed_over(damaged: bytes) -> None:
    sent = [bad_servers.jpeg(number) for number in range(6)]
    sent.insert(3, damaged)
    taken = _taken(sent)
    assert len(taken) == 6


def _taken(sent: list[bytes]) -> list[tuple[Header, Frame]]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
        request.end_headers()
        for jpeg in sent:
            request.wfile.write(b"--next\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg))
            request.wfile.write(jpeg + b"\r\n")

    with serving(answering(answer)) as url:
        opened = open_source(url, timeout_seconds=5)
        assert opened is not None
        taken = list(arrivals(opened, lambda: False))
        opened.release()
    return taken
