"""What waits between the thread that reads a source and the one that sends its frames, and what is dropped."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import replace

import numpy as np

from vidcls.live.messages import HEADER_BYTES, Header, unpack
from vidcls.live.outbox import WAITING_FRAMES, Outbox

PICTURE = np.zeros((2, 2, 3), np.uint8)


def header(number: int) -> Header:
    return Header(kind="frame", width=2, height=2, arrived_ns=number)


def taken(outbox: Outbox) -> list[tuple[int, int]]:
    """(number, frames dropped before it) of all that waits."""
    outbox.close()
    found = []
    while (message := outbox.take()) is not None:
        found.append((message[0].arrived_ns, message[0].dropped))
    return found


def test_the_newest_wait_and_the_others_are_counted() -> None:
    outbox = Outbox(hold_seconds=0)
    for number in range(30):
        outbox.put(header(number), PICTURE)
    first = 30 - WAITING_FRAMES
    assert taken(outbox) == [(first, first), *((number, 0) for number in range(first + 1, 30))]


def test_frames_without_a_picture_are_dropped_without_being_counted() -> None:
    outbox = Outbox(hold_seconds=0)
    for number in range(2 * WAITING_FRAMES):
        outbox.put(header(number), PICTURE if number >= WAITING_FRAMES - 1 else None)
    assert taken(outbox)[0] == (WAITING_FRAMES, 1)


def test_a_server_is_kept_waiting_instead_of_losing_frames_of_a_burst() -> None:
    outbox, seen = Outbox(hold_seconds=5), []

    def send() -> None:
        while (message := outbox.take()) is not None:
            time.sleep(0.005)
            seen.append(message[0].arrived_ns)

    sender = threading.Thread(target=send)
    sender.start()
    for number in range(100):
        outbox.put(header(number), PICTURE)
    outbox.close()
    sender.join()
    assert seen == list(range(100))


def test_it_is_kept_waiting_only_so_long_and_again_once_nothing_waited() -> None:
    outbox = Outbox(hold_seconds=0.2)
    for _ in range(2):
        started = time.monotonic()
        for number in range(WAITING_FRAMES + 5):
            outbox.put(header(number), PICTURE)
        assert 0.15 < time.monotonic() - started < 2
        for number in range(5, WAITING_FRAMES + 5):
            message = outbox.take()
            assert message is not None
            assert (message[0].arrived_ns, message[0].dropped) == (number, 5 if number == 5 else 0)


def test_whoever_waits_to_put_is_let_go_when_it_is_closed() -> None:
    outbox = Outbox(hold_seconds=60)
    threading.Timer(0.1, outbox.close).start()
    started = time.monotonic()
    for number in range(WAITING_FRAMES + 1):
        outbox.put(header(number), PICTURE)
    assert time.monotonic() - started < 5


def test_headers_come_out_as_they_went_in() -> None:
    sent = Header(kind="frame", width=1920, height=1080, arrived_ns=2**62, pts_seconds=-0.7, dropped=3)
    assert len(sent.pack()) == HEADER_BYTES
    assert unpack(sent.pack()) == sent
    assert math.isnan(unpack(Header(kind="opened").pack()).pts_seconds)


def test_a_server_that_is_ahead_of_the_clock_waits_for_as_long_as_it_is_ahead() -> None:
    """A segment of HLS of 5 s that comes at once, and is taken in half a second; 0.1 s would be too short for it."""
    outbox, seen = Outbox(hold_seconds=0.1), []

    def send() -> None:
        while (message := outbox.take()) is not None:
            time.sleep(0.005)
            seen.append(message[0].pts_seconds)

    sender = threading.Thread(target=send)
    sender.start()
    for number in range(100):
        outbox.put(replace(header(time.monotonic_ns()), pts_seconds=number / 20), PICTURE)
    outbox.close()
    sender.join()
    assert seen == [number / 20 for number in range(100)]


def test_a_server_that_is_not_ahead_waits_no_longer_for_its_pts() -> None:
    outbox = Outbox(hold_seconds=0.1)
    started = time.monotonic()
    for number in range(3 * WAITING_FRAMES):
        outbox.put(replace(header(time.monotonic_ns()), pts_seconds=number / 1000), PICTURE)
    assert time.monotonic() - started < 0.5
    assert sum(dropped for _, dropped in taken(outbox)) == 2 * WAITING_FRAMES
