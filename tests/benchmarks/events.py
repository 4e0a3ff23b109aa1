"""Events in long files with known borders: python tests/benchmarks/events.py MODEL CLIPS OTHER [--chosen-on OTHER2]

CLIPS holds one folder of clips per label, such as the test part of a data set; OTHER is a folder of footage that shows
none of the labels, and fills half of the time of every file: pieces of it come between stretches of clips of one label.
Everything is decoded and encoded again at the size and rate of the first clip, so that no join shows but by what is
seen; a clip shorter than a window is played so slowly that it lasts one. Prints, on the same windows:

- the model's own rule: what `vidcls evaluate --events` measures;
- the logits' plain softmax under one threshold, without a rule for what is known, smoothed and with hysteresis as ever:
  that threshold under which F1 is best on other files, joined from --chosen-on (by default OTHER itself, to the
  advantage of the plain scores) and clips by another seed;
- the same under the threshold whose recall is nearest to the rule's on the files themselves.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import cv2
import numpy as np

from vidcls import Record, VideoClassifier, steady_events
from vidcls.contract import NEUTRAL
from vidcls.evaluation.event_metrics import DetectedEvent, EventScores, TrueEvent, VideoEvents, score_events
from vidcls.video.folders import label_folders, list_videos
from vidcls.video.reader import iter_frames, read_times

CLIPS_OF_STRETCH = (2, 4)
THRESHOLDS = [round(0.05 * step, 2) for step in range(2, 20)]

Rows = list[tuple[list[TrueEvent], list[Record], float]]  # of every file


def pictures(
    path: Path, *, size: tuple[int, int], rate: float, least_seconds: float, most_seconds: float
) -> list[np.ndarray]:
    """BGR frames of a video at that size and rate, from its start."""
    times = np.asarray(read_times(path))
    seconds = (times[-1] - times[0]) * len(times) / max(1, len(times) - 1)
    times = (times - times[0]) * max(1.0, least_seconds / max(seconds, 1e-9))
    count = max(1, round(min(most_seconds, times[-1] + 1 / rate) * rate))
    wanted = np.searchsorted(times, np.arange(count) / rate + 1e-6, side="right") - 1
    unique, shown = np.unique(np.maximum(wanted, 0), return_inverse=True)
    frames = [
        cv2.cvtColor(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
        for frame in iter_frames(path, unique.tolist())
    ]
    return [frames[index] for index in shown]


def join(
    path: Path, clips: dict[str, list[Path]], other: list[Path], *, clip_seconds: float, stretches: int, seed: int
) -> tuple[list[TrueEvent], float]:
    """Write one file; the events in it, and its length."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    first = next(iter(clips.values()))[0]
    times = read_times(first)
    rate = round((len(times) - 1) / (times[-1] - times[0]), 3)
    height, width = next(iter(iter_frames(first, [0]))).shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate, (width, height))
    truth, written, last = [], 0, ""

    def write(video: Path, *, least_seconds: float, most_seconds: float) -> int:
        size = width, height
        frames = pictures(video, size=size, rate=rate, least_seconds=least_seconds, most_seconds=most_seconds)
        for frame in frames:
            writer.write(frame)
        return len(frames)

    for _ in range(stretches):
        last = rng.choice([label for label in clips if label != last])
        start = written
        many = min(len(clips[last]), rng.randint(*CLIPS_OF_STRETCH))
        for clip in rng.sample(clips[last], many):
            written += write(clip, least_seconds=clip_seconds, most_seconds=8.0)
        truth.append(TrueEvent(last, start / rate, written / rate))
        until = written + (written - start)
        while written < until:
            written += write(rng.choice(other), least_seconds=0.0, most_seconds=(until - written) / rate)
    writer.release()
    return truth, written / rate


