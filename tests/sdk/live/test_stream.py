"""Streams of files at both paces, of a camera on the network, and how they end."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import live_server
from generated import LABELS, contract_fields, model_logits, write_clip
from loopback import free_port
from motion import DIRECTIONS, film, write_motion_model
from vidcls import Prediction, Record, VideoClassifier, VideoError
from vidcls.clips import SampledClips, read_clips
from vidcls.live.stream import open_stream
from vidcls.video import remote

pytestmark = pytest.mark.clock

# float32 sums of 12288 products, against numpy's in float64.
LOGIT = 5e-5

# How much later than due something may happen on a machine that is busy with other things.
HELD_UP_SECONDS = 2.0


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
    assert not left


def slowed(classifier: VideoClassifier, seconds: float, source: Any, *, step_seconds: float) -> Any:
    """A stream of a model that takes `seconds` longer."""

    def classify(seen: SampledClips) -> Prediction:
        time.sleep(seconds)
        return classifier.predict_clips(seen)

    return open_stream(
        source,
        classifier.contract,
        classify,
        pace="realtime",
        step_seconds=step_seconds,
        timeout_seconds=5,
        decoder="auto",
    )


def test_a_file_as_fast_as_possible_gives_every_window_with_predicts_answer(
    classifier: VideoClassifier, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=40, rate=25)  # two windows long
    seen = read_clips(clip, classifier.contract, views=3)  # which are those that step by half
    with classifier.stream(clip, pace="fastest") as stream:
        assert (stream.total, stream.duration) == (3, pytest.approx(1.6))
        records = list(stream)
    assert len(records) == 3
    for record, window, frames, timestamps in zip(records, seen.windows, seen.frames, seen.timestamps, strict=True):
        assert record.window == pytest.approx(window)
        np.testing.assert_allclose(record.prediction.logits, model_logits(frames, contract_fields()), atol=LOGIT)
        np.testing.assert_array_equal(record.prediction.timestamps, timestamps[None])
        assert record.prediction.windows == [record.window]
        assert (record.label, record.score) == (record.prediction.label, record.prediction.score)
        assert (record.lag_seconds, record.dropped_frames, record.dropped_windows, record.gap_seconds) == (0, 0, 0, 0)
        assert record.picture.shape == (120, 160, 3)


def test_a_file_at_its_own_pace_gives_the_same_answers_when_they_are_due(
    classifier: VideoClassifier, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=60, rate=25)
    with classifier.stream(clip, pace="fastest") as stream:
        expected = {round(record.window[0], 6): record.prediction.logits for record in stream}
    started = time.monotonic()
    with classifier.stream(clip) as stream:
        records = []
        for record in stream:
            records.append(record)
            due = record.window[1] + record.lag_seconds
            assert time.monotonic() - started >= due - 0.05
            assert abs(datetime.now(timezone.utc) - record.time - timedelta(seconds=record.lag_seconds)) < timedelta(
                seconds=1
            )
    assert time.monotonic() - started >= 2.4 - 0.1
    assert len(records) + sum(record.dropped_windows for record in records) == len(expected) == 5
    assert records[-1].window[1] == pytest.approx(2.4)
    for record in records:
        np.testing.assert_array_equal(record.prediction.logits, expected[round(record.window[0], 6)])
        assert 0 <= record.lag_seconds < HELD_UP_SECONDS


def test_when_the_model_is_too_slow_windows_are_dropped_and_the_lag_stays(
    classifier: VideoClassifier, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=90, rate=30)  # 3 s
    with slowed(classifier, 0.4, clip, step_seconds=0.1) as stream:
        records = []
        for record in stream:
            records.append(record)
            ago = datetime.now(timezone.utc) - record.time
            assert -0.1 < ago.total_seconds() - record.lag_seconds < 0.7  # less than a window
    assert all(0.4 <= record.lag_seconds < 0.4 + 0.1 + HELD_UP_SECONDS for record in records)
    assert sum(record.dropped_windows for record in records) + len(records) == 23  # from 0.8 to 3 s every 0.1 s
    assert 3 <= len(records) <= 3 / 0.4
    dropped = sum(record.dropped_frames for record in records)
    assert dropped == pytest.approx(3 * sum(record.dropped_windows for record in records), abs=len(records))


def test_the_same_motion_gives_the_same_label_whatever_the_cameras_rate(tmp_path: Path) -> None:
    classifier = VideoClassifier(write_motion_model(tmp_path / "motion.onnx"), device="cpu")
    films = {
        (label, rate): film(tmp_path / f"{label}{rate}.avi", [(label, 1.6)], rate=rate)
        for label in DIRECTIONS
        for rate in (10, 15, 30, 60)
    }

    def labels(path: Path) -> set[str]:
        with classifier.stream(path, step_seconds=0.2) as stream:
            return {record.label for record in stream}

    with ThreadPoolExecutor(len(films)) as pool:  # all at once: they are played at their own pace
        found = dict(zip(films, pool.map(labels, films.values()), strict=True))
    assert found == {(label, rate): {label} for label, rate in films}


def test_a_camera_on_the_network_is_opened_again_and_the_gap_reported(
    classifier: VideoClassifier, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "END_SECONDS", 0.5)  # for which it is read to see whether it ends
    port = free_port()
    servers = [live_server.start(port)]
    records: list[Record] = []
    try:
        with classifier.stream(f"http://admin:secret@127.0.0.1:{port}/", step_seconds=0.2) as stream:
            for record in stream:
                records.append(record)
                age = live_server.filmed_seconds_ago(record.picture)
                assert age < record.lag_seconds + 3 * HELD_UP_SECONDS  # the server may be held up too
                if len(records) == 4:
                    servers[0].kill()
                    servers[0].wait()
                    servers.append(live_server.start(port))
                if len(records) > 4 and any(record.gap_seconds for record in records[:-3]):
                    break
    finally:
        for server in servers:
            server.kill()
            server.wait()
    assert [record.gap_seconds > 0 for record in records].count(True) == 1
    before, after = records[-5], records[-4]
    # The first window after the gap starts with the first frame after it; no window spans it.
    assert after.window[0] - after.gap_seconds >= before.prediction.timestamps.max() - 1e-6
    assert before.window[1] <= after.window[0] - after.gap_seconds + 0.1
    assert all(record.label in LABELS for record in records)
    assert [message.split(": ")[1] for message in caplog.messages] == [
        "lost; trying to open it again",
        f"there again, {after.gap_seconds:.1f} s without a picture",
    ]
    assert "secret" not in caplog.text


def test_a_silent_stream_is_no_stream(classifier: VideoClassifier) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        started = time.monotonic()
        with pytest.raises(
            VideoError, match=r"^http://127\.0\.0\.1:\d+/: cannot be opened as a video; check the address"
        ):
            classifier.stream(f"http://user:secret@127.0.0.1:{listener.getsockname()[1]}/", timeout_seconds=0.5)
        assert time.monotonic() - started < 0.5 + 3 * HELD_UP_SECONDS


@pytest.mark.parametrize("pace", ["realtime", "fastest"])
def test_leaving_the_block_ends_everything(pace: Any, classifier: VideoClassifier, clip: Path) -> None:
    before = set(threading.enumerate())
    with classifier.stream(clip, pace=pace) as stream:
        assert next(stream).label in LABELS
    left = set(threading.enumerate()) - before
    assert {thread.name for thread in left} <= {"vidcls run limit"}  # which ends itself after the last run
    assert list(stream) == []
    stream.close()  # twice is once


@pytest.mark.parametrize("pace", ["realtime", "fastest"])
def test_stop_from_another_thread_ends_the_iteration(pace: Any, classifier: VideoClassifier, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=300)
    with classifier.stream(clip, pace=pace, step_seconds=0.05) as stream:
        next(stream)
        stream.stop()
        assert len(list(stream)) <= 1


@pytest.mark.parametrize("pace", ["realtime", "fastest"])
def test_a_stream_that_is_forgotten_frees_its_source(pace: Any, classifier: VideoClassifier, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=300)
    for record in classifier.stream(clip, pace=pace):
        assert record.label in LABELS
        break  # and the fixture looks for threads


def test_a_stream_that_nobody_ever_looks_at_frees_its_source(classifier: VideoClassifier, tmp_path: Path) -> None:
    stream = classifier.stream(write_clip(tmp_path / "clip.mp4", frames=300))
    assert stream.total is None
    del stream  # and the fixture looks for threads


def test_the_newest_picture_can_be_had_while_the_model_is_busy(classifier: VideoClassifier, clip: Path) -> None:
    with classifier.stream(clip) as stream:
        first = next(stream)
        assert stream.connected
        until = time.monotonic() + 20
        while stream.picture is None or (stream.picture == first.picture).all():
            assert time.monotonic() < until
            time.sleep(0.02)
        assert stream.picture.shape == (120, 160, 3)


@pytest.mark.parametrize("pace", ["realtime", "fastest"])
def test_pictures_that_others_are_given_too_cannot_be_painted_over(
    pace: Any, classifier: VideoClassifier, clip: Path
) -> None:
    with classifier.stream(clip, pace=pace) as stream:
        pictures = [next(stream).picture, stream.picture]
    for picture in pictures:
        assert picture is not None
        with pytest.raises(ValueError, match="read-only"):
            picture[0, 0] = 255


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("gone.mp4", "^gone.mp4: there is no such file$"),
        (99, "^camera 99: cannot be opened; check it is plugged in and not in use$"),
        (
            "rtsp://user:secret@127.0.0.1:9/x",
            r"^rtsp://127\.0\.0\.1:9/x: cannot be opened as a video; check the address",
        ),
    ],
)
def test_what_cannot_be_opened_is_one_sentence(source: Any, message: str, classifier: VideoClassifier) -> None:
    with pytest.raises(VideoError, match=message):
        classifier.stream(source)


@pytest.mark.parametrize(
    ("error", "options", "message"),
    [
        (ValueError, {"source": "x.mp4", "pace": "fast"}, "pace is 'fast', expected one of 'realtime', 'fastest'"),
        (ValueError, {"source": 0, "pace": "fastest"}, "camera 0 has a pace of its own"),
        (ValueError, {"source": "x.mp4", "step_seconds": 0}, "step_seconds is 0, expected more than 0"),
        (ValueError, {"source": "x.mp4", "step_seconds": float("nan")}, "step_seconds is nan"),
        (ValueError, {"source": "x.mp4", "timeout_seconds": -1}, "timeout_seconds is -1"),
        (ValueError, {"source": "x.mp4", "step_seconds": 1e-9}, r"step_seconds is 1e-09, expected 0\.001 at least"),
        (TypeError, {"source": "x.mp4", "step_seconds": "1"}, "step_seconds is '1', expected a number of seconds"),
        (TypeError, {"source": None}, "NoneType"),
        (TypeError, {"source": True}, "source is True, expected a camera's number, a path or a URL"),
    ],
)
def test_wrong_arguments_are_refused(
    error: type[Exception], options: dict[str, Any], message: str, classifier: VideoClassifier
) -> None:
    with pytest.raises(error, match=message):
        classifier.stream(**options)


def test_one_classifier_serves_many_threads_at_once_in_every_way(classifier: VideoClassifier, tmp_path: Path) -> None:
    clips = [write_clip(tmp_path / f"{frames}.mp4", frames=frames, rate=25) for frames in (25, 33, 47)]

    def streamed(clip: Path) -> list[bytes]:
        with classifier.stream(clip, pace="fastest") as stream:
            return [record.prediction.logits.tobytes() for record in stream]

    def many(_: Path) -> list[bytes]:
        answers = list(classifier.predict_many(clips))
        return [answer.logits.tobytes() for answer in answers if isinstance(answer, Prediction)]

    def live(clip: Path) -> set[bytes]:
        with classifier.stream(clip) as stream:
            return {record.prediction.logits.tobytes() for record in stream}

    ways = [streamed, many, classifier.timeline, live]
    alone = [[way(clip) for way in ways[:3]] for clip in clips]  # type: ignore[operator]
    with ThreadPoolExecutor(24) as pool:
        jobs: Any = [[[pool.submit(way, clip) for way in ways] for clip in clips] for _ in range(2)]  # type: ignore[arg-type]
        for round_ in jobs:
            for found, right in zip(round_, alone, strict=True):
                assert [job.result() for job in found[:3]] == right
                assert found[3].result() <= set(right[0])
