"""The videos that could not be read, on a page."""

from __future__ import annotations

from collections.abc import Sequence

from vidcls.pages.document import Section, section
from vidcls.pages.markup import name, tag
from vidcls.pages.tables import folded, pairs

_MOST_FAILED = 50


def failed_section(failed: Sequence[tuple[str, str]]) -> Section:
    """Which could not be read, and why: (video, message) of each."""
    heading = "Not readable"
    if not failed:
        return section(heading)
    rows = pairs((name(video), name(message)) for video, message in failed[:_MOST_FAILED])
    left_out = len(failed) - _MOST_FAILED
    more = tag("p", f"{left_out} more are not named here.", class_="note") if left_out > 0 else None
    words = tag("p", f"{len(failed)} videos could not be read and are not counted.")
    return section(heading, words, folded("Which, and why", rows, more))
