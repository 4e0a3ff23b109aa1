"""Cameras whose calls do not return, and processes that die: nothing here waits for them. See tests/fake_camera.py."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fake_camera
import vidcls.live.snapshot
from fake_camera import Kind
from generated import LABELS, painted_frame, painted_number
from slow import IS_SLOW, slow
from vidcls import Prediction, VideoClassifier, VideoError
from vidcls.clips import SampledClips
from vidcls.concurrency.child_process import DependentProcess
from vidcls.live import camera as camera_module
from vidcls.live.camera import Arrival, Camera
from vidcls.live.stream import open_stream
from vidcls.pipeline import read_source
from vidcls.preprocessing import crop_frame

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="it kills and stops processes")


# How much later than due something may happen on a machine that is busy with other things, of which the start of a
# process, which loads OpenCV, is not a part.
HELD_UP_SECONDS = 1.0
START_SECONDS = 20.0
# What a stream's close() promises.
CLOSE_SECONDS = 2.0


def kinds(*always: Kind, slow: list[Kind]) -> list[Kind]:
    """The kinds to test, some of them only where time is no matter."""
    return [*always, *(slow if IS_SLOW else [])]


@pytest.fixture(scope="module")
def classifier(model: Path) -> VideoClassifier:
    return VideoClassifier(model, device="cpu")


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Plug cameras of these kinds in: the folder in which they note who opens them. No process is left over."""

    def plug_in(*kinds: Kind) -> Path:
        for name, value in fake_camera.environment(tmp_path, *kinds).items():
            monkeypatch.setenv(name, value)
        return tmp_path

    threads = set(threading.enumerate())
    yield plug_in
    left = {thread.name for thread in set(threading.enumerate()) - threads}
    assert left <= {"vidcls run limit"}  # which ends itself after the last run
    assert not [pid for pid in fake_camera.openers(tmp_path) if is_alive(pid)]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Killed, and its parent has not been told so yet, or was killed itself.
    return b"\nState:\tZ" not in Path(f"/proc/{pid}/status").read_bytes() if sys.platform == "linux" else True


