"""Events that a kill leaves without an end, or that the disk did not take: written once at the next start, in the file
and for each receiver."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from generated import write_clip
from vidcls import VideoClassifier
from vidcls.temporal.record import Record
from vidcls.watch.event import CameraEvent, read_event
from vidcls.watch.journal import Journal
from vidcls.watch.run import run
from vidcls.watch.settings import CameraSettings, HookSettings, MqttSettings, WatchSettings
from vidcls.watch.unended import Unended
from watched import Hook, Mosquitto, Subscriber, finished


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as hook:
        yield hook


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    (tmp_path / "broker").mkdir()
    broker = Mosquitto(tmp_path / "broker")
    yield broker
    broker.kill()


@pytest.fixture(scope="module")
def record(model: Path, clip: Path) -> Record:
    """Any answer; its window and time are replaced."""
    with VideoClassifier(model, device="cpu").stream(clip, pace="fastest") as records:
        return next(records)


def begun(number: int, *, camera: str = "door") -> CameraEvent:
    """The event of that number while it goes on."""
    return replace(finished(number, camera=camera), state="provisional", end=None, end_seconds=None)


def answer(record: Record, event: CameraEvent, *, after: float) -> Record:
    """One whose window ended so many seconds after the event began."""
    seconds = event.start_seconds + after
    return replace(record, window=(seconds - 1, seconds), time=event.start + timedelta(seconds=after))


def killed(
    folder: Path, record: Record, *, ended: tuple[int, ...] = (), appended: tuple[int, ...] = ()
) -> tuple[CameraEvent, ...]:
    """What a program left that was killed while 1 and 2 went on: 1 since 8 s, and 2 since a moment ago.

    ended: those that had ended. appended: that were in the journal then, which was not noted yet.
    """
    journal = Journal(folder / "events.jsonl", positions=folder / "positions", receivers=RECEIVERS, max_bytes=None)
    for receiver in RECEIVERS:
        journal.waiting(receiver)
    unended = Unended(folder / "unended.json")
    first, second = begun(1), begun(2)
    unended.begin(first, last=answer(record, first, after=0.5))
    unended.begin(second, last=answer(record, second, after=0.5))
    unended.go_on([("door", answer(record, second, after=1.5))])
    for number in ended:
        unended.finish(finished(number))
    for number in appended:
        journal.append(finished(number))
    return first, second


RECEIVERS = ("webhook", "mqtt")


def settings(folder: Path, model: Path, *, hook: Hook, port: int) -> WatchSettings:
    return WatchSettings(
        model=model,
        cameras=(CameraSettings(name="door", source="http://127.0.0.1:9/door"),),  # nothing is there
        state=folder,
        device="cpu",
        hook=HookSettings(url=hook.url),
        mqtt=MqttSettings(host="127.0.0.1", port=port),
        page=None,
    )


def run_until(given: WatchSettings, is_so: Callable[[], Any]) -> None:
    """One start, until that is so."""
    ready: list[str] = []
    run(given, is_stopped=lambda: bool(ready) and bool(is_so()), on_ready=ready.append)


def ids(bodies: list[str]) -> list[str]:
    return [json.loads(body)["id"] for body in bodies]


def test_after_a_kill_everyone_is_told_once_of_the_end(
    model: Path, record: Record, tmp_path: Path, hook: Hook, broker: Mosquitto
) -> None:
    folder = tmp_path / "state"
    first, second = killed(folder, record)
    given = settings(folder, model, hook=hook, port=broker.port)
    with Subscriber(broker.port) as home:
        home.client.publish("vidcls/door/label/wave", "ON", qos=1, retain=True)  # as the killed program left it

        def is_told() -> bool:
            events = hook.bodies, home.all_of("vidcls/door/event")
            return [len(each) for each in events] == [2, 2] and home.last("vidcls/door/label/wave") == "OFF"

        run_until(given, is_told)
        run_until(given, lambda: home.last("vidcls/status") == "online")
        run_until(given, lambda: home.last("vidcls/status") == "online")
        at_home = home.all_of("vidcls/door/event")
    written = [read_event(json.loads(line)) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert ids(at_home) == ids([body.decode() for body in hook.bodies]) == [first.id, second.id]
    assert [event.id for event in written] == [first.id, second.id]
    assert [json.loads(body) for body in at_home] == [event.to_dict() for event in written]
    assert all(event.cut_short and event.state == "final" for event in written)
    # The last answer's window ended 1.5 s after the second began, 10 s after the first.
    assert [event.end for event in written] == [second.start + timedelta(seconds=1.5)] * 2
    assert [event.end_seconds for event in written] == [second.start_seconds + 1.5] * 2


@pytest.mark.parametrize("appended", [(), (1,)])
def test_one_that_ended_just_before_the_kill_is_written_once_and_as_it_ended(
    appended: tuple[int, ...], model: Path, record: Record, tmp_path: Path, hook: Hook, broker: Mosquitto
) -> None:
    """Killed before the journal had it, or before that was noted."""
    folder = tmp_path / "state"
    killed(folder, record, ended=(1,), appended=appended)
    given = settings(folder, model, hook=hook, port=broker.port)
    with Subscriber(broker.port) as home:
        for _ in range(2):
            run_until(given, lambda: len(hook.bodies) == len(home.all_of("vidcls/door/event")) == 2)
        at_home = home.all_of("vidcls/door/event")
    written = [read_event(json.loads(line)) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert written[0] == finished(1)
    assert [(event.id, event.cut_short) for event in written] == [(finished(1).id, False), (finished(2).id, True)]
    assert ids([body.decode() for body in hook.bodies]) == ids(at_home) == [finished(1).id, finished(2).id]


def test_what_a_disk_does_not_take_until_the_end_is_written_at_the_next_start(
    model: Path, tmp_path: Path, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    """The events' file lies on a share that is away for as long as a film is watched."""
    film = write_clip(tmp_path / "film.mp4", frames=125, rate=25)
    share, away, state = tmp_path / "share", tmp_path / "away", tmp_path / "state"
    share.mkdir()
    camera = CameraSettings(name="door", source=str(film), enter_score=0.3, leave_score=0.25, step_seconds=0.2)
    given = WatchSettings(
        model=model,
        cameras=(camera,),
        state=state,
        device="cpu",
        hook=HookSettings(url=hook.url),
        page=None,
        events=share / "events.jsonl",
    )

    def take_away(_: str) -> None:
        share.rename(away)

    run(given, is_stopped=lambda: False, on_ready=take_away)
    told = [json.loads(body) for body in hook.bodies]
    assert {event["state"] for event in told} == {"provisional"}
    begun = [event["id"] for event in told]
    assert len(begun) > 1
    assert f"{len(begun)} finished events could not be written down and wait, and are written at the next start" in (
        caplog.messages
    )
    away.rename(share)
    nothing = replace(given, cameras=(replace(camera, source="http://127.0.0.1:9/door"),))
    for _ in range(2):
        run_until(nothing, lambda: len(hook.bodies) == 2 * len(begun))
    written = [json.loads(line) for line in (share / "events.jsonl").read_text().splitlines()]
    assert [event["id"] for event in written] == begun
    assert [json.loads(body) for body in hook.bodies[len(begun) :]] == written
    assert not any(event["cut_short"] for event in written)
    # One goes on at a time.
    assert all(first["end_seconds"] <= then["start_seconds"] for first, then in pairwise(written))


