"""What happens in a video beside what was found in it, over its time, as inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vidcls.evaluation.event_metrics import DetectedEvent, TrueEvent, VideoEvents
from vidcls.pages.axes import WIDTH, Axis, ticks
from vidcls.pages.charts import KINDS
from vidcls.pages.markup import Content, Markup, joined, name, tag

_LEFT, _RIGHT = 48, 8
_TRUE, _FOUND, _TICKS = 12, 32, 58  # px from the top
_NARROWEST = 1.5  # px, so that a short event in a long video can be seen

Event = TrueEvent | DetectedEvent


def kinds_of(labels: Sequence[str]) -> dict[str, str]:
    """The class that colours each label's stretches: those after the seventh share one."""
    return {label: f"c{min(number, KINDS - 1)}" for number, label in enumerate(labels)}


def legend(kinds: Mapping[str, str]) -> Markup:
    """Which colour is which label."""
    last = f"c{KINDS - 1}"
    own = [(label, kind) for label, kind in kinds.items() if kind != last]
    shared = [label for label, kind in kinds.items() if kind == last]
    if shared:
        own.append((shared[0] if len(shared) == 1 else f"{len(shared)} other labels", last))
    entries = (
        tag("li", tag("svg", tag("line", x1=0, x2=30, y1=4, y2=4, class_=f"stretch {kind}"), viewBox="0 0 30 8",
                      aria_hidden="true"), tag("span", name(label, limit=60)))
        for label, kind in own
    )  # fmt: skip
    return tag("ul", *entries, class_="legend")


def strip(heading: str, video: VideoEvents, *, kinds: Mapping[str, str], false: Sequence[DetectedEvent]) -> Markup:
    """Two rows over time: what is true, and what was found; rings mark what is false.

    Args:
        heading: the video's name.
        video: its events.
        kinds: by label, see `kinds_of`.
        false: those of its detections that overlap no event of their label.
    """
    axis = Axis(label="seconds", high=max(video.seconds, 1e-3))
    parts: list[Content] = [
        tag("text", "true", x=_LEFT - 6, y=_TRUE + 4, text_anchor="end"),
        tag("text", "found", x=_LEFT - 6, y=_FOUND + 4, text_anchor="end"),
    ]
    for value in ticks(axis):
        x = _across(value, axis)
        parts += [
            tag("line", x1=x, x2=x, y1=2, y2=_TICKS - 14, class_="grid"),
            tag("text", f"{value:g}", x=x, y=_TICKS - 2, text_anchor="middle", class_="tick"),
        ]
    parts += [_stretch(event, axis, y=_TRUE, kinds=kinds) for event in video.truth]
    parts += [_stretch(event, axis, y=_FOUND, kinds=kinds) for event in video.detected]
    parts += [_ring(event, axis) for event in false]
    alt = (
        f"{heading}: {len(video.truth)} events in {video.seconds:.0f} seconds, {len(video.detected)} found, "
        f"{len(false)} of them where nothing of their label happens"
    )
    drawing = tag("svg", *parts, viewBox=f"0 0 {WIDTH} {_TICKS}", role="img", aria_label=alt)
    return tag("figure", tag("h3", heading), drawing, class_="chart")


def _across(seconds: float, axis: Axis) -> float:
    share = min(1.0, max(0.0, seconds / axis.high))
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * share


def _stretch(event: Event, axis: Axis, *, y: float, kinds: Mapping[str, str]) -> Markup:
    left, right = _across(event.start, axis), _across(event.end, axis)
    score = f", {event.score:.2f}" if isinstance(event, DetectedEvent) else ""
    words = f"{name(event.label)}, {event.start:.1f} to {event.end:.1f} s{score}"
    line = tag("line", tag("title", words), x1=left, x2=max(right, left + _NARROWEST), y1=y, y2=y,
               class_=f"stretch {kinds[event.label]}")  # fmt: skip
    return joined([line])


def _ring(event: DetectedEvent, axis: Axis) -> Markup:
    middle = _across((event.start + event.end) / 2, axis)
    title = tag("title", f"false: {name(event.label)}, {event.start:.1f} to {event.end:.1f} s, {event.score:.2f}")
    return tag("circle", title, cx=middle, cy=_FOUND, r=4.5, class_="mark")
