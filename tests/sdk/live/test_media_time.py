"""Live windows hold the frames that `predict` would take of the recording, whatever way frames come.

Every frame is painted with its number, and frame k was filmed k / rate seconds after the server began. What a window
has to hold is worked out here once more, from those numbers alone.
"""

from __future__ import annotations

import math
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest

import hls_server
import mjpeg_server
import rtsp_server
from generated import painted_number, write_model
from loopback import free_port
from slow import IS_SLOW, slow
from vidcls import Prediction, Record, VideoClassifier
from vidcls.clips import SampledClips
from vidcls.live.capture import Capture
from vidcls.live.readers import read_live
from vidcls.live.stream import open_stream
from vidcls.live.window_buffer import LATE_SECONDS
from vidcls.preprocessing import crop_frame
from vidcls.video import remote

pytestmark = pytest.mark.clock

needs_gstreamer = pytest.mark.skipif(
    not rtsp_server.is_there(), reason="the system's Python has no GStreamer with gst-rtsp-server"
)

CLIP, STEP, FRAMES = 1.0, 0.5, 5

# The pts of MPEG-TS and RTP count 90 kHz; a window's frames are those from 1 ms before its start.
EARLY_SECONDS = 0.001
# Where there are no pts, a frame's time is its arrival, which on a busy machine may be late by the time between two, so
# that a window has one frame more or less at either end.
ARRIVAL_SECONDS = 0.1
# What the issue of live time asks for: how far lag may be from the true age.
LAG_SECONDS = 0.1


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> VideoClassifier:
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    return VideoClassifier(write_model(path, clip_seconds=CLIP, frames=FRAMES), device="cpu")


@pytest.fixture(autouse=True)
def _read_for_a_moment_only_to_see_whether_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "END_SECONDS", 0.3)


@dataclass(frozen=True)
class Answer:
    """A record, the numbers of its window's frames, and when it was handed out, in monotonic seconds."""

    record: Record
    numbers: list[int]
    at: float


@contextmanager
def running(server: tuple[subprocess.Popen[bytes], float]) -> Iterator[float]:
    process, began = server
    try:
        yield began
    finally:
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()


def watch(url: str, classifier: VideoClassifier, *, seconds: float, answer_seconds: float = 0.0) -> list[Answer]:
    """What a stream says in the seconds after its first answer."""
    numbers: list[list[int]] = []

    def classify(clips: SampledClips) -> Prediction:
        numbers.append([painted_number(frame) for frame in clips.frames[0]])
        time.sleep(answer_seconds)
        return classifier.predict_clips(clips)

    options: Any = {"pace": "realtime", "step_seconds": STEP, "timeout_seconds": 5, "decoder": "auto"}
    answers: list[Answer] = []
    with open_stream(url, classifier.contract, classify, **options) as stream:
        for record in stream:
            at = time.monotonic()
            answers.append(Answer(record, numbers[-1], at))
            if at - answers[0].at > seconds:
                break
    return answers


