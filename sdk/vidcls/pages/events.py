"""An evaluation of events in long videos as a page: how many are found, how late, and what was false."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vidcls.contract import Contract
from vidcls.evaluation.event_metrics import (
    AT_TIOU,
    DetectedEvent,
    EventScores,
    TrueEvent,
    VideoEvents,
    false_alarms,
    missed_events,
)
from vidcls.evaluation.event_parts import EventParts
from vidcls.pages.document import Section, page, section
from vidcls.pages.failed import failed_section
from vidcls.pages.markup import Content, Markup, joined, name, tag
from vidcls.pages.model import decision_section, model_section
from vidcls.pages.players import Shown, clip_list
from vidcls.pages.strips import kinds_of, legend, strip
from vidcls.pages.tables import Card, cards, pairs, table
from vidcls.pages.wording import between

_MOST_STRIPS = 30

# uint8 RGB [T, h, w, 3] of a video by its number, from (start, end) in seconds, as the model gets them.
StretchOf = Callable[[int, tuple[float, float]], npt.NDArray[np.uint8]]
# An event of a video by its number.
Mistake = tuple[int, TrueEvent | DetectedEvent]


@dataclass(frozen=True, kw_only=True, eq=False)
class EventEvaluation:
    """What an evaluation of events has found.

    Attributes:
        data: the name of the CSV.
        model: the name of the model's file.
        contract: the model's.
        labels: those that events can have.
        names, videos: of the videos that were read, in one order.
        parts: their scores, by what the model knows.
        failed: (video, message) of those that could not be read.
        made_with: {what: version or name} of the machine, the packages, the device.
        command: that makes the page again.
    """

    data: str
    model: str
    contract: Contract
    labels: Sequence[str]
    names: Sequence[str]
    videos: Sequence[VideoEvents]
    parts: EventParts
    failed: Sequence[tuple[str, str]]
    made_with: Mapping[str, str]
    command: str


def event_page(found: EventEvaluation, *, frames_of: StretchOf) -> str:
    """The page; its figures are those of videos that the model does not know, where there are any.

    Args:
        found: the figures.
        frames_of: gives uint8 RGB [T, h, w, 3] of a stretch of a video by its number, as the model gets them.
    """
    scores = found.parts.new or found.parts.trained_on or found.parts.chosen_by
    if scores is None:
        raise ValueError("there is no video to make a page of")
    shown = [number for number, origin in enumerate(found.parts.origins) if origin is None or not found.parts.new]
    return page(
        f"Events of {found.model} in {found.data}",
        [
            tag("p", f"{len(found.labels)} labels, {scores.hours:.2f} hours of video", class_="sub"),
            _verdict(scores) if found.parts.new else _nothing_new(scores),
            cards(_figures(scores)),
        ],
        [
            _known_section(found.parts),
            _strip_section(found, shown),
            _label_section(scores),
            _mistake_section(found, shown, frames_of=frames_of),
            decision_section(found.contract),
            failed_section(found.failed),
            model_section(found.contract),
            section("Made with", pairs([*found.made_with.items(), ("command", tag("code", found.command))])),
        ],
    )


def _verdict(scores: EventScores) -> Markup:
    events, detected = (
        sum(getattr(row, count) for row in scores.per_label.values()) for count in ("events", "detected")
    )
    right = round((scores.recall or 0.0) * events)
    words = (
        f"{right} of {events} events are found, overlapping by half or more; {detected} were reported{_alarms(scores)}."
    )
    return tag("p", words, class_="verdict")


def _alarms(scores: EventScores) -> str:
    if scores.false_alarms_per_hour is None:
        return ""
    return f", {scores.false_alarms_per_hour:.1f} an hour where nothing of their label happens"


def _nothing_new(scores: EventScores) -> Markup:
    words = (
        f"Not one of these {scores.videos} videos is new to the model: it was trained on stretches of them, or chosen "
        "by them. The figures below say nothing about other videos."
    )
    return tag("p", words, class_="verdict bad")


def _figures(scores: EventScores) -> Iterable[Card]:
    yield Card(name="events", value=str(sum(row.events for row in scores.per_label.values())))
    yield _card("F1", scores, "f1", note="at half overlap")
    value = scores.mean_average_precision[AT_TIOU]
    within = scores.intervals[f"map@{AT_TIOU}"]
    yield Card(name="mAP at tIoU 0.5", value=_number(value), note=between(within))
    yield _card("false alarms an hour", scores, "false_alarms_per_hour", digits=1)
    yield _card("median delay, seconds", scores, "median_detection_delay", digits=1)


def _card(heading: str, scores: EventScores, field: str, *, digits: int = 2, note: str = "") -> Card:
    within = scores.intervals[field]
    notes = [f"{within[0]:.{digits}f} to {within[1]:.{digits}f}"] if within else []
    return Card(
        name=heading,
        value=_number(getattr(scores, field), digits=digits),
        note="; ".join([*notes, *filter(None, [note])]),
    )


def _known_section(parts: EventParts) -> Section:
    """Videos that the model knows and those it does not, never in one figure."""
    heading = "Videos that the model knows"
    if not parts.says:
        words = "The model's file has no fingerprints: which of these videos it was trained on is not known."
        return section(heading, tag("p", words))
    kinds = (
        ("new to the model", parts.new),
        ("chosen by (validation)", parts.chosen_by),
        ("trained on", parts.trained_on),
    )
    rows = [
        (words, scores.videos, _number(scores.f1), _number(scores.false_alarms_per_hour, digits=1))
        for words, scores in kinds
        if scores is not None
    ]
    caption = "Recognised by fingerprints of the stretches that the CSV names. All else here is about the first row."
    return section(heading, table(["videos", "how many", "F1", "false alarms an hour"], rows, caption=caption))


def _strip_section(found: EventEvaluation, shown: Sequence[int]) -> Section:
    kinds = kinds_of(found.labels)
    worst = sorted(shown, key=lambda number: -len(false_alarms(found.videos[number])))[:_MOST_STRIPS]
    strips = [
        strip(
            name(found.names[number], limit=80),
            found.videos[number],
            kinds=kinds,
            false=false_alarms(found.videos[number]),
        )
        for number in worst
    ]
    left_out = len(shown) - len(worst)
    more = f" The {len(worst)} videos with most false alarms; {left_out} more are not shown." if left_out else ""
    words = tag("p", f"Seconds from left to right; a ring is a false alarm.{more}", class_="note")
    return section("What happens when", words, legend(kinds), tag("div", joined(strips), class_="charts"))


def _label_section(scores: EventScores) -> Section:
    rows: list[Sequence[Content]] = [
        (
            name(label, limit=80),
            row.events,
            row.detected,
            *(_number(value) for value in (row.precision, row.recall, row.f1, row.average_precision[AT_TIOU])),
        )
        for label, row in scores.per_label.items()
    ]
    columns = ["label", "events", "found", "precision", "recall", "F1", "average precision"]
    caption = "An event counts as found where what was found overlaps it by half or more (tIoU 0.5)."
    return section("Label by label", table(columns, rows, caption=caption))


def _mistake_section(found: EventEvaluation, shown: Sequence[int], *, frames_of: StretchOf) -> Section:
    """Players of false alarms, the surest first, and of missed events, in turns."""
    surest = sorted(
        ((number, event) for number in shown for event in false_alarms(found.videos[number])),
        key=lambda pair: -pair[1].score,
    )
    false: list[Mistake] = list(surest)
    missed: list[Mistake] = [(number, event) for number in shown for event in missed_events(found.videos[number])]
    if not false and not missed:
        return section("What went wrong", tag("p", "Nothing: every event was found, and no other."))
    turns = _in_turns(false, missed)
    clips = [
        Shown(number=place, facts=_facts(event, found.names[number]), alt=f"{_kind(event)} {name(event.label)}")
        for place, (number, event) in enumerate(turns)
    ]
    players = clip_list(
        clips,
        lambda place: frames_of(turns[place][0], (turns[place][1].start, turns[place][1].end)),
        seconds=found.contract.sampling.clip_seconds,
    )
    words = (
        f"{len(false)} false alarms, those first that have the highest score, and {len(missed)} events of which "
        "nothing was found. Of each the window in the middle, in the model's own frames."
    )
    return section("What went wrong", tag("p", words, class_="note"), players)


def _in_turns(first: Sequence[Mistake], second: Sequence[Mistake]) -> list[Mistake]:
    """One of each, as long as there are both; then the rest."""
    both = min(len(first), len(second))
    mixed = [item for pair in zip(first, second, strict=False) for item in pair]
    return [*mixed, *first[both:], *second[both:]]


def _facts(event: TrueEvent | DetectedEvent, video: str) -> tuple[tuple[str, Content], ...]:
    return (
        (_kind(event), f"{name(event.label, limit=80)}{_score(event)}"),
        ("time", f"{event.start:.1f} to {event.end:.1f} s"),
        ("file", name(video, limit=80)),
    )


def _kind(event: TrueEvent | DetectedEvent) -> str:
    return "false alarm" if isinstance(event, DetectedEvent) else "missed"


def _score(event: TrueEvent | DetectedEvent) -> str:
    return f" {event.score:.2f}" if isinstance(event, DetectedEvent) else ""


def _number(value: float | None, *, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
