"""Clips of a camera that sends some seconds at once, as HLS does: they show their events, by media time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

import hls_server
from generated import painted_number
from loopback import free_port
from watched import wait_for

RATE, SEGMENT_SECONDS = 15, 2
BEFORE, AFTER = 1.0, 2.0
EVENTS = 6


@pytest.fixture
def address() -> Iterator[str]:
    """Of a live playlist, with segments of 2 s."""
    port = free_port()
    process, _ = hls_server.start(port, segment_seconds=SEGMENT_SECONDS, rate=RATE)
    with process:
        yield f"http://127.0.0.1:{port}/live.m3u8"
        process.kill()


def numbers(path: Path) -> list[int]:
    """What the frames of a clip are painted with."""
    with av.open(str(path)) as container:
        return [painted_number(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def watched(model: Path, address: str, folder: Path) -> list[tuple[dict[str, Any], list[int]]]:
    """The first events of `vidcls watch`, and what their clips show."""
    settings = folder / "watch.toml"
    settings.write_text(
        f'model = "{model}"\nstate = "state"\nevents = "events.jsonl"\n'
        f'[clips]\nfolder = "clips"\nbefore_seconds = {BEFORE}\nafter_seconds = {AFTER}\n'
        f'[[cameras]]\nname = "door"\nsource = "{address}"\n'
        "enter_score = 0.3\nleave_score = 0.25\nstep_seconds = 0.2\ntimeout_seconds = 15\n"
    )
    file = folder / "events.jsonl"

    def written() -> list[dict[str, Any]]:
        events = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return events if all((folder / "clips" / event["clip"]).is_file() for event in events[:EVENTS]) else []

    command = [sys.executable, "-m", "vidcls.cli", "watch", "--config", str(settings), "--no-page"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        wait_for(lambda: len(written()) >= EVENTS, seconds=180)
        return [(event, numbers(folder / "clips" / event["clip"])) for event in written()[:EVENTS]]
    finally:
        process.kill()
        process.communicate()


def test_a_clip_shows_the_event_from_before_it_until_after_it(model: Path, address: str, tmp_path: Path) -> None:
    firsts = set(range(20))  # numbers of the segment that its media time may begin with
    for event, shown in watched(model, address, tmp_path):
        start = max(0.0, event["start_seconds"] - BEFORE)
        assert len(shown) == pytest.approx(1 + 10 * (event["end_seconds"] + AFTER - start), abs=1.5)
        steps = [(later - number) % 256 for number, later in pairwise(shown)]
        assert max(steps) <= 3  # at real pace: one frame or two, of 15, in a tenth of a second
        assert sum(steps) / len(steps) == pytest.approx(RATE / 10, abs=0.1)
        number = shown[0] - start * RATE
        firsts = {first for first in firsts if _apart(first * SEGMENT_SECONDS * RATE, number) <= 3}
        assert firsts, (event, shown)


def _apart(one: float, other: float) -> float:
    """How far two painted numbers are, modulo 256."""
    return abs((one - other + 128) % 256 - 128)