def expected_numbers(
    start: float, *, first: int, rate: float, early: tuple[float, float] = (EARLY_SECONDS, EARLY_SECONDS)
) -> list[int]:
    """What the sampling rule takes of frames first, first + 1 ..., the first of which is shown at 0, modulo 256.

    early: how much before a window's start, and before its end, its frames begin and end.
    """
    begin = math.ceil((start - early[0]) * rate - 1e-9)
    end = math.ceil((start + CLIP - early[1]) * rate - 1e-9)
    inside = range(max(0, begin), end)
    return [(first + inside[j * (len(inside) - 1) // (FRAMES - 1)]) % 256 for j in range(FRAMES)]


def check_windows(answers: list[Answer], *, rate: float) -> None:
    """Every window that there is was answered, of the right frames."""
    first = answers[0].numbers[0]
    for answer in answers:
        assert answer.numbers == expected_numbers(answer.record.window[0], first=first, rate=rate)
    check_nothing_is_lost(answers)


def check_windows_by_arrival(answers: list[Answer], *, rate: float) -> None:
    """The same, where frames at a window's borders may have come ARRIVAL_SECONDS late."""
    first, shifts = answers[0].numbers[0], (-ARRIVAL_SECONDS, EARLY_SECONDS, ARRIVAL_SECONDS)
    for answer in answers:
        start = answer.record.window[0]
        assert answer.numbers in [
            expected_numbers(start, first=first, rate=rate, early=early) for early in product(shifts, shifts)
        ]
        spanned = (answer.numbers[-1] - answer.numbers[0]) % 256 / rate
        assert CLIP - 3 / rate <= spanned <= CLIP + 1 / rate
    check_nothing_is_lost(answers)


def check_nothing_is_lost(answers: list[Answer]) -> None:
    starts = [answer.record.window[0] for answer in answers]
    np.testing.assert_allclose(starts, STEP * np.arange(len(answers)), atol=1e-6)
    assert not any(answer.record.dropped_windows or answer.record.dropped_frames for answer in answers)
    assert not any(answer.record.gap_seconds for answer in answers)


def true_lags(answers: list[Answer], *, began: float, rate: float) -> list[float]:
    """How old each answer was: since its window's end was filmed."""
    lags, number = [], 0
    for answer in answers:
        number += (answer.numbers[0] - number) % 256
        into_window = answer.record.prediction.timestamps[0, 0] - answer.record.window[0]
        lags.append(answer.at - (began + number / rate - into_window + CLIP))
    return lags


def check_lag(answers: list[Answer], *, began: float, rate: float) -> None:
    """As told, but for those while what waited when the stream was opened still comes in: at first none is known."""
    for answer, true in list(zip(answers, true_lags(answers, began=began, rate=rate), strict=True))[2:]:
        assert answer.record.lag_seconds == pytest.approx(true, abs=LAG_SECONDS)


@pytest.mark.parametrize("segment_seconds", [1, *(pytest.param(seconds, marks=slow) for seconds in (2, 4, 6))])
def test_a_broadcast_in_segments_gives_the_windows_of_its_recording(
    segment_seconds: int, classifier: VideoClassifier
) -> None:
    port, seconds = free_port(), 30 if IS_SLOW else 2.5
    with running(hls_server.start(port, segment_seconds=segment_seconds)) as began:
        answers = watch(f"http://127.0.0.1:{port}/live.m3u8", classifier, seconds=seconds)
    check_windows(answers, rate=15)
    # Three segments are there at once, of which no window is left out. Silence between those of 6 s is no loss.
    assert len(answers) >= (3 * segment_seconds - CLIP + seconds - segment_seconds) / STEP
    # That a segment is sent once it is whole delays every frame of it, which nobody can see; more is not said.
    for answer, true in zip(answers, true_lags(answers, began=began, rate=15), strict=True):
        assert 0 <= answer.record.lag_seconds < true + LAG_SECONDS


@slow
def test_a_model_that_is_only_just_fast_enough_answers_every_window_of_a_broadcast(classifier: VideoClassifier) -> None:
    port = free_port()
    with running(hls_server.start(port, segment_seconds=4)):
        answers = watch(f"http://127.0.0.1:{port}/live.m3u8", classifier, seconds=30, answer_seconds=0.75 * STEP)
    check_windows(answers, rate=15)


@slow
def test_a_model_that_is_too_slow_for_a_broadcast_is_no_later_at_the_end(classifier: VideoClassifier) -> None:
    port = free_port()
    with running(hls_server.start(port, segment_seconds=2)) as began:
        answers = watch(f"http://127.0.0.1:{port}/live.m3u8", classifier, seconds=40, answer_seconds=2 * STEP)
    lags = true_lags(answers, began=began, rate=15)
    assert np.mean(lags[-10:]) < np.mean(lags[5:15]) + 0.5
    assert sum(answer.record.dropped_windows for answer in answers) > 20
    first = answers[0].numbers[0]
    for answer in answers:
        assert answer.numbers == expected_numbers(answer.record.window[0], first=first, rate=15)


@slow
def test_an_encoder_that_is_started_again_is_a_gap_which_no_window_spans(
    classifier: VideoClassifier, caplog: pytest.LogCaptureFixture
) -> None:
    port, run = free_port(), 6
    with running(hls_server.start(port, segment_seconds=2, run=run)):
        answers = watch(f"http://127.0.0.1:{port}/live.m3u8", classifier, seconds=16)
    gaps = [k for k, answer in enumerate(answers) if answer.record.gap_seconds]
    assert len(gaps) == 1
    assert [message.split(": ", 1)[1] for message in caplog.messages] == [
        f"its pts jumped, after {answers[gaps[0]].record.gap_seconds:.1f} s of which nobody knows"
    ]
    before, after = answers[: gaps[0]], answers[gaps[0] :]
    check_windows(before, rate=15)
    restarted = after[0].record.window[0]
    assert restarted > before[-1].record.prediction.timestamps.max()
    for answer in after:
        start = answer.record.window[0] - restarted
        assert answer.numbers == expected_numbers(start, first=run * 2 * 15, rate=15)


@needs_gstreamer
@pytest.mark.parametrize("transport", ["tcp", pytest.param("udp", marks=slow)])
def test_a_network_camera_with_jitter_gives_the_windows_of_its_recording_and_its_lag(
    transport: str, classifier: VideoClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", f"rtsp_transport;{transport}")
    port, seconds = free_port(), 30 if IS_SLOW else 2
    with running(rtsp_server.start(port, rate=30, late_seconds=0.15)) as began:
        answers = watch(f"rtsp://127.0.0.1:{port}/live", classifier, seconds=seconds)
    check_windows(answers, rate=30)
    check_lag(answers, began=began, rate=30)
    assert len(answers) >= seconds / STEP - 2


@contextmanager
def stalling(port: int, *, from_seconds: float, seconds: float) -> Iterator[int]:
    """The port of a line to that one, on which nothing comes through for a while, once someone has called."""

    def forward(source: socket.socket, target: socket.socket, stall: float) -> None:
        called = time.monotonic()
        with suppress(OSError):
            while block := source.recv(1 << 14):
                if called + from_seconds < time.monotonic() < called + from_seconds + stall:
                    time.sleep(called + from_seconds + stall - time.monotonic())
                target.sendall(block)
            target.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        caller, server = listener.accept()[0], socket.create_connection(("127.0.0.1", port))
        back = threading.Thread(target=forward, args=(server, caller, seconds))
        back.start()
        forward(caller, server, 0.0)
        back.join()
        for each in (caller, server):
            each.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@slow
@needs_gstreamer
def test_a_line_that_stalls_for_seconds_costs_lag_and_no_window(classifier: VideoClassifier) -> None:
    port = free_port()
    with (
        running(rtsp_server.start(port, rate=30)) as began,
        stalling(port, from_seconds=8, seconds=4) as line,
    ):
        answers = watch(f"rtsp://127.0.0.1:{line}/live", classifier, seconds=15)
    check_windows(answers, rate=30)
    check_lag(answers, began=began, rate=30)
    lags = [answer.record.lag_seconds for answer in answers]
    assert max(lags) > 3
    assert max(lags[-5:]) < LAG_SECONDS


@slow
def test_a_camera_that_sends_pictures_without_times_gives_windows_of_clip_seconds_and_its_lag(
    classifier: VideoClassifier,
) -> None:
    """FFmpeg would have it that they come at 25 a second: windows would last two and a half times as long."""
    port, seconds = free_port(), 30 if IS_SLOW else 1.5
    with running(mjpeg_server.start(port, rate=10)) as began:
        answers = watch(f"http://127.0.0.1:{port}/", classifier, seconds=seconds)
    check_windows_by_arrival(answers, rate=10)
    check_lag(answers, began=began, rate=10)
    assert len(answers) >= seconds / STEP - 2


@slow
def test_a_camera_of_less_than_one_picture_a_window_gives_one_of_each_and_soon(classifier: VideoClassifier) -> None:
    port, rate, newest, ages = free_port(), 0.4, [], []
    with running(mjpeg_server.start(port, rate=rate)) as began:
        # Not by `stream`, which first sees for 33 pictures whether it is a film.
        reader = read_live(f"http://127.0.0.1:{port}/", timeout_seconds=10)
        crop = partial(crop_frame, image=classifier.contract.image, crops=1)
        capture = Capture(reader, classifier.contract, step_seconds=STEP, crop=crop)
        until = time.monotonic() + 25
        while (captured := capture.next_window(until=until)) is not None:
            newest.append(painted_number(captured.window.frames[0, -1]))
            ages.append(time.monotonic() - (began + newest[-1] / rate))
            assert captured.dropped_windows == 0
        capture.close()
    assert newest == list(range(newest[0], newest[0] + len(newest)))
    assert len(newest) >= 8
    # The first window's rate nobody knows; later ones do not wait for the next picture, 2.5 s after theirs.
    assert max(ages[1:]) < STEP + LATE_SECONDS + 0.5