def test_what_has_ended_is_forgotten_and_what_is_left_is_not_moved(record: Record, tmp_path: Path) -> None:
    file = tmp_path / "unended.json"
    before = Unended(file)
    assert before.left() == []
    before.begin(begun(1), last=None)
    now = Unended(file)
    (left,) = now.left()
    assert (left.end, left.end_seconds) == (begun(1).start, begun(1).start_seconds)
    now.begin(begun(2), last=None)
    now.go_on([("door", answer(record, begun(2), after=3)), ("yard", None)])
    again = Unended(file).left()
    assert [event.id for event in again] == [finished(1).id, finished(2).id]
    assert again[0] == left
    assert again[1].end == begun(2).start + timedelta(seconds=3)
    now.finish(finished(2))
    now.go_on([("door", answer(record, begun(2), after=7))])
    assert Unended(file).left() == [left, finished(2)]
    now.written([finished(1).id, finished(2).id, "another"])
    assert Unended(file).left() == []


def test_a_clock_that_is_set_does_not_move_an_end(record: Record, tmp_path: Path) -> None:
    unended = Unended(tmp_path / "unended.json")
    unended.begin(begun(1), last=answer(record, begun(1), after=0.5))
    later = answer(record, begun(1), after=3)
    unended.go_on([("door", replace(later, time=later.time - timedelta(hours=1)))])
    (event,) = Unended(tmp_path / "unended.json").left()
    assert (event.end, event.end_seconds) == (begun(1).start + timedelta(seconds=3), begun(1).start_seconds + 3)


def test_of_too_many_that_the_disk_does_not_take_the_first_are_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidcls.watch.unended.MAX_UNWRITTEN", 3)
    unended = Unended(tmp_path / "unended.json")
    for number in range(5):
        unended.finish(finished(number))
    assert Unended(tmp_path / "unended.json").left() == [finished(number) for number in (2, 3, 4)]


@pytest.mark.parametrize("content", [b"", b"\0\0\0", b"{}}", b'[{"id": "1"}]', b"[1]", b"7"])
def test_a_file_that_is_damaged_stops_no_start(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "unended.json").write_bytes(content)
    unended = Unended(tmp_path / "unended.json")
    assert unended.left() == []
    assert [message for message in caplog.messages if "unended.json: is not as it was written" in message]
    unended.begin(begun(3), last=None)
    assert [event.id for event in Unended(tmp_path / "unended.json").left()] == [finished(3).id]


def test_a_disk_that_takes_nothing_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    unended = Unended(tmp_path / "no such folder" / "unended.json")
    with caplog.at_level(logging.ERROR, "vidcls"):
        unended.begin(begun(1), last=None)
        unended.begin(begun(2), last=None)
    assert sum("cannot be kept" in message for message in caplog.messages) == 1
    assert not unended.is_written


def test_events_of_before_this_field_are_read() -> None:
    fields = {name: value for name, value in finished(1).to_dict().items() if name != "cut_short"}
    assert read_event(fields) == finished(1)
