"""`vidcls evaluate --events`."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidcls.cli import options, terminal
from vidcls.cli.event_scores import event_fields, event_lines
from vidcls.cli.report_folder import EVENT_COLUMNS, EVENTS_FILE, PAGE_FILE, begin_report, check_spared
from vidcls.printable import csv_cell

if TYPE_CHECKING:
    from vidcls import VideoClassifier
    from vidcls.evaluation.event_labels import LongVideo
    from vidcls.evaluation.event_metrics import VideoEvents
    from vidcls.evaluation.event_parts import EventParts
    from vidcls.live.stream import Stream
    from vidcls.region import Region
    from vidcls.video.reader import Decoder


@dataclass(frozen=True, kw_only=True)
class _Evaluated:
    """What was compared: the videos that were read, in one order, what came of them, and (video, message) of others."""

    model: Path
    labels_csv: Path
    paths: Sequence[Path]
    events: Sequence[VideoEvents]
    parts: EventParts
    labels: Sequence[str]
    failed: Sequence[tuple[str, str]]


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
    engine: str,
    report: Path | None,
    as_json: bool,
) -> None:
    """Find the events of every video that the CSV names, compare them with its lines, and print how good they are.

    Videos that could not be read are named on stderr and left out; the exit code is then 1.
    """
    with terminal.exit_codes():
        if views != 1:
            raise click.UsageError("--events takes one window after the other; leave --views out")
        check_spared(report, labels_csv)
        classifier = options.open_classifier(model, device, engine=engine, crops=str(crops))
        watch = partial(classifier.stream, pace="fastest", crops=crops, region=region, decoder=decoder)
        found = _evaluate(classifier, model, data_dir, labels_csv, watch=watch, decoder=decoder)
        fields = event_fields(found.parts, failed=len(found.failed), labels=found.labels)
        try:
            if as_json:
                terminal.print_json(fields)
            else:
                for line in event_lines(found.parts, failed=len(found.failed)):
                    click.echo(line)
        finally:  # as in `vidcls evaluate` of clips
            if report is not None:
                _write_report(report, fields | {"crops": crops, "region": region}, found)
                _write_page(report, found, classifier, crops=crops, region=region, decoder=decoder)
    if found.failed:
        raise SystemExit(1)


def _evaluate(
    classifier: VideoClassifier,
    model: Path,
    data_dir: Path,
    labels_csv: Path,
    *,
    watch: Callable[[Path], Stream],
    decoder: Decoder,
) -> _Evaluated:
    from vidcls.errors import VideoError
    from vidcls.evaluation.event_labels import read_event_labels
    from vidcls.evaluation.event_parts import score_events_apart
    from vidcls.evaluation.origins import stretch_origins
    from vidcls.temporal.states import states

    contract = classifier.contract
    labels = [label for label in states(classifier.labels, contract.decision) if label is not None]
    videos = read_event_labels(labels_csv, data_dir, labels, none_label=contract.decision.none_label)
    _check_ends(videos, labels_csv, decoder=decoder)
    read, found, failed = [], [], []
    for video in terminal.track(videos, label="evaluating", length=len(videos)):
        try:
            found.append(_video_events(video, watch=watch))
            read.append(video)
        except VideoError as error:
            terminal.clear_progress()
            terminal.note(f"Error: {error}")
            failed.append((video.path.name, str(error)))
    if not found:
        raise VideoError(str(data_dir), f"not one of its {len(failed)} videos could be read")
    clips = contract.source.clips
    origins = stretch_origins(
        [(video.path, video.stretches) for video in read], clips, decoder=decoder, track=terminal.track
    )
    return _Evaluated(
        model=model,
        labels_csv=labels_csv,
        paths=[video.path for video in read],
        events=found,
        parts=score_events_apart(found, origins, labels, says=clips is not None),
        labels=labels,
        failed=failed,
    )


def _check_ends(videos: Sequence[LongVideo], labels_csv: Path, *, decoder: Decoder) -> None:
    """Refuse a line that ends after its video before any is searched: that may take hours."""
    from vidcls.errors import VideoError
    from vidcls.evaluation.event_labels import check_ends
    from vidcls.video.reader import open_video

    for video in terminal.track(videos, label="comparing with the CSV", length=len(videos)):
        with (
            suppress(VideoError),
            open_video(video.path, decoder=decoder) as reader,
        ):  # which is said where it is searched
            check_ends(video, labels_csv, seconds=reader.index.duration)


def _video_events(video: LongVideo, *, watch: Callable[[Path], Stream]) -> VideoEvents:
    """What happens in a video beside what is found in it, with the model's own rule for events."""
    from vidcls.evaluation.event_metrics import DetectedEvent, VideoEvents
    from vidcls.temporal.events import steady_events

    with watch(video.path) as stream:
        detected = [
            DetectedEvent(event.label, event.start, event.end, event.score, event.start + event.detection_delay)
            for event in steady_events(stream)
            if event.end is not None
        ]
        return VideoEvents(video.events, detected, stream.duration or 0.0)


def _write_report(folder: Path, fields: dict[str, Any], found: _Evaluated) -> None:
    from vidcls.video.source import source_name

    begin_report(folder, fields)
    with (folder / EVENTS_FILE).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(EVENT_COLUMNS)
        for path, video in zip(found.paths, found.events, strict=True):
            for event in sorted(video.detected, key=lambda event: event.start):
                cells = [source_name(path), event.start, event.end, event.label, event.score, event.handed_out]
                rows.writerow([csv_cell(cell) for cell in cells])


def _write_page(
    folder: Path,
    found: _Evaluated,
    classifier: VideoClassifier,
    *,
    crops: int,
    region: Region | None,
    decoder: Decoder,
) -> None:
    import platform

    import numpy as np

    import vidcls
    from vidcls.clips import read_clips
    from vidcls.pages.events import EventEvaluation, event_page
    from vidcls.region import region_text

    arguments = [found.model.name, "DATA", "--events", found.labels_csv.name, "--crops", str(crops)]
    if region is not None:
        arguments += ["--region", region_text(region)]
    if decoder != "auto":
        arguments += ["--decoder", decoder]
    made = EventEvaluation(
        data=found.labels_csv.name,
        model=found.model.name,
        contract=classifier.contract,
        labels=found.labels,
        names=[path.name for path in found.paths],
        videos=found.events,
        parts=found.parts,
        failed=found.failed,
        made_with={
            "vidcls": vidcls.__version__,
            "Python": platform.python_version(),
            "device": classifier.device,
        },
        command=f"vidcls evaluate {shlex.join(arguments)} --report DIR",
    )
    page = event_page(
        made,
        frames_of=lambda number, stretch: np.asarray(
            read_clips(
                found.paths[number], classifier.contract, region=region, decoder=decoder, stretch=stretch
            ).frames[0]
        ),
    )
    (folder / PAGE_FILE).write_text(page, encoding="utf-8")
