"""Many sources and one model: who is served when, and that none holds up another."""

from __future__ import annotations

import gc
import re
import signal
import socket
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fake_camera
from generated import painted_frame, write_clip
from loopback import answering, free_port, sending, serving
from vidcls import Prediction, VideoClassifier, VideoError
from vidcls.clips import SampledClips
from vidcls.live.answers import Answers
from vidcls.live.capture import Capture, Reader
from vidcls.live.several import SeveralStreams, SourceOptions, open_several
from vidcls.preprocessing import crop_frame

pytestmark = pytest.mark.clock

# How much later than due something may happen on a machine that is busy with other things.
HELD_UP_SECONDS = 1.0
CLOSE_SECONDS = 2.0


@pytest.fixture(scope="module")
def classifier(model: Path) -> VideoClassifier:
    return VideoClassifier(model, device="cpu")


@pytest.fixture(autouse=True)
def _no_thread_is_left_over() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    gc.collect()
    deadline = time.monotonic() + 30
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert {thread.name for thread in left} <= {"vidcls run limit"}  # which ends itself after the last run


def several(classifier: VideoClassifier, sources: dict[str, Any], *, answer_seconds: float = 0.0) -> SeveralStreams:
    def classify(clips: SampledClips) -> Prediction:
        time.sleep(answer_seconds)
        return classifier.predict_clips(clips)

    options = {
        name: each if isinstance(each, SourceOptions) else SourceOptions(source=each) for name, each in sources.items()
    }
    return open_several(options, classifier.contract, classify)


def test_every_sources_records_are_those_of_its_own_stream(classifier: VideoClassifier, tmp_path: Path) -> None:
    clips = {
        name: write_clip(tmp_path / f"{name}.mp4", frames=frames, rate=25) for name, frames in (("a", 25), ("b", 40))
    }
    steps = {"a": 0.4, "b": 0.2}
    shown: dict[str, dict[str, Any]] = {"a": {"crops": 3}, "b": {"region": (0.25, 0.0, 1.0, 0.9)}}
    found: dict[str, dict[float, Any]] = {"a": {}, "b": {}}
    dropped: Counter[str] = Counter()
    options = {name: SourceOptions(source=clips[name], step_seconds=steps[name], **shown[name]) for name in clips}
    with several(classifier, options) as streams:
        for name, record in streams:
            found[name][round(record.window[0], 6)] = record
            dropped[name] += record.dropped_windows
            assert 0 <= record.lag_seconds < HELD_UP_SECONDS
            assert streams.picture(name) is not None
        assert not streams.connected("a")
    for name, clip in clips.items():
        with classifier.stream(clip, pace="fastest", step_seconds=steps[name], **shown[name]) as stream:
            expected = {round(record.window[0], 6): record for record in stream}
        assert set(found[name]) <= set(expected)
        assert len(found[name]) + dropped[name] == len(expected)
        for start, record in found[name].items():
            np.testing.assert_array_equal(record.prediction.logits, expected[start].prediction.logits)


def test_a_slow_model_serves_all_in_turn_and_always_their_newest(classifier: VideoClassifier, tmp_path: Path) -> None:
    names = ("a", "b", "c", "d")
    clip = write_clip(tmp_path / "clip.mp4", frames=100, rate=25)
    # Until it is each one's turn again, 0.6 s, all have had a window for long, also on a busy machine.
    options = {name: SourceOptions(source=clip, step_seconds=0.04 * (1 + k)) for k, name in enumerate(names)}
    served = []
    with several(classifier, options, answer_seconds=0.15) as streams:
        for name, record in streams:
            served.append(name)
            if len(served) > len(names):
                # Its newest window was complete one step ago at most when the model began.
                assert record.lag_seconds < 0.15 + 0.16 + HELD_UP_SECONDS
            if len(served) == 16:
                break
    counts = Counter(served)
    assert max(counts.values()) - min(counts.values()) <= 1
    for number in range(len(names), len(served) - len(names)):
        assert set(served[number : number + len(names)]) == set(names)


