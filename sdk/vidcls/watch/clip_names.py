"""The names of clips: from which camera, when, what, and of which event; safe on every file system.

door-20261129T120000.123Z-fall-1f0c9a3e.webm
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timezone

from vidcls.watch.event import CameraEvent

# Of a camera and of a label, so that a name has at most 125 characters; file systems take 143 or more.
_LONGEST = 40
_TIME = "%Y%m%dT%H%M%S"

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}-(\d{8}T\d{6})\.(\d{3})Z-[A-Za-z0-9_-]{1,40}-[0-9a-f]{8}\.webm", re.ASCII)


def clip_name(event: CameraEvent) -> str:
    """The name of an event's clip, the same each time.

    >>> from datetime import timedelta
    >>> start = datetime(2026, 11, 29, 13, 0, 0, 123000, tzinfo=timezone(timedelta(hours=1)))
    >>> clip_name(CameraEvent(id="1f0c9a3e5b", camera="door", label="fall/left", state="provisional", start=start,
    ...     end=None, start_seconds=1.0, end_seconds=None, peak_score=0.9, mean_score=0.8, detection_delay=1.0,
    ...     coverage=1.0))
    'door-20261129T120000.123Z-fall_left-1f0c9a3e.webm'
    """
    start = event.start.astimezone(timezone.utc)
    time = f"{start.strftime(_TIME)}.{start.microsecond // 1000:03}Z"
    return f"{_plain(event.camera)}-{time}-{_plain(event.label)}-{_short(event.id)}.webm"


def clip_time(name: str) -> datetime | None:
    """When the event of the clip of that name began, in UTC; None of a name that no clip has."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    try:
        start = datetime.strptime(found[1], _TIME).replace(tzinfo=timezone.utc)
    except ValueError:  # the 99th of a month
        return None
    return start.replace(microsecond=1000 * int(found[2]))


def _plain(text: str) -> str:
    """Letters, digits, "-" and "_": whatever else there is becomes one "_"."""
    return re.sub(r"[^A-Za-z0-9-]+", "_", text)[:_LONGEST] or "_"


def _short(identity: str) -> str:
    """Eight hexadecimal digits: its own first, where it begins with such."""
    own = re.match(r"[0-9a-f]{8}", identity)
    return own[0] if own else hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:8]
