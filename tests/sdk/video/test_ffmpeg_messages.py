"""What FFmpeg says of a URL by itself stands on no terminal: it names the user and the password."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler

import pytest

from loopback import answering, serving

PLAYLIST = b"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\ngone1.ts\n#EXTINF:2,\ngone2.ts\n"
ENDED = b"#EXT-X-ENDLIST\n"

# Programs of one's own, which open nothing by a command of ours.
CAMERA = """
import sys
from vidcls import VideoError
from vidcls.live.camera import Camera
camera = Camera(sys.argv[1], timeout_seconds=2)
try:
    camera.open(is_cancelled=lambda: False)
except VideoError as error:
    print(error)
"""
VIDEO = """
import sys
from vidcls import VideoError
from vidcls.video.reader import read_times
try:
    read_times(sys.argv[1], decoder=sys.argv[2])
except VideoError as error:
    print(error)
"""


def answer(handler: BaseHTTPRequestHandler) -> None:
    """A playlist, live or finished, whose segments are gone."""
    if not handler.path.startswith("/list"):
        handler.send_error(404)
        return
    content = PLAYLIST + (ENDED if handler.path.startswith("/list-ended") else b"")
    handler.send_response(200)
    handler.send_header("Content-Type", "application/vnd.apple.mpegurl")
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def run(program: str, name: str, *arguments: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """What the program prints of that playlist, given with user and password."""
    others = {key: value for key, value in os.environ.items() if not key.startswith("OPENCV_")}
    with serving(answering(answer)) as address:
        url = f"{address.replace('//', '//admin:hunter2@')}/{name}.m3u8"
        return subprocess.run(
            [sys.executable, "-c", program, url, *arguments],
            capture_output=True,
            text=True,
            check=True,
            env={**others, **environment},
        )


@pytest.mark.parametrize(
    ("program", "name", "arguments"),
    [(CAMERA, "list", ()), (VIDEO, "list-ended", ("opencv",)), (VIDEO, "list-ended", ("pyav",))],
)
def test_a_program_of_ones_own_prints_no_password_of_a_url(program: str, name: str, arguments: tuple[str, ...]) -> None:
    said = run(program, name, *arguments, environment={})
    assert f"/{name}.m3u8: cannot be opened" in said.stdout
    assert "hunter2" not in said.stdout + said.stderr


@pytest.mark.parametrize("wanted", [{"OPENCV_FFMPEG_LOGLEVEL": "16"}, {"OPENCV_FFMPEG_DEBUG": "1"}])
def test_whoever_asks_for_the_messages_has_them(wanted: dict[str, str]) -> None:
    said = run(VIDEO, "list-ended", "opencv", environment=wanted)
    assert "Error when loading first segment" in said.stdout + said.stderr
