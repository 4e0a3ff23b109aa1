"""Sources that go silent, change or never show anything: each is lost in time, told, and opened again."""

from __future__ import annotations

import logging
import signal
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import bad_servers
import fake_camera
from bad_servers import Source
from fake_camera import Kind
from slow import slow
from vidcls import Record, VideoClassifier
from vidcls.live import readers
from vidcls.live.capture import Capture
from vidcls.live.stream import open_stream

pytestmark = [
    pytest.mark.clock,
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="it stops and kills processes"),
]


# How much later than `timeout_seconds` a source may be found lost.
LOST_WITHIN_SECONDS = 1.0
# The start of the process that opens a source again, its loading of OpenCV, and FFmpeg's look at the stream.
OPEN_SECONDS = 15.0
# How long after a pause was reckoned it begins.
PAUSE_SECONDS = 0.2

SERVERS: dict[str, Callable[[], AbstractContextManager[Source]]] = {
    "mjpeg": bad_servers.mjpeg,
    "mpeg-ts": partial(bad_servers.mpeg_ts, interlaced="progressive"),
    "hls": partial(bad_servers.hls, seconds=600),
    "rtsp-tcp": partial(bad_servers.rtsp, transport="tcp"),
    "rtsp-udp": partial(bad_servers.rtsp, transport="udp"),
}


