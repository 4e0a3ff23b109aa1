"""Names of clips: safe whatever a label is, read back, and of nothing else."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone

import pytest

from vidcls.watch.clip_names import clip_name, clip_time
from vidcls.watch.event import CameraEvent

START = datetime(2026, 11, 29, 12, 0, 0, 123_456, tzinfo=timezone.utc)
EVENT = CameraEvent(
    id="1f0c9a3e5b7d",
    camera="front-door_2",
    label="fall",
    state="final",
    start=START,
    end=START,
    start_seconds=0.0,
    end_seconds=0.0,
    peak_score=0.9,
    mean_score=0.8,
    detection_delay=1.0,
    coverage=1.0,
)
# Windows allows the fewest: no control characters, none of these, and no names of devices.
FORBIDDEN = set('<>:"/\\|?*') | {chr(code) for code in range(32)}


@pytest.mark.parametrize(
    "label",
    ["fall", "fall/left", "..", "../../etc/passwd", "C:\\con", "넘어짐", "", "a" * 256, "-\0\n-", "\ud800", "x.webm"],
)
def test_a_name_is_safe_whatever_the_label_is(label: str) -> None:
    name = clip_name(dataclasses.replace(EVENT, label=label))
    assert name.isascii()
    assert not FORBIDDEN & set(name)
    assert ".." not in name
    assert len(name) <= 143  # of the strictest file system, eCryptfs
    assert name.startswith("front-door_2-20261129T120000.123Z-")
    assert clip_time(name) == START.replace(microsecond=123_000)


def test_a_name_holds_the_time_in_utc_and_the_id_s_beginning() -> None:
    elsewhere = dataclasses.replace(EVENT, start=START.astimezone(timezone(timedelta(hours=-9))))
    assert clip_name(elsewhere) == clip_name(EVENT) == "front-door_2-20261129T120000.123Z-fall-1f0c9a3e.webm"
    others = {
        clip_name(dataclasses.replace(EVENT, id=identity)) for identity in ("door-1", "door-2", "1f0c", "../x/y/z")
    }
    assert len(others) == 4
    assert all(clip_time(name) == clip_time(clip_name(EVENT)) for name in others)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "fall.webm",
        "door-20261129T120000.123Z-fall-1f0c9a3e.webm.part",
        "door-20261129T120000.123Z-fall-1f0c9a3e.webm\n",
        "../door-20261129T120000.123Z-fall-1f0c9a3e.webm",
        "door-20261399T120000.123Z-fall-1f0c9a3e.webm",
        "door-20261129T120000.123Z-fall-1F0C9A3E.webm",
        "door-\u0662\u0660261129T120000.123Z-fall-1f0c9a3e.webm",
    ],
)
def test_other_names_are_no_clips(name: str) -> None:
    assert clip_time(name) is None
