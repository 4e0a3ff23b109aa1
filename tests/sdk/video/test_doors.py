"""One verdict at every door: videos whose containers mislead, through all of them and both decoders.

`VIDCLS_FULL_MATRIX=1 pytest tests/sdk/video/test_doors.py` takes every kind through every door without PyAV too.
"""

from __future__ import annotations

import io
import itertools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest

import awkward
from loopback import serving
from sdk.video import doors
from sdk.video.doors import DOORS, Right
from vidcls import VideoClassifier, VideoError
from vidcls.clips import read_clips
from vidcls.video.reader import Decoder, read_times
from videos import painted

FULL = os.environ.get("VIDCLS_FULL_MATRIX") == "1"
DECODERS: tuple[Decoder, ...] = ("opencv", "pyav", "auto")
TRIED = DECODERS if FULL else DECODERS[:2]  # "auto" is PyAV, and what every door takes
# Doors that have code of their own between them and the reader, and kinds that they once answered differently.
THEIR_OWN = {"predict", "timeline", "stream", "training's check", "training's cache"}
EVERYWHERE = ("cover", "stray", "grows", "shrinks", "preview", "cut of one frame", "cut off")
NO_VERDICT_WITHOUT_FOLDER = {"recorded hls": {"evaluate", "training's cache", "training's check"}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Right]:
    """The video of a kind, and what is right about it; made once."""
    found: dict[str, Right] = {}

    def make(kind: str) -> Right:
        if kind not in found:
            found[kind] = Right(video=awkward.KINDS[kind](tmp_path_factory.mktemp("awkward")))
        return found[kind]

    return make


@pytest.mark.skipif(not FULL, reason="is about the tests' own files; set VIDCLS_FULL_MATRIX=1")
@pytest.mark.parametrize("kind", [kind for kind in awkward.KINDS if not kind.startswith("song")])
def test_the_kinds_are_what_they_are_said_to_be(kind: str, made: Callable[[str], Right]) -> None:
    """By PyAV in decode order."""
    video = made(kind).video
    again = awkward.by_reference(video)
    assert again.numbers == video.numbers
    assert set(again.sizes) == set(video.sizes)
    assert again.times == video.times


@pytest.mark.parametrize("decoder", TRIED)
@pytest.mark.parametrize("kind", awkward.KINDS)
def test_every_decoder_gives_the_film(kind: str, decoder: Decoder, made: Callable[[str], Right]) -> None:
    right = made(kind)
    with doors.refused(right, decoder=decoder):
        doors.frames_door(right, right.video.path, decoder=decoder)


@pytest.mark.parametrize("kind", [kind for kind in awkward.KINDS if "dropped" in kind])
def test_where_times_cannot_be_used_the_decoders_agree_on_others(kind: str, made: Callable[[str], Right]) -> None:
    path = made(kind).video.path
    ours, theirs = read_times(path, decoder="opencv"), read_times(path, decoder="pyav")
    np.testing.assert_allclose(ours, theirs, atol=doors.SECONDS, rtol=0)
    for views in (1, 5):
        ours_seen, theirs_seen = (
            read_clips(path, doors.contract(), views=views, decoder=decoder) for decoder in DECODERS[:2]
        )
        np.testing.assert_allclose(ours_seen.windows, theirs_seen.windows, atol=doors.SECONDS, rtol=0)
        np.testing.assert_allclose(ours_seen.timestamps, theirs_seen.timestamps, atol=doors.SECONDS, rtol=0)
        np.testing.assert_array_equal(ours_seen.frames, theirs_seen.frames)


def predicted() -> Iterator[tuple[str, Decoder]]:
    """(kind, decoder): both where doors differ, of the others one in turn; what both read is compared above."""
    for turn, kind in enumerate(awkward.KINDS):
        differs = FULL or any(word in kind for word in EVERYWHERE)
        yield from ((kind, decoder) for decoder in (DECODERS[:2] if differs else DECODERS[turn % 2 : turn % 2 + 1]))


