"""Events of long videos, scored apart by what the model knows of each video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vidcls.evaluation.event_metrics import EventScores, VideoEvents, score_events
from vidcls.evaluation.origins import Origin


@dataclass(frozen=True, kw_only=True, eq=False)
class EventParts:
    """Scores of the videos that are new to the model, and of those that it knows; None of those there are none of.

    origins: of each video. says: whether the model says what it knows; where not, all videos are new.
    """

    origins: Sequence[Origin | None]
    says: bool
    new: EventScores | None
    trained_on: EventScores | None
    chosen_by: EventScores | None


def score_events_apart(
    videos: Sequence[VideoEvents], origins: Sequence[Origin | None], labels: Sequence[str], *, says: bool
) -> EventParts:
    """Score videos by what the model knows of them.

    Args:
        videos: their events.
        origins: of the same videos, see `vidcls.evaluation.origins`.
        labels: those that events can have.
        says: whether the model's file holds fingerprints.
    """

    def part(origin: Origin | None) -> EventScores | None:
        chosen = [video for video, found in zip(videos, origins, strict=True) if found == origin]
        return score_events(chosen, labels) if chosen else None

    return EventParts(origins=origins, says=says, new=part(None), trained_on=part("train"), chosen_by=part("val"))