def test_what_is_not_there_is_said_once_and_opened_when_it_is(
    classifier: VideoClassifier, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    late = tmp_path / "late.mp4"
    clip = write_clip(tmp_path / "clip.mp4", frames=100, rate=25)
    with several(classifier, {"late": late, "never": tmp_path / "never.mp4", "there": clip}) as streams:
        name, _ = next(streams)
        assert name == "there"
        assert streams.connected("there")
        assert not streams.connected("late")
        clip.rename(late)
        assert "late" in (name for name, _ in streams)
        assert streams.connected("late")
        assert not streams.connected("never")
    said = [message for message in caplog.messages if "late.mp4" in message]
    assert said[0] == f"{late}: there is no such file; trying again until it can be opened"
    assert said[1].startswith(f"{late}: there after ")
    assert len(said) == 2
    assert sum("never.mp4" in message for message in caplog.messages) == 1


def test_a_source_that_cannot_be_read_any_further_does_not_stop_the_others(
    classifier: VideoClassifier, caplog: pytest.LogCaptureFixture
) -> None:
    def damaged(capture: Capture) -> None:
        add(capture, frames=25)
        raise VideoError("damaged.mp4", "cannot be decoded")

    def sound(capture: Capture) -> None:
        _wait_until(lambda: bool(caplog.messages))
        add(capture, frames=25)

    with SeveralStreams(
        {
            name: (captured(read, classifier), answers(name, classifier))
            for name, read in (("damaged", damaged), ("sound", sound))
        }
    ) as streams:
        assert [name for name, _ in streams] == ["damaged", "sound"]
    assert caplog.messages == ["damaged.mp4: cannot be decoded; it is watched no more"]


def test_a_fault_of_ours_is_raised_and_frees_all(classifier: VideoClassifier) -> None:
    def faulty(_: Capture) -> None:
        raise RuntimeError("a fault")

    def endless(capture: Capture) -> None:
        while not capture.is_stopping():
            time.sleep(0.05)

    streams = SeveralStreams(
        {
            name: (captured(read, classifier), answers(name, classifier))
            for name, read in (("faulty", faulty), ("endless", endless))
        }
    )
    with pytest.raises(RuntimeError, match=r"^a fault$"):
        next(streams)


def captured(read: Reader, classifier: VideoClassifier) -> Capture:
    crop = partial(crop_frame, image=classifier.contract.image, crops=1)
    return Capture(read, classifier.contract, step_seconds=0.4, crop=crop)


def add(capture: Capture, *, frames: int) -> None:
    for number in range(frames):
        capture.add(number / 25, painted_frame(number, width=32, height=32), dropped=0)


def answers(name: str, classifier: VideoClassifier) -> Answers:
    return Answers(name, classifier.predict_clips, motion=0.0)


def test_stop_from_another_thread_ends_the_iteration(classifier: VideoClassifier, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=300)
    with several(classifier, {"a": clip, "b": "gone.mp4"}) as streams:
        next(streams)
        threading.Timer(0.2, streams.stop).start()
        started = time.monotonic()
        list(streams)
        assert time.monotonic() - started < 6  # of twelve seconds that it would go on


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="its cameras hang")
def test_close_takes_two_seconds_at_most_whatever_all_of_them_do(
    classifier: VideoClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cameras that hang in every call, and a server that never answers."""
    for variable, value in fake_camera.environment(tmp_path, "read hangs", "open hangs", "release hangs").items():
        monkeypatch.setenv(variable, value)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cameras = {
            f"camera{number}": SourceOptions(source=number, timeout_seconds=30, step_seconds=0.2) for number in range(6)
        }
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        streams = several(classifier, {"silent": SourceOptions(source=url, timeout_seconds=30), **cameras})
        next(streams)
        until = time.monotonic() + 20
        while len(openers := fake_camera.openers(tmp_path)) < 6 and time.monotonic() < until:
            time.sleep(0.1)
        assert len(openers) == 6
        started = time.monotonic()
        streams.close()
        assert time.monotonic() - started < CLOSE_SECONDS + HELD_UP_SECONDS  # one after another it would be six
    assert list(streams) == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="its camera is a fake of POSIX systems")
def test_where_one_source_cannot_be_started_those_before_it_are_freed(
    classifier: VideoClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A camera whose process runs, and a file; the fixture looks for threads."""
    for variable, value in fake_camera.environment(tmp_path, "good").items():
        monkeypatch.setenv(variable, value)
    start = threading.Thread.start
    started: list[threading.Thread] = []

    def start_two(thread: threading.Thread) -> None:
        if thread.name == "vidcls-capture":
            if len(started) == 2:  # what a system says that has no more of them
                _wait_until(lambda: len(fake_camera.openers(tmp_path)) == 1)
                raise RuntimeError("can't start new thread")
            started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_two)
    clip = write_clip(tmp_path / "clip.mp4", frames=300)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        several(classifier, {"camera": 0, "file": clip, "third": clip})
    assert not any(thread.is_alive() for thread in started)
    assert not [pid for pid in fake_camera.openers(tmp_path) if Path(f"/proc/{pid}").exists()]