@pytest.mark.parametrize(("kind", "decoder"), list(predicted()))
def test_every_decoder_gives_one_verdict(
    kind: str, decoder: Decoder, made: Callable[[str], Right], doors_classifier: VideoClassifier
) -> None:
    right = made(kind)
    with doors.refused(right, decoder=decoder):
        doors.predict_door(right, doors_classifier, right.video.path, decoder=decoder)
    if FULL or any(word in kind for word in EVERYWHERE):
        with doors.refused(right, decoder=decoder):
            doors.predict_many_door(right, doors_classifier, right.video.path, decoder=decoder)


def chosen() -> Iterator[tuple[str, str]]:
    """(kind, door): all where they differ, of the others each in turn."""
    for (place, kind), (turn, door) in itertools.product(enumerate(awkward.KINDS), enumerate(DOORS)):
        differs = door in THEIR_OWN and any(word in kind for word in EVERYWHERE)
        was_long = door == "stream" and kind.startswith(("dropped frames", "two edits"))  # in test_cases.py
        if FULL or differs or was_long or (place + turn) % 10 == 0:
            yield kind, door


@pytest.mark.parametrize(("kind", "door"), list(chosen()))
def test_every_door_gives_one_verdict(
    kind: str,
    door: str,
    made: Callable[[str], Right],
    doors_classifier: VideoClassifier,
    doors_model: Path,
    tmp_path: Path,
) -> None:
    if door in NO_VERDICT_WITHOUT_FOLDER.get(kind, ()):
        pytest.skip("a list of files is no file of a data set")
    right = made(kind)
    with doors.refused(right):
        DOORS[door](right, right.video.path, doors_classifier, doors_model, tmp_path / "folder")


@pytest.mark.parametrize("kind", ["sound much longer than the film in mkv", "copied cut", "dash segment"])
def test_a_file_is_played_by_its_film(
    kind: str, made: Callable[[str], Right], doors_classifier: VideoClassifier
) -> None:
    right = made(kind)
    doors.realtime_door(right, doors_classifier, right.video.path)


WITHOUT_PYAV = [kind for kind in awkward.KINDS if FULL or any(word in kind for word in ("grows", "cover", "preview"))]


