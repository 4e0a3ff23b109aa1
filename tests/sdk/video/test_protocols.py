"""Which protocols may be opened; every door refuses the others before anything is opened."""

from __future__ import annotations

import io
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import quote

import av
import pytest

from generated import write_av_clip, write_clip
from loopback import serving
from vidcls import VideoClassifier, VideoError
from vidcls.live.readers import read_live
from vidcls.video.protocols import PROTOCOLS, file_url_path, is_remote, is_url, protocol_of, protocol_whitelist
from vidcls.video.reader import Decoder, iter_frames, read_times
from vidcls.video.source import is_live, openable, source_name

REFUSED = [
    ("subfile,,start,0,end,0,,:/etc/passwd", "subfile"),
    ("subfile,,start,0,end,0,,:http://user:pass@host/x", "subfile"),
    ("concat:one.ts|two.ts", "concat"),
    ("concat:http://user:pass@a/x|http://user:pass@b/y", "concat"),
    ("CACHE:http://user:pass@host/x", "cache"),
    ("async:cache:http://user:pass@host/x?token=pass", "async"),
    ("data:video/mp4;base64,AAAA", "data"),
    ("pipe:0", "pipe"),
    ("crypto:clip.mp4", "crypto"),
    ("crypto+http://user:pass@host/x", "crypto+http"),
    ("hls+http://host/x.m3u8", "hls+http"),
    ("ftp://user:pass@host/x.mp4", "ftp"),
    ("sftp://user:pass@host/x.mp4", "sftp"),
    ("smb://user:pass@host/x.mp4", "smb"),
    ("gopher://host/x", "gopher"),
    ("unix:/run/x.sock", "unix"),
    ("s3://bucket/x.mp4", "s3"),
]


@pytest.mark.parametrize(("name", "protocol"), REFUSED)
def test_other_protocols_are_refused_with_the_list_and_without_secrets(name: str, protocol: str) -> None:
    with pytest.raises(VideoError) as raised:
        openable(name)
    message = str(raised.value)
    assert f": '{protocol}:' may not be opened, expected a path or a URL that begins with file://" in message
    assert all(f"{allowed}://" in message for allowed in PROTOCOLS)
    assert message.endswith("copy the video to a file first, and name that")
    assert "pass@" not in message
    assert "token=pass" not in message


@pytest.mark.parametrize("name", ["subfile,,start,0,end,0,,:http://host/x", "concat:a|b", "CACHE:http://host/x"])
def test_every_door_refuses_them(model: Path, name: str) -> None:
    classifier = VideoClassifier(model)
    doors = {
        "predict": lambda: classifier.predict(name),
        "predict with PyAV": lambda: classifier.predict(name, decoder="pyav"),
        "timeline": lambda: list(classifier.timeline(name)),
        "stream": lambda: classifier.stream(name),
        "stream, fastest": lambda: classifier.stream(name, pace="fastest"),
        "live": lambda: read_live(name, timeout_seconds=1),
        "times": lambda: read_times(name),
        "frames": lambda: list(iter_frames(name, [0])),
    }
    for enter in doors.values():
        with pytest.raises(VideoError, match="may not be opened, expected a path or a URL"):
            enter()
    (answer,) = classifier.predict_many([name])
    assert isinstance(answer, VideoError)
    assert "may not be opened" in str(answer)


def test_a_long_name_is_shortened() -> None:
    with pytest.raises(VideoError, match=r"^data:video/mp4;base64,A{1,200}\.\.\.: 'data:' may not"):
        openable("data:video/mp4;base64," + "A" * 1_000_000)


@pytest.mark.parametrize("name", ["concat:x.mp4", "a:b.mp4", "data:x", "subfile,,start,1,end,9,,:x.mp4", "http:x.mp4"])
def test_a_file_that_is_called_like_a_protocol_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "clip.mp4", frames=3).rename(tmp_path / name)
    assert openable(name) == openable(Path(name)) == str(tmp_path / name)
    assert len(read_times(name)) == len(read_times(name, decoder="pyav")) == 3
    (tmp_path / name).unlink()
    with pytest.raises(VideoError, match="there is no such file"):
        openable(Path(name))


@pytest.mark.parametrize("name", ["a:b.mp4", "C:/clips/a.mp4", "http:x.mp4", "word: x.mp4"])
def test_a_missing_file_with_a_colon_is_a_missing_file(name: str) -> None:
    with pytest.raises(VideoError, match="there is no such file"):
        openable(name)


