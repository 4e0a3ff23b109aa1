"""Events on their way to a web hook that fails, hangs up and comes back; against servers on loopback."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from vidcls.watch import delivery as deliveries
from vidcls.watch.delivery import Delivery, to_hook
from vidcls.watch.event import CameraEvent
from vidcls.watch.journal import Journal
from vidcls.web.post import read_address
from watched import Hook, finished, wait_for


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(deliveries, "_POLL_SECONDS", 0.01)


def opened(folder: Path) -> Journal:
    return Journal(folder / "events.jsonl", positions=folder / "positions", receivers=["hook"], max_bytes=None)


@contextmanager
def delivering(journal: Journal, hook: Hook, *, end_seconds: float = 60.0) -> Iterator[Delivery]:
    address = read_address(hook.url)
    delivery = Delivery("hook", journal, to_hook(address), shown=address.name, last_pause_seconds=0.05)
    try:
        yield delivery
    finally:
        delivery.end(seconds=end_seconds)
        delivery.close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as hook:
        yield hook


def begun(number: int) -> CameraEvent:
    return replace(finished(number), state="provisional", end=None, end_seconds=None)


def ids(hook: Hook, *, state: str = "final") -> list[int]:
    told = [json.loads(body) for body in hook.bodies]
    return [int(event["id"], 16) for event in told if event["state"] == state]


def put(journal: Journal, delivery: Delivery, *numbers: int) -> None:
    for number in numbers:
        for entry in journal.append(finished(number)):
            delivery.put_final(entry)


def test_beginnings_and_ends_come_in_order(tmp_path: Path, hook: Hook) -> None:
    journal = opened(tmp_path)
    with delivering(journal, hook) as delivery:
        delivery.put_begun(begun(1))
        wait_for(lambda: hook.bodies)
        put(journal, delivery, 1)
    told = [json.loads(body) for body in hook.bodies]
    assert told == [begun(1).to_dict(), finished(1).to_dict()]
    assert opened(tmp_path).waiting("hook") == []


def test_what_comes_while_the_server_is_down_is_sent_once_it_is_back(
    tmp_path: Path, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    journal = opened(tmp_path)
    with delivering(journal, hook) as delivery:
        put(journal, delivery, 0)
        wait_for(lambda: ids(hook) == [0])
        hook.kill()
        delivery.put_begun(begun(1))
        put(journal, delivery, 1, 2)
        delivery.put_begun(begun(3))
        put(journal, delivery, 3)
        wait_for(lambda: caplog.messages)
        hook.start()
        wait_for(lambda: ids(hook) == [0, 1, 2, 3])
    assert ids(hook, state="provisional") == [1]  # it was on its way; of 3 the end waited already
    assert [message.rpartition(": ")[2] for message in caplog.messages] == [
        "cannot be reached (Connection refused)",
        "takes events again",
    ]


def test_what_was_not_taken_is_sent_by_the_next_start(tmp_path: Path, hook: Hook) -> None:
    journal = opened(tmp_path)
    with delivering(journal, hook, end_seconds=0.3) as delivery:
        put(journal, delivery, 0)
        wait_for(lambda: ids(hook) == [0])
        hook.kill()
        put(journal, delivery, 1, 2)
        started = time.monotonic()
    assert time.monotonic() - started < 30  # and not for ever
    hook.start()
    with delivering(opened(tmp_path), hook) as delivery:
        put(journal, delivery, 3)
    assert ids(hook) == [0, 1, 2, 3]


@pytest.mark.parametrize(("status", "tries"), [(400, 1), (404, 1), (410, 1), (408, 3), (425, 3), (429, 3), (500, 3)])
def test_what_a_server_refuses_is_given_up(
    status: int, tries: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As vidcls.web.hook documents it; ten failures are three here."""
    monkeypatch.setattr(deliveries, "MAX_FAILURES", 3)
    asked: list[int] = []

    def answer() -> int:
        asked.append(0)
        return status if len(asked) <= tries else 204

    journal = opened(tmp_path)
    with Hook(answer=answer) as hook, delivering(journal, hook) as delivery:
        put(journal, delivery, 0, 1)
        wait_for(lambda: ids(hook) == [1])
    assert (len(asked), delivery.given_up) == (tries + 1, 1)
    assert opened(tmp_path).waiting("hook") == []


def test_what_is_given_up_is_named_once_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Once it takes events again, and at the end where it does not. A beginning that is lost counts nowhere."""
    monkeypatch.setattr(deliveries, "MAX_FAILURES", 2)
    asked: list[int] = []

    def answer() -> int:
        asked.append(0)
        return 204 if len(asked) == 9 else 500

    journal = opened(tmp_path)
    with Hook(answer=answer) as hook, delivering(journal, hook) as delivery:
        delivery.put_begun(begun(0))
        wait_for(lambda: len(asked) == 2)
        put(journal, delivery, 0, 1, 2, 3, 4, 5)
        wait_for(lambda: delivery.given_up == 5)
    name = f"http://127.0.0.1:{hook.port}"
    assert caplog.messages == [
        f"{name}: answers 500",
        f"{name}: the event {finished(0).id} is given up, after 2 such answers",
        f"{name}: takes events again; given up meanwhile: 3",
        f"{name}: answers 500",
        f"{name}: the event {finished(4).id} is given up, after 2 such answers",
        f"{name}: 2 events were given up",
    ]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_server_that_its_proxy_says_is_away_is_waited_for(
    status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "MAX_FAILURES", 2)
    answers = [status] * 5

    journal = opened(tmp_path)
    with Hook(answer=lambda: answers.pop() if answers else 204) as hook, delivering(journal, hook) as delivery:
        put(journal, delivery, 0, 1)
        wait_for(lambda: ids(hook) == [0, 1])
    assert delivery.given_up == 0


def test_so_many_wait_and_of_more_the_oldest_are_given_up(
    tmp_path: Path, hook: Hook, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(deliveries, "MAX_WAITING", 3)
    journal = opened(tmp_path)
    hook.kill()
    with caplog.at_level(logging.WARNING, "vidcls"), delivering(journal, hook) as delivery:
        put(journal, delivery, 0, 1, 2, 3, 4)
        assert (delivery.waiting, delivery.given_up) == (3, 2)
        wait_for(lambda: len(caplog.messages) == 2)  # the first one given up, and that the hook is away
        hook.start()
        wait_for(lambda: ids(hook) == [0, 3, 4])  # the first was on its way
    assert [message for message in caplog.messages if "given up" in message] == [
        f"http://127.0.0.1:{hook.port}: the event {finished(1).id} is given up, "
        "since too many wait; so are the next that are too many",
        f"http://127.0.0.1:{hook.port}: takes events again; given up meanwhile: 2",
    ]


def test_it_can_be_closed_without_having_been_told_of_the_end(tmp_path: Path, hook: Hook) -> None:
    address = read_address(hook.url)
    delivery = Delivery("hook", opened(tmp_path), to_hook(address), shown=address.name, last_pause_seconds=0.05)
    delivery.close()