def wait_until(happened: Callable[[], bool], *, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if happened():
            return True
        time.sleep(0.02)
    return happened()


@pytest.mark.clock
def test_frames_come_through_the_pipe_bit_for_bit_and_at_their_time(plug_in: Callable[..., Path]) -> None:
    plug_in("good")
    camera = Camera(0, timeout_seconds=5)
    try:
        assert camera.open(is_cancelled=lambda: False)
        arrivals: list[Arrival] = []
        for arrival in camera.frames(is_cancelled=lambda: len(arrivals) == 20):
            arrivals.append(arrival)
            assert 0 <= time.monotonic() - arrival.at < HELD_UP_SECONDS
    finally:
        camera.close()
    assert sum(arrival.dropped for arrival in arrivals) == 0
    numbers = [painted_number(arrival.picture) for arrival in arrivals]
    assert numbers == list(range(numbers[0], numbers[0] + 20))
    for arrival, number in zip(arrivals, numbers, strict=True):
        expected = painted_frame(number, width=fake_camera.WIDTH, height=fake_camera.HEIGHT)
        np.testing.assert_array_equal(arrival.picture, expected[..., ::-1])
    assert arrivals[-1].at - arrivals[0].at == pytest.approx(19 / fake_camera.RATE, abs=0.5)


def test_a_camera_is_given_region_and_crops(plug_in: Callable[..., Path], classifier: VideoClassifier) -> None:
    """By a stream and by predict: what the model is given can be found among the camera's 256 painted frames."""
    plug_in("good")
    region, image = (0.25, 0.0, 1.0, 0.5), classifier.contract.image
    expected = {}
    for number in range(256):
        frame = painted_frame(number, width=fake_camera.WIDTH, height=fake_camera.HEIGHT)[..., ::-1]
        expected[crop_frame(np.ascontiguousarray(frame[:60, 40:]), image, crops=3).tobytes()] = number
    given: list[SampledClips] = []

    def kept(clips: SampledClips) -> Prediction:
        given.append(clips)
        return classifier.predict_clips(clips)

    options: Any = {"pace": "realtime", "step_seconds": None, "timeout_seconds": 5.0, "decoder": "auto"}
    with open_stream(0, classifier.contract, kept, crops=3, region=region, **options) as stream:
        record = next(stream)
    np.testing.assert_array_equal(record.prediction.logits, classifier.predict_clips(given[0]).logits)
    numbers = [expected[given[0].frames[:, index].tobytes()] for index in range(4)]
    assert numbers == sorted(set(numbers))
    assert painted_number(record.picture) >= numbers[-1]  # all of the picture, for people

    frames = read_source(0, classifier.contract, crops=3, region=region).frames
    assert all(frames[:, index].tobytes() in expected for index in range(4))
    for wrong in ({"views": 2}, {"decoder": "opencv"}):
        with pytest.raises(ValueError, match="a live source can have only 1 and 'auto'"):
            classifier.predict(0, **wrong)  # type: ignore[arg-type]


def test_a_camera_that_does_not_open_is_one_sentence_within_the_limit(
    plug_in: Callable[..., Path], classifier: VideoClassifier
) -> None:
    plug_in("open hangs")
    started = time.monotonic()
    with pytest.raises(VideoError, match=r"^camera 0: cannot be opened; check it is plugged in and not in use$"):
        classifier.stream(0, timeout_seconds=0.3)
    assert time.monotonic() - started < 0.3 + START_SECONDS + CLOSE_SECONDS


def test_a_driver_that_crashes_takes_nobody_with_it(plug_in: Callable[..., Path], classifier: VideoClassifier) -> None:
    plug_in("open crashes")
    with pytest.raises(VideoError, match=r"^camera 0: the process that reads it ended with code -11$"):
        classifier.stream(0)


@pytest.mark.parametrize("kind", kinds("no picture", slow=["open hangs", "read hangs"]))
def test_predict_gives_up_on_a_camera_that_hangs(
    kind: Kind, plug_in: Callable[..., Path], classifier: VideoClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in(kind)
    monkeypatch.setattr(vidcls.live.snapshot, "TIMEOUT_SECONDS", 0.3)
    started = time.monotonic()
    if kind == "read hangs":  # after a second: a clip takes 0.8 s
        assert classifier.predict(0).label in LABELS
    else:
        with pytest.raises(VideoError, match=r"^camera 0: (cannot be opened|no clip of 0\.80 s came in 1 s)"):
            classifier.predict(0)
    assert time.monotonic() - started < 0.3 + 0.8 + 0.3 + START_SECONDS + CLOSE_SECONDS


def test_a_camera_that_hangs_and_a_process_that_is_killed_are_lost_and_opened_again(
    plug_in: Callable[..., Path], classifier: VideoClassifier, caplog: pytest.LogCaptureFixture
) -> None:
    folder = plug_in("read hangs", "good")
    gaps = []
    # A camera that is well may be silent for a while, too, where its process waits for a processor.
    with classifier.stream(0, timeout_seconds=1.0, step_seconds=0.2) as stream:
        for record in stream:
            assert record.label in LABELS
            if record.gap_seconds:
                gaps.append(record.gap_seconds)
                assert stream.connected
                *before, opener = fake_camera.openers(folder)
                assert not any(map(is_alive, before))
                if len(gaps) == 2:
                    break
                os.kill(opener, signal.SIGKILL)
    # Of a silence of 1 s, the end of its process, 0.5 s and the start of another; then of the last two alone.
    assert 1.5 < gaps[0] < 1.5 + CLOSE_SECONDS + START_SECONDS
    assert 0.5 < gaps[1] < 0.5 + HELD_UP_SECONDS + START_SECONDS
    assert caplog.messages == [
        "camera 0: lost; trying to open it again",
        f"camera 0: there again, {gaps[0]:.1f} s without a picture",
        "camera 0: lost (the process that reads it ended with code -9); trying to open it again",
        f"camera 0: there again, {gaps[1]:.1f} s without a picture",
    ]


@slow
def test_a_process_that_is_stopped_and_a_camera_that_is_not_there_are_waited_for(
    plug_in: Callable[..., Path], classifier: VideoClassifier, caplog: pytest.LogCaptureFixture
) -> None:
    folder = plug_in("good", "not there", "open hangs", "open crashes", "good")
    with classifier.stream(0, timeout_seconds=1.0, step_seconds=0.2) as stream:
        next(stream)
        os.kill(fake_camera.openers(folder)[0], signal.SIGSTOP)
        record = next(record for record in stream if record.gap_seconds)
    assert len(fake_camera.openers(folder)) == 5
    assert caplog.messages == [
        "camera 0: lost; trying to open it again",
        f"camera 0: there again, {record.gap_seconds:.1f} s without a picture",
    ]


@pytest.mark.parametrize("kind", kinds("read hangs", slow=["good", "release hangs"]))
def test_close_takes_two_seconds_at_most_whatever_the_camera_does(
    kind: Kind, plug_in: Callable[..., Path], classifier: VideoClassifier
) -> None:
    folder = plug_in(kind)
    stream = classifier.stream(0, timeout_seconds=30)
    next(stream)
    time.sleep(0.5)  # "read hangs" does by now
    started = time.monotonic()
    stream.close()
    took = time.monotonic() - started
    assert took < (CLOSE_SECONDS if kind != "good" else 0.5) + HELD_UP_SECONDS
    assert not any(map(is_alive, fake_camera.openers(folder)))


SCRIPT = """
import sys, time
from vidcls import VideoClassifier
stream = VideoClassifier(sys.argv[1], device="cpu").stream(0)
next(stream)
print("running", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("kind", kinds("read hangs", slow=["good"]))
def test_where_the_program_is_killed_the_camera_is_free_within_a_second(
    kind: Kind, plug_in: Callable[..., Path], model: Path
) -> None:
    folder = plug_in(kind)
    with subprocess.Popen([sys.executable, "-c", SCRIPT, str(model)], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"running\n"
        time.sleep(0.5)
        (opener,) = fake_camera.openers(folder)
        is_running = is_alive(opener)
        program.kill()
        assert is_running
    assert wait_until(lambda: not is_alive(opener), seconds=1 + HELD_UP_SECONDS)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no os.fork")
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_a_stream_that_was_opened_before_a_fork_is_refused_in_the_copy_and_goes_on_in_the_original(
    plug_in: Callable[..., Path], classifier: VideoClassifier
) -> None:
    folder = plug_in("good")
    with classifier.stream(0, step_seconds=0.2) as stream:
        next(stream)
        copy = os.fork()
        if copy == 0:
            code = 1
            try:
                with stream:
                    next(stream)
            except RuntimeError as error:
                code = 3 if "before os.fork" in str(error) else 2
            finally:
                os._exit(code)
        _, status = os.waitpid(copy, 0)
        assert os.waitstatus_to_exitcode(status) == 3
        assert is_alive(fake_camera.openers(folder)[0])
        assert next(stream).gap_seconds == 0


@pytest.mark.skipif(
    not IS_SLOW or not hasattr(os, "fork"), reason="VIDCLS_SLOW_TESTS=1 runs it, where there is os.fork"
)
def test_a_copy_of_a_killed_program_does_not_hold_its_camera(plug_in: Callable[..., Path], model: Path) -> None:
    folder = plug_in("good")
    forked = SCRIPT.replace('print("running"', 'import os\ncopy = os.fork()\ncopy and print("running", copy')
    with subprocess.Popen([sys.executable, "-c", forked, str(model)], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        copy = int(program.stdout.readline().split()[1])
        try:
            (opener,) = fake_camera.openers(folder)
            program.kill()
            assert wait_until(lambda: not is_alive(opener), seconds=1 + HELD_UP_SECONDS)
            assert is_alive(copy)
        finally:
            program.kill()
            os.kill(copy, signal.SIGKILL)


def test_a_process_that_cannot_be_ended_is_left_behind_with_one_warning_and_no_second_one_started(
    plug_in: Callable[..., Path], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No thread of it runs, and, as in the middle of a call of the kernel, a signal does not end it either."""
    folder = plug_in("open hangs with the lock")
    monkeypatch.setattr(camera_module, "END_SECONDS", 0.1)
    kill = subprocess.Popen.kill
    monkeypatch.setattr(subprocess.Popen, "kill", lambda _: None)
    camera = Camera(0, timeout_seconds=0.2)
    with pytest.raises(VideoError, match="cannot be opened"):
        camera.open(is_cancelled=lambda: False)
    (stuck,) = fake_camera.openers(folder)
    with caplog.at_level(logging.WARNING):
        with pytest.raises(VideoError, match="is still held by a process that the system cannot end"):
            camera.open(is_cancelled=lambda: False)
        camera.close()
    assert fake_camera.openers(folder) == [stuck]
    assert caplog.messages == [f"camera 0: process {stuck}, which reads it, is stuck in the system and is left behind"]
    monkeypatch.setattr(subprocess.Popen, "kill", kill)
    camera.close()
    assert not is_alive(stuck)


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_passwords_stand_in_no_command_line_and_interrupts_do_not_reach_the_process(
    plug_in: Callable[..., Path],
) -> None:
    folder = plug_in("good")
    camera = Camera("rtsp://admin:secret@127.0.0.1/x", timeout_seconds=5)
    try:
        camera.open(is_cancelled=lambda: False)
        (opener,) = fake_camera.openers(folder)
        command = Path(f"/proc/{opener}/cmdline").read_bytes()
        assert b"vidcls.live.camera_process" in command
        assert b"secret" not in command
        assert os.getpgid(opener) != os.getpgrp()
        for kind in (signal.SIGINT, signal.SIGTERM):
            os.kill(opener, kind)
        frames = camera.frames(is_cancelled=lambda: False)
        assert [next(frames).dropped for _ in range(10)] == [0] * 10
    finally:
        camera.close()


def test_without_an_interpreter_to_start_a_camera_is_refused(
    classifier: VideoClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(VideoError, match=r"^camera 0: .*, which cannot be started \(a Python interp"):
        classifier.stream(0)


def test_a_process_says_nothing_that_its_owner_did_not_ask_for(capfd: pytest.CaptureFixture[str]) -> None:
    process = DependentProcess("vidcls.live.camera_process")
    assert process.end(grace_seconds=START_SECONDS)
    assert process.code == 0
    assert capfd.readouterr() == ("", "")