@pytest.mark.parametrize("beginning", ["file://", "FILE://", "file://localhost", "File://LOCALHOST"])
def test_a_file_url_is_the_path(tmp_path: Path, beginning: str) -> None:
    clip = write_clip(tmp_path / "a b.mp4", frames=3).rename(tmp_path / "a b#?100%é.mp4")
    url = beginning + quote(str(clip))
    assert openable(url) == str(clip)
    assert openable(f"file://{clip}") == str(clip)  # unescaped, as people write it
    assert not is_remote(url)
    assert not is_live(url)
    assert len(read_times(url)) == 3


def test_a_file_url_of_another_machine_is_refused() -> None:
    with pytest.raises(VideoError, match=r"^file://host/x\.mp4: expected file:///, and after it a path"):
        openable("file://user:pass@host/x.mp4")
    with pytest.raises(VideoError, match=r"^file:///no/such\.mp4: there is no such file"):
        openable("file:///no/such.mp4")


@pytest.mark.parametrize(
    ("url", "opened", "live"),
    [
        ("HTTP://Host/A.mp4", "http://Host/A.mp4", False),
        ("https://host/a.mp4?x=A:B", "https://host/a.mp4?x=A:B", False),
        ("RTSP://User:Pass@Host/A", "rtsp://User:Pass@Host/A", True),
        ("Udp://@239.0.0.1:1234", "udp://@239.0.0.1:1234", True),
        ("tcp://host:1", "tcp://host:1", True),
        ("srt://host:1", "srt://host:1", True),
    ],
)
def test_the_case_of_a_protocol_does_not_matter(url: str, opened: str, live: bool) -> None:
    assert openable(url) == opened
    assert is_live(url) is live
    assert is_remote(url)


@pytest.mark.parametrize(
    "name",
    [
        *("/data/x://y.mp4", "folder/x://y.mp4", "x.mp4", "://x"),
        *(
            "C:\\x.mp4",
            "C:/x.mp4",
            "c:x.mp4",
            "C://x.mp4",
            "\\\\host\\share\\x.mp4",
            "\\\\?\\C:\\x.mp4",
            "//host/share/x.mp4",
        ),
    ],
)
def test_paths_are_no_urls(name: str) -> None:
    assert not is_url(name)
    assert protocol_of(name) is None
    assert source_name(name) == name
    with pytest.raises(VideoError, match="there is no such file"):
        openable(name)


def test_a_file_url_of_windows_is_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    assert file_url_path("file:///C:/clips/a%20b.mp4") == "/C:/clips/a b.mp4"
    with monkeypatch.context() as windows:
        windows.setattr("os.name", "nt")
        found = [file_url_path(url) for url in ("file:///C:/clips/a%20b.mp4", "file:///clips/a.mp4")]
    assert found == ["C:/clips/a b.mp4", "/clips/a.mp4"]


def test_ffmpeg_is_given_a_list_that_opens_what_it_should(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=3)
    sources: list[Any] = [str(clip), io.BytesIO(clip.read_bytes())]
    for source in sources:
        with av.open(source, "r", options={"protocol_whitelist": protocol_whitelist(source)}) as container:
            assert sum(1 for _ in container.decode(video=0)) == 3
    assert protocol_whitelist(io.BytesIO()) == "none"
    listed = protocol_whitelist("http://host/x").split(",")
    assert {"http", "https", "tcp", "tls", "udp", "rtp"} <= set(listed)
    assert not {"file", "data", "concat", "subfile", "cache", "pipe"} & set(listed)
    assert protocol_whitelist(str(clip)).split(",") == ["file", "crypto"]


def playlist(uri: str) -> bytes:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n{uri}\n#EXT-X-ENDLIST\n".encode()


@pytest.mark.parametrize("decoder", ["opencv", "pyav"])
@pytest.mark.parametrize("how", ["redirect", "playlist", "playlist through a pipe of protocols", "ffconcat"])
def test_no_server_leads_ffmpeg_to_a_file_of_this_machine(how: str, decoder: Decoder, tmp_path: Path) -> None:
    private = write_av_clip(tmp_path / "private.ts", frames=30, codec="mpeg2video")
    assert next(iter_frames(private, [5])).any()
    location = f"file://{private}" if how == "redirect" else None
    bodies = {
        "redirect": b"",
        "playlist": playlist(f"file://{private}"),
        "playlist through a pipe of protocols": playlist(f"concat:{private}|{private}"),
        "ffconcat": f"ffconcat version 1.0\nfile 'file:{private}'\n".encode(),
    }

    class Hostile(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302 if location else 200)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", str(len(bodies[how])))
            self.end_headers()
            self.wfile.write(bodies[how])

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with serving(Hostile) as address, pytest.raises(VideoError):
        next(iter_frames(f"{address}/list.{'ts' if how == 'redirect' else 'm3u8'}", [5], decoder=decoder))