@pytest.mark.parametrize("door", ["predict", "timeline", "stream", "batch", "command", "evaluate"])
@pytest.mark.parametrize("kind", WITHOUT_PYAV)
def test_without_pyav_the_answer_is_the_same_or_names_it(
    kind: str,
    door: str,
    made: Callable[[str], Right],
    doors_classifier: VideoClassifier,
    doors_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if door in NO_VERDICT_WITHOUT_FOLDER.get(kind, ()):
        pytest.skip("a list of files is no file of a data set")
    right = made(kind)
    if right.video.refusal is None:
        _ = right.frames  # by PyAV, while it is there
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.delitem(sys.modules, "vidcls.video.pyav", raising=False)
    with doors.refused(right, decoder="opencv"):
        DOORS[door](right, right.video.path, doors_classifier, doors_model, tmp_path / "folder")


# From elsewhere than a path.


class Server(BaseHTTPRequestHandler):
    """Serves one file as /length/, with its length; as /ranges/, also parts of it; as /chunked/, without either."""

    protocol_version = "HTTP/1.1"
    content = b""

    def do_GET(self) -> None:
        how = self.path.split("/")[1]
        first = 0
        if how == "ranges" and (asked := self.headers.get("Range")):
            first = int(asked.removeprefix("bytes=").split("-")[0])
        content = self.content[first:]
        self.send_response(206 if first else 200)
        if how == "ranges":
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Range", f"bytes {first}-{len(self.content) - 1}/{len(self.content)}")
        if how == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
            content = b"".join(
                f"{len(part):x}\r\n".encode() + part + b"\r\n"
                for part in [*(content[start : start + 4096] for start in range(0, len(content), 4096)), b""]
            )
        else:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        try:
            self.wfile.write(content)
        except OSError:  # whoever looked has gone
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def served(path: Path, *, how: str) -> Iterator[str]:
    handler = type("Serving", (Server,), {"content": path.read_bytes()})
    with serving(handler) as address:
        yield f"{address}/{how}/{path.name}"


SERVED = [
    "piped webm",
    "piped mkv",
    "sound much longer than the film in mkv",
    "copied cut",
    "mkv that states no length",
]


@pytest.mark.parametrize("decoder", TRIED)
@pytest.mark.parametrize("how", ["length", "ranges", "chunked"])
@pytest.mark.parametrize("kind", SERVED)
def test_what_ends_on_a_server_is_a_file(
    kind: str, how: str, decoder: Decoder, made: Callable[[str], Right], doors_classifier: VideoClassifier
) -> None:
    right = made(kind)
    with served(right.video.path, how=how) as url:
        doors.predict_door(right, doors_classifier, url, decoder=decoder)


@pytest.mark.parametrize("door", ["predict_many", "timeline", "stream", "batch"])
@pytest.mark.parametrize("how", ["length", "chunked"])
def test_every_door_takes_it_for_a_file(
    door: str,
    how: str,
    made: Callable[[str], Right],
    doors_classifier: VideoClassifier,
    doors_model: Path,
    tmp_path: Path,
) -> None:
    right = made("piped webm")
    with served(right.video.path, how=how) as url:
        DOORS[door](right, url, doors_classifier, doors_model, tmp_path)  # type: ignore[arg-type]


@pytest.mark.parametrize("decoder", TRIED)
@pytest.mark.parametrize(
    "kind",
    [kind for kind in awkward.KINDS if kind != "recorded hls" and (FULL or kind.startswith(("dash", "cover", "mp4")))],
)
def test_memory_is_read_like_the_path(
    kind: str, decoder: Decoder, made: Callable[[str], Right], doors_classifier: VideoClassifier
) -> None:
    right = made(kind)
    with doors.refused(right, decoder=decoder):
        doors.predict_door(right, doors_classifier, io.BytesIO(right.video.path.read_bytes()), decoder=decoder)


# While it is written.


@pytest.mark.parametrize("decoder", TRIED)
@pytest.mark.parametrize(
    "kind", ["sound much longer than the film in ts", "avi that states no frames", "piped mkv", "unfinished avi"]
)
def test_a_file_that_grows_is_answered_or_told(
    kind: str, decoder: Decoder, made: Callable[[str], Right], tmp_path: Path
) -> None:
    """From what is there, at any moment of its making."""
    right = made(kind)
    content = right.video.path.read_bytes()
    path = tmp_path / right.video.path.name
    there = len(content) * 6 // 10  # AVI begins with kilobytes of room for an index
    path.write_bytes(content[:there])
    stopped = threading.Event()

    def write() -> None:
        with path.open("ab") as file:
            for start in range(there, len(content), 200):
                file.write(content[start : start + 200])
                file.flush()
                if stopped.wait(0.002):
                    return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        answered = 0
        while writer.is_alive() and answered < 20:
            assert_answered_or_told(right, path, decoder=decoder)
            answered += 1
    finally:
        stopped.set()
        writer.join()


def assert_answered_or_told(right: Right, path: Path, *, decoder: Decoder) -> None:
    try:
        clips = read_clips(path, doors.contract(), views=2, decoder=decoder)
    except VideoError as error:
        assert "still being written" in str(error)  # noqa: PT017 - either is right
        return
    # Whatever was there, its frames are the film's, each at its own time. Of one of the newest only a part may have
    # been there: then it, and those predicted from it, show what came before; or others before it are missing.
    newest = clips.timestamps.max() - 8 / float(awkward.RATE)
    known = dict(zip(np.round(right.times, 5), right.video.numbers, strict=True))
    for at, frame in zip(clips.timestamps.ravel(), clips.frames.reshape(-1, *clips.frames.shape[2:]), strict=True):
        assert round(at, 5) in known
        try:
            number = painted(frame)
        except ValueError:
            assert at > newest
            continue
        assert number == known[round(at, 5)] or (at > newest and abs(number - known[round(at, 5)]) < 4)
