"""`vidcls evaluate --events`."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidcls.cli import options, terminal
from vidcls.printable import csv_cell, printable

if TYPE_CHECKING:
    from vidcls import VideoClassifier
    from vidcls.evaluation.event_labels import LongVideo
    from vidcls.evaluation.event_metrics import EventScores, VideoEvents
    from vidcls.live.stream import Stream
    from vidcls.preprocessing import Region
    from vidcls.video.reader import Decoder

REPORT_FILE, EVENTS_FILE = "report.json", "events.csv"


def evaluate_events(
    model: Path,
    data_dir: Path,
    labels_csv: Path,
    *,
    views: int,
    crops: int,
    region: Region | None,
    decoder: Decoder,
    device: str,
    report: Path | None,
    as_json: bool,
) -> None:
    """Find the events of every video that the CSV names, compare them with its lines, and print how good they are.

    Videos that could not be read are named on stderr and left out; the exit code is then 1.
    """
    with terminal.exit_codes():
        if views != 1:
            raise click.UsageError("--events takes one window after the other; leave --views out")
        classifier = options.open_classifier(model, device, crops=str(crops))
        find = partial(classifier.stream, pace="fastest", crops=crops, region=region, decoder=decoder)
        asked = {"crops": crops, "region": region}
        failed = _evaluate(classifier, data_dir, labels_csv, find=find, report=report, asked=asked, as_json=as_json)
    if failed:
        raise SystemExit(1)


def _evaluate(
    classifier: VideoClassifier,
    data_dir: Path,
    labels_csv: Path,
    *,
    find: Callable[[Path], Stream],
    report: Path | None,
    asked: dict[str, Any],
    as_json: bool,
) -> int:
    """How many videos could not be read."""
    from vidcls.errors import VideoError
    from vidcls.evaluation.event_labels import read_event_labels
    from vidcls.evaluation.event_metrics import score_events
    from vidcls.temporal.states import states

    decision = classifier.contract.decision
    labels = [label for label in states(classifier.labels, decision) if label is not None]
    videos = read_event_labels(labels_csv, data_dir, labels, none_label=decision.none_label)
    names, found, failed = [], [], 0
    for video in terminal.track(videos, label="evaluating", length=len(videos)):
        try:
            found.append(_video_events(video, labels_csv, find=find))
            names.append(video.path)
        except VideoError as error:
            terminal.clear_progress()
            terminal.note(f"Error: {error}")
            failed += 1
    if not found:
        raise VideoError(str(data_dir), f"not one of its {failed} videos could be read")
    scores = score_events(found, labels)
    fields = _fields(scores, failed=failed, labels=labels)
    if as_json:
        terminal.print_json(fields)
    else:
        _print_scores(scores, failed=failed)
    if report is not None:
        _write_report(report, fields | asked, names, found)
    return failed


def _video_events(video: LongVideo, labels_csv: Path, *, find: Callable[[Path], Stream]) -> VideoEvents:
    """What happens in a video beside what is found in it, with the model's own rule for events."""
    from vidcls.evaluation.event_labels import check_ends
    from vidcls.evaluation.event_metrics import DetectedEvent, VideoEvents
    from vidcls.temporal.events import steady_events

    with find(video.path) as stream:
        check_ends(video, labels_csv, seconds=stream.duration or 0.0)
        detected = [
            DetectedEvent(event.label, event.start, event.end, event.score, event.start + event.detection_delay)
            for event in steady_events(stream)
            if event.end is not None
        ]
        return VideoEvents(video.events, detected, stream.duration or 0.0)


def _fields(scores: EventScores, *, failed: int, labels: Sequence[str]) -> dict[str, Any]:
    return {
        "videos": scores.videos,
        "failed": failed,
        "hours": scores.hours,
        "map": {f"{tiou:g}": value for tiou, value in scores.mean_average_precision.items()},
        "per_class": {
            label: {
                "events": row.events,
                "detected": row.detected,
                "ap": {f"{tiou:g}": value for tiou, value in row.average_precision.items()},
                "precision": row.precision,
                "recall": row.recall,
                "f1": row.f1,
            }
            for label, row in scores.per_label.items()
        },
        "f1": scores.f1,
        "precision": scores.precision,
        "recall": scores.recall,
        "false_alarms_per_hour": scores.false_alarms_per_hour,
        "median_detection_delay": scores.median_detection_delay,
        "intervals": scores.intervals,
        "labels": list(labels),
    }


def _print_scores(scores: EventScores, *, failed: int) -> None:
    hours = f"{scores.hours:.2f} hours of {scores.videos} videos, {failed} failed"
    means = ", ".join(f"{_number(value)} at {tiou:g}" for tiou, value in scores.mean_average_precision.items())
    click.echo(f"mAP by tIoU {means} on {hours}")
    click.echo(
        f"F1 {_number(scores.f1)}{_interval(scores, 'f1')}, precision {_number(scores.precision)}, "
        f"recall {_number(scores.recall)} at tIoU 0.5"
    )
    click.echo(
        f"{_number(scores.false_alarms_per_hour, digits=1)} false alarms an hour"
        f"{_interval(scores, 'false_alarms_per_hour', digits=1)}: events that overlap none of their label"
    )
    click.echo(
        f"{_number(scores.median_detection_delay, digits=1)} s median detection delay"
        f"{_interval(scores, 'median_detection_delay', digits=1)}"
    )
    width = max(len(printable(label)) for label in scores.per_label)
    for label, row in scores.per_label.items():
        click.echo(
            f"  {printable(label):<{width}}  F1 {_number(row.f1)}  {row.events:4} events, {row.detected:4} found"
        )


def _number(value: float | None, *, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _interval(scores: EventScores, name: str, *, digits: int = 2) -> str:
    if name not in scores.intervals:
        return ""
    low, high = scores.intervals[name]
    return f" ({low:.{digits}f} to {high:.{digits}f} with 95 % confidence)"


def _write_report(folder: Path, fields: dict[str, Any], names: Sequence[Path], found: Sequence[VideoEvents]) -> None:
    from vidcls.video.source import source_name

    folder.mkdir(parents=True, exist_ok=True)
    (folder / REPORT_FILE).write_text(json.dumps(fields, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    with (folder / EVENTS_FILE).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["video", "start", "end", "label", "score", "handed_out"])
        for path, video in zip(names, found, strict=True):
            for event in sorted(video.detected, key=lambda event: event.start):
                cells = [source_name(path), event.start, event.end, event.label, event.score, event.handed_out]
                rows.writerow([csv_cell(cell) for cell in cells])