def joined(
    classifier: VideoClassifier, clips: dict[str, list[Path]], other: list[Path], *, seeds: range, stretches: int
) -> Rows:
    rows: Rows = []
    with TemporaryDirectory() as folder:
        for seed in seeds:
            path = Path(folder) / f"{seed}.avi"
            clip_seconds = classifier.contract.sampling.clip_seconds
            truth, seconds = join(path, clips, other, clip_seconds=clip_seconds, stretches=stretches, seed=seed)
            with classifier.stream(path, pace="fastest") as stream:
                rows.append(
                    (truth, [replace(record, picture=np.zeros((1, 1, 3), np.uint8)) for record in stream], seconds)
                )
    return rows


def plain(records: list[Record]) -> Iterator[Record]:
    """As a model without a decision would answer."""
    for record in records:
        yield replace(record, prediction=replace(record.prediction, decision=NEUTRAL))


def scored(rows: Rows, labels: list[str], *, threshold: float | None) -> EventScores:
    """By the model's rule, or by plain scores and one threshold."""
    videos = []
    for truth, records, seconds in rows:
        if threshold is None:
            events = steady_events(records)
        else:
            events = steady_events(plain(records), enter_score=threshold, leave_score=threshold * 2 / 3)
        found = [
            DetectedEvent(event.label, event.start, event.end, event.score, event.start + event.detection_delay)
            for event in events
            if event.end is not None and event.label in labels
        ]
        videos.append(VideoEvents(truth, found, seconds))
    return score_events(videos, labels)


def line(name: str, scores: EventScores) -> str:
    low, high = scores.intervals["f1"] or (float("nan"), float("nan"))
    alarms, delay = scores.false_alarms_per_hour or 0.0, scores.median_detection_delay
    return (
        f"{name:<42} F1 {scores.f1 or 0:.3f} ({low:.2f} to {high:.2f})  recall {scores.recall or 0:.3f}  "
        f"false alarms/h {alarms:6.1f} ({round(alarms * scores.hours)})  delay {delay or float('nan'):.1f} s  "
        f"mAP@0.5 {scores.mean_average_precision[0.5] or 0:.3f}"
    )


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("clips_dir", type=click.Path(path_type=Path))
@click.argument("other_dir", type=click.Path(path_type=Path))
@click.option("--chosen-on", type=click.Path(path_type=Path), help="Footage that chooses the plain scores' threshold.")
@click.option("--videos", type=click.IntRange(min=2), default=6, show_default=True)
@click.option("--stretches", type=click.IntRange(min=2), default=12, show_default=True)
def main(model: Path, clips_dir: Path, other_dir: Path, chosen_on: Path | None, videos: int, stretches: int) -> None:
    """Join clips and other footage, and compare the model's rule with one threshold."""
    classifier = VideoClassifier(model)
    clips = {label: found for label, found in label_folders(clips_dir).items() if found and label in classifier.labels}
    clips.pop(classifier.contract.decision.none_label or "", None)
    other, other_chosen = list_videos(other_dir), list_videos(chosen_on or other_dir)
    labels = sorted(clips)
    chosen = joined(classifier, clips, other_chosen, seeds=range(1000, 1000 + videos), stretches=stretches)
    tested = joined(classifier, clips, other, seeds=range(videos), stretches=stretches)
    hours = sum(seconds for _, _, seconds in tested) / 3600
    click.echo(f"{len(tested)} files, {hours:.2f} hours, {sum(len(truth) for truth, _, _ in tested)} events")
    click.echo(f"events rule: {classifier.contract.decision.events}")
    rule = scored(tested, labels, threshold=None)
    best = max(THRESHOLDS, key=lambda threshold: scored(chosen, labels, threshold=threshold).f1 or 0.0)
    by_threshold = {threshold: scored(tested, labels, threshold=threshold) for threshold in THRESHOLDS}
    same = min(THRESHOLDS, key=lambda threshold: abs((by_threshold[threshold].recall or 0) - (rule.recall or 0)))
    click.echo(line("the model's rule", rule))
    click.echo(line(f"plain scores, threshold {best:g} chosen elsewhere", by_threshold[best]))
    click.echo(line(f"plain scores, threshold {same:g} of equal recall", by_threshold[same]))


if __name__ == "__main__":
    sys.exit(main())
