"""Videos on HTTP servers: read like the file, and no wait that cannot be broken off, whatever the server does."""

from __future__ import annotations

import io
import random
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from exits.servers import stuck_server
from loopback import addresses, dead_port, with_unknown_family
from vidcls import VideoClassifier, VideoError
from vidcls.concurrency.cancellation import CancelledError, cancellable
from vidcls.concurrency.lifetime import HelperThread
from vidcls.video.http_file import HttpFile
from vidcls.video.reader import Decoder, open_video

# A wait is broken off within 0.1 s, on a busy machine within this.
ENDING_SECONDS = 5.0


@pytest.fixture(scope="module")
def urls(clip: Path) -> Iterator[dict[str, str]]:
    with stuck_server(clip.read_bytes()) as urls:
        yield urls


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from generated import write_clip

    return write_clip(tmp_path_factory.mktemp("clip") / "clip.avi", frames=80, rate=25)


@pytest.mark.parametrize("how", ["whole", "partless"])
def test_any_part_is_the_files_in_any_order(how: str, urls: dict[str, str], clip: Path) -> None:
    content = clip.read_bytes()
    choose = random.Random(0)  # noqa: S311 - any order will do
    with HttpFile(urls[how], open_seconds=5, read_seconds=5) as opened:
        assert opened.seekable()
        assert opened.seek(0, io.SEEK_END) == len(content)
        assert opened.read(10) == b""
        for _ in range(60):
            start, size = choose.randrange(len(content)), choose.choice([1, 4, 1000, 100_000])
            assert opened.seek(start) == start
            found = b""
            while len(found) < min(size, len(content) - start):
                found += opened.read(size - len(found))
            assert found == content[start : start + size]


@pytest.mark.parametrize("how", ["whole", "partless"])
@pytest.mark.parametrize("decoder", ["pyav", "opencv"])
def test_a_video_at_a_url_answers_like_the_file(
    decoder: Decoder, how: str, urls: dict[str, str], clip: Path, model: Path
) -> None:
    classifier = VideoClassifier(model, device="cpu")
    expected = classifier.predict(clip, views=3)
    found = classifier.predict(urls[how], views=3, decoder=decoder)
    np.testing.assert_array_equal(found.logits, expected.logits)
    np.testing.assert_array_equal(found.timestamps, expected.timestamps)


@pytest.mark.parametrize("how", ["stalls", "drips", "silent"])
@pytest.mark.parametrize("decoder", ["pyav", "opencv"])
def test_waiting_for_a_server_can_be_broken_off(decoder: Decoder, how: str, urls: dict[str, str]) -> None:
    over = threading.Event()
    ended: list[Any] = []

    def read() -> None:
        with cancellable(over.is_set):
            try:
                with open_video(urls[how], decoder=decoder) as reader:
                    reader.scan()
            except (CancelledError, VideoError) as error:  # to FFmpeg it is a file that ends
                ended.append(error)

    reading = threading.Thread(target=read)
    reading.start()
    time.sleep(0.5)
    assert reading.is_alive()
    over.set()
    started = time.monotonic()
    reading.join(20)
    assert time.monotonic() - started < ENDING_SECONDS
    assert ended


@pytest.mark.parametrize("how", ["stalls", "silent"])
def test_closing_many_waits_for_no_server(how: str, urls: dict[str, str], clip: Path, model: Path) -> None:
    answers = VideoClassifier(model, device="cpu").predict_many([clip, urls[how], urls[how]])
    next(answers)
    started = time.monotonic()
    answers.close()
    assert time.monotonic() - started < ENDING_SECONDS
    assert not [thread for thread in threading.enumerate() if isinstance(thread, HelperThread)]


def test_a_stream_that_waits_for_a_server_can_be_stopped(urls: dict[str, str], model: Path) -> None:
    stream = VideoClassifier(model, device="cpu").stream(urls["whole"], pace="fastest")
    next(stream)
    stream.stop()
    started = time.monotonic()
    assert list(stream) == []
    stream.close()
    assert time.monotonic() - started < ENDING_SECONDS


def test_a_port_where_nobody_answers_is_named_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        url = f"http://me:secret@127.0.0.1:{port}/clip.avi"
        with pytest.raises(VideoError) as found, open_video(url, timeout_seconds=0.5):
            pass
    assert str(found.value) == (
        f"http://127.0.0.1:{port}/clip.avi: cannot be opened as a video; check the address, and that it is up"
    )
    with pytest.raises(VideoError, match="check the address"), open_video(url):  # refused, now that it is closed
        pass


def test_an_address_of_a_family_that_the_kernel_lacks_is_passed_over(
    urls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = urlsplit(urls["whole"]).port
    assert port is not None
    monkeypatch.setattr(socket, "getaddrinfo", with_unknown_family(port))
    with HttpFile("http://recorder.example/whole.avi", open_seconds=20.0, read_seconds=20.0) as file:
        assert file.read(4) == b"RIFF"


def test_a_search_for_the_name_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the system would take for it, where no name server answers."""
    found = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found.wait(20) and [])
    begun = time.monotonic()
    with pytest.raises(OSError, match="does not answer in time"):
        HttpFile("http://camera.example/live", open_seconds=0.3, read_seconds=0.3)
    with cancellable(lambda: True), pytest.raises(CancelledError):
        HttpFile("http://camera.example/live", open_seconds=60.0, read_seconds=60.0)
    with cancellable(lambda: time.monotonic() > begun + 1.0), pytest.raises(CancelledError):
        HttpFile("http://camera.example/live", open_seconds=60.0, read_seconds=60.0)
    assert time.monotonic() - begun < ENDING_SECONDS
    found.set()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue refuses")
def test_a_dead_address_of_several_leaves_time_for_the_others(
    urls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = urlsplit(urls["whole"]).port
    assert port is not None
    with dead_port() as dead:
        monkeypatch.setattr(socket, "getaddrinfo", addresses(dead, port))
        begun = time.monotonic()
        with HttpFile("http://recorder.example/whole.avi", open_seconds=2.0, read_seconds=2.0) as file:
            assert file.read(4) == b"RIFF"
        assert time.monotonic() - begun > 0.9  # a half, and not all of it
        monkeypatch.setattr(socket, "getaddrinfo", addresses(dead, dead))
        begun = time.monotonic()
        with pytest.raises(OSError, match="does not answer in time"):
            HttpFile("http://recorder.example/whole.avi", open_seconds=0.5, read_seconds=0.5)
        assert time.monotonic() - begun < ENDING_SECONDS