def _wait_until(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_playlist_whose_segments_never_come_is_let_go_of_at_once(classifier: VideoClassifier) -> None:
    """It is opened where it can be left; a call of FFmpeg here would last as long as its limit.

    Nor does a decoder matter, which is for files: that the URL is none shows only once it is opened.
    """
    asked, is_over = threading.Event(), threading.Event()

    def answer(request: BaseHTTPRequestHandler) -> None:
        if request.path.endswith("ts"):
            asked.set()
            is_over.wait(20)
            return
        request.send_response(200)
        request.end_headers()
        request.wfile.write(b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:1\n#EXTINF:1,\n1.ts\n")

    with serving(answering(answer)) as url:
        silent = SourceOptions(source=f"{url}/live.m3u8", timeout_seconds=10, decoder="opencv")
        streams = several(classifier, {"silent": silent})
        assert asked.wait(20)
        assert not streams.connected("silent")
        started = time.monotonic()
        streams.close()
        took = time.monotonic() - started
        is_over.set()
    assert took < 0.5 + HELD_UP_SECONDS


def test_a_broadcast_that_has_ended_is_waited_for(
    classifier: VideoClassifier, caplog: pytest.LogCaptureFixture
) -> None:
    """As while its encoder is started again. Behind this server stands one of a broadcast that goes on."""
    hls_server = pytest.importorskip("hls_server")
    has_ended, asked = threading.Event(), []
    has_ended.set()
    port = free_port()

    def answer(request: BaseHTTPRequestHandler) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{request.path}", timeout=10) as behind:
            content = behind.read()
        if request.path.endswith("m3u8"):
            asked.append(request.path)
            content = re.sub(rb"SEQUENCE:(\d+)", lambda first: b"SEQUENCE:%d" % (int(first[1]) + 100), content)
            content += b"#EXT-X-ENDLIST\n" if has_ended.is_set() else b""
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    with hls_server.start(port, segment_seconds=1)[0] as process:
        try:
            with serving(answering(answer)) as url, several(classifier, {"door": f"{url}/live.m3u8"}) as streams:
                _wait_until(lambda: len(asked) >= 4)
                assert caplog.messages == [
                    f"{url}/live.m3u8: its playlist has ended (#EXT-X-ENDLIST); trying again until it can be opened"
                ]
                assert streams.picture("door") is None
                has_ended.clear()
                next(streams)
                assert streams.connected("door")
                assert caplog.messages[1].startswith(f"{url}/live.m3u8: there after ")
        finally:
            process.kill()


def test_the_end_of_a_film_at_a_url_is_said_and_that_of_a_file_is_not(
    classifier: VideoClassifier, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    film = write_clip(tmp_path / "film.mp4", frames=25, rate=25)
    with serving(sending(film.read_bytes())) as url:
        sources = {"file": film, "name": film.as_uri(), "url": f"{url}/film.mp4"}
        with several(classifier, sources) as streams:
            assert {name for name, _ in streams} == set(sources)
    assert caplog.messages == [f"{url}/film.mp4: has ended; it is watched no more"]


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({}, "sources is empty, expected at least one"),
        ({"a": SourceOptions(source=0, step_seconds=0)}, "a: step_seconds is 0, expected more than 0 seconds"),
        (
            {"a": SourceOptions(source=0, decoder="pyav")},
            "a: decoder is 'pyav'; a live source can have only 'auto', which is OpenCV there",
        ),
        ({"a": SourceOptions(source=0, motion=2)}, "a: motion is 2, expected a share of the picture"),
    ],
)
def test_wrong_options_are_refused_by_the_sources_name(
    sources: dict[str, SourceOptions], message: str, classifier: VideoClassifier
) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        open_several(sources, classifier.contract, classifier.predict_clips)