@pytest.fixture(scope="module")
def classifier(model: Path) -> VideoClassifier:
    return VideoClassifier(model, device="cpu")


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Plug cameras of these kinds in; no process is left over."""

    def plug_in(*kinds: Kind) -> Path:
        for name, value in fake_camera.environment(tmp_path, *kinds).items():
            monkeypatch.setenv(name, value)
        return tmp_path

    yield plug_in
    assert not [pid for pid in fake_camera.openers(tmp_path) if Path(f"/proc/{pid}").exists()]


class Told(logging.Handler):
    """What the log says, and when, in monotonic seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.at: list[tuple[float, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.at.append((time.monotonic(), record.getMessage()))

    def when(self, part: str) -> float | None:
        """When that was first said."""
        return next((at for at, message in self.at if part in message), None)


@pytest.fixture
def told() -> Iterator[Told]:
    handler, logger = Told(), logging.getLogger("vidcls")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


@slow
@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_that_falls_silent_is_lost_in_time_and_opened_again_when_it_speaks(
    kind: str, classifier: VideoClassifier, told: Told
) -> None:
    timeout = 0.8 if kind == "mjpeg" else 5.0
    with SERVERS[kind]() as source, classifier.stream(source.url, timeout_seconds=timeout, step_seconds=0.2) as stream:
        opened = time.monotonic()
        while time.monotonic() < opened + (0.5 if kind == "mjpeg" else 4.0):  # what comes at once at first is over
            next(stream)
        stalled = source.stall()
        done: list[Record] = []
        reading = threading.Thread(target=lambda: done.extend(_until_a_gap(stream)))
        reading.start()
        while (lost := told.when("lost")) is None:
            assert time.monotonic() - stalled < 10 * timeout
            time.sleep(0.02)
        # What was on its way when it fell silent: frames; of HLS a segment, which is waited for as long as it lasts.
        delivered = 2 * bad_servers.SEGMENT_SECONDS if kind == "hls" else 0.5
        assert lost - stalled < timeout + LOST_WITHIN_SECONDS + delivered
        assert not stream.connected
        source.resume()
        reading.join(OPEN_SECONDS + 2 * timeout)
        assert done
        assert done[-1].gap_seconds >= timeout
        assert stream.connected
        started = time.monotonic()
        stream.close()
        assert time.monotonic() - started < 2
    assert told.when("there again") is not None


@slow
def test_a_playlist_that_grows_no_more_is_not_shown_again_and_again(classifier: VideoClassifier, told: Told) -> None:
    """Each time it is opened again, a server has the last three segments to give."""
    with (
        bad_servers.hls(seconds=60) as source,
        classifier.stream(source.url, timeout_seconds=4, step_seconds=0.4) as stream,
    ):
        shown: list[Record] = []
        for record in stream:
            shown.append(record)
            if record.window[1] > 8:
                break
        source.stall()
        reading = threading.Thread(target=lambda: shown.extend(_until_a_gap(stream)))
        reading.start()
        assert not _wait_for(lambda: told.when("there again") is not None, seconds=25)
        count = len(shown)
        source.resume()
        reading.join(OPEN_SECONDS)
        assert shown[-1].gap_seconds > 20
    assert [message.partition(": ")[2][:4] for _, message in told.at[:2]] == ["lost", "ther"]
    assert len(shown) == count + 1
    pictures = [record.picture[::8].tobytes() for record in shown]
    assert len(set(pictures)) == len(pictures)


def _wait_for(happened: Callable[[], bool], *, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not happened() and time.monotonic() < until:
        time.sleep(0.05)
    return happened()


def _until_a_gap(stream: Any) -> Iterator[Record]:
    for record in stream:
        yield record
        if record.gap_seconds:
            return


@pytest.mark.parametrize("kind", ["no retrieve", pytest.param("no picture", marks=slow)])
def test_a_camera_that_gives_frames_and_never_a_picture_is_lost(
    kind: Kind, plug_in: Callable[..., Path], classifier: VideoClassifier, told: Told
) -> None:
    folder = plug_in(kind, "good")
    with classifier.stream(0, timeout_seconds=0.5, step_seconds=0.2) as stream:
        opened = time.monotonic()
        record = next(stream)  # from the second
    lost = told.when("lost")
    assert lost is not None
    assert lost - opened < 0.5 + LOST_WITHIN_SECONDS
    assert len(fake_camera.openers(folder)) == 2
    assert record.picture.shape == (fake_camera.HEIGHT, fake_camera.WIDTH, 3)


def test_a_camera_that_opens_and_shows_nothing_is_tried_ever_less_often(
    plug_in: Callable[..., Path], classifier: VideoClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, pauses = plug_in("no retrieve", "no retrieve", "not there", "no retrieve", "good"), []
    monkeypatch.setattr(readers, "LAST_RETRY_SECONDS", 2.0)

    def sleep(*, until: float, capture: Capture) -> bool:
        pauses.append(until - time.monotonic())
        return not capture.is_stopping()

    monkeypatch.setattr(readers, "sleep", sleep)
    with classifier.stream(0, timeout_seconds=0.1, step_seconds=0.2) as stream:
        assert not stream.connected
        next(stream)
        assert stream.connected
    assert len(fake_camera.openers(folder)) == 5
    assert pauses == pytest.approx([0.5, 1.0, 2.0, 2.0], abs=PAUSE_SECONDS)


@slow
def test_a_camera_that_opens_slowly_is_waited_for(plug_in: Callable[..., Path], classifier: VideoClassifier) -> None:
    plug_in("opens slowly")
    with classifier.stream(0, timeout_seconds=5) as stream:
        assert next(stream).gap_seconds == 0


@pytest.mark.parametrize("source", ["camera", "mjpeg"])
def test_sizes_that_change_give_windows_of_crops_of_one_size(
    source: str, plug_in: Callable[..., Path], classifier: VideoClassifier, told: Told
) -> None:
    if source == "camera":
        plug_in("sizes change")
        assert _shown(0, classifier) == {(120, 160, 3), (160, 120, 3)}
    else:
        with bad_servers.mjpeg(sizes=((320, 240), (640, 480))) as server:
            assert _shown(server.url, classifier) == {(240, 320, 3), (480, 640, 3)}
    assert not told.at


def _shown(source: int | str, classifier: VideoClassifier) -> set[tuple[int, ...]]:
    """The sizes of pictures, while those of crops are all the same."""
    crop = classifier.contract.image.crop_size
    given: list[tuple[int, ...]] = []

    def classify(clips: Any) -> Any:
        given.append(clips.frames.shape)
        return classifier.predict_clips(clips)

    options: dict[str, Any] = {"pace": "realtime", "step_seconds": 0.1, "timeout_seconds": 5, "decoder": "auto"}
    with open_stream(source, classifier.contract, classify, **options) as stream:
        shown = {next(stream).picture.shape for _ in range(12)}
    assert set(given) == {(1, 4, crop, crop, 3)}
    return shown


@slow
def test_a_black_camera_and_a_frozen_broadcast_are_told_as_such_and_go_on(
    plug_in: Callable[..., Path], classifier: VideoClassifier, told: Told
) -> None:
    plug_in("black")
    with classifier.stream(0, step_seconds=0.4) as stream:
        records = [next(stream) for _ in range(16)]
        assert stream.picture_state == "black"
    assert [record.repeated for record in records] == [False] + [True] * 15
    assert told.when("camera 0: its picture is black; check its lens") is not None


@slow
def test_interlaced_video_that_this_opencv_cannot_convert_is_told(classifier: VideoClassifier, told: Told) -> None:
    with bad_servers.mpeg_ts(interlaced="interlaced") as source:
        opened = cv2.VideoCapture(source.url, cv2.CAP_FFMPEG)
        one, other = opened.read()[1], opened.read()[1]
        opened.release()
        if not np.array_equal(one, other):
            pytest.skip("this OpenCV converts interlaced video")
        with classifier.stream(source.url, timeout_seconds=10) as stream:
            started = time.monotonic()
            while stream.picture_state == "ok" and time.monotonic() - started < 20:
                next(stream)
    assert told.when("its video is interlaced, which some versions of OpenCV cannot convert") is not None


TIMES = 50


@slow
@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
@pytest.mark.parametrize("kind", [*SERVERS, "camera", "read hangs", "release hangs"])
def test_opened_and_closed_fifty_times_nothing_is_left(
    kind: str, plug_in: Callable[..., Path], classifier: VideoClassifier
) -> None:
    """No thread, no process, no descriptor; half of the times it is closed while it is silent."""
    with SERVERS[kind]() if kind in SERVERS else _camera(plug_in, kind) as source:
        left = []
        for number in range(TIMES + 1):
            with classifier.stream(source.url if kind in SERVERS else 0, timeout_seconds=10) as stream:
                if number % 2 == 0:
                    next(stream)
            left.append(_held())
            assert {thread.name for thread in threading.enumerate()} & {"vidcls-capture", "vidcls-model"} == set()
    # Threads of the server's and the model's end by themselves, a while later: so no count grows, rather than stays.
    half = len(left) // 2
    for earlier, later in zip(zip(*left[:half], strict=True), zip(*left[half:], strict=True), strict=True):
        # Low and high: where every other time one more is left for a while, as many of either may be in a half.
        assert statistics.median_low(later) <= statistics.median_high(earlier)
        assert max(later) <= max(earlier) + 2


def _camera(plug_in: Callable[..., Path], kind: str) -> AbstractContextManager[Source]:
    plug_in("good" if kind == "camera" else kind)
    return nullcontext(Source("", lambda: 0.0, lambda: None))


def _held() -> tuple[int, int, int]:
    """Threads, descriptors and children of this process, once those of servers that live in it are gone too."""
    until = time.monotonic() + 2
    while time.monotonic() < until and any("process_request" in thread.name for thread in threading.enumerate()):
        time.sleep(0.02)
    tasks, children = list(Path("/proc/self/task").iterdir()), 0
    for task in tasks:
        with suppress(FileNotFoundError):  # a thread that has just ended
            children += len((task / "children").read_text().split())
    return len(tasks), len(list(Path("/proc/self/fd").iterdir())), children
