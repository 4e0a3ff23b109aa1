"""`vidcls evaluate`."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidcls.cli import options, terminal
from vidcls.cli.event_evaluation import evaluate_events
from vidcls.printable import csv_cell, printable

if TYPE_CHECKING:
    from vidcls import Prediction, VideoClassifier, VideoError
    from vidcls.evaluation.metrics import Scores
    from vidcls.video.reader import Decoder


@click.command()
@options.model
@click.argument("data_dir", type=click.Path(path_type=Path))
@options.views_and_crops
@options.decoder
@options.device
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write report.json, predictions.csv, confusion.png and mistakes.png to this folder; with --events report.json "
    "and events.csv.",
)
@click.option(
    "--events",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Measure events in long videos instead: a CSV with the columns video,start,end,label, in seconds.",
)
@options.as_json
def evaluate(
    model: Path,
    data_dir: Path,
    views: int,
    crops: str,
    decoder: Decoder,
    device: str,
    report: Path | None,
    events: Path | None,
    as_json: bool,
) -> None:
    """Measure accuracy on DATA_DIR, which holds one folder of videos per label.

    Videos that cannot be read are named, counted as failed and left out of the accuracy; the exit code is then 1.

    With --events, the videos that the CSV names are searched from start to end for events, which are compared with its
    lines; a video in which nothing happens has one line with the label _none. Prints mean average precision, F1, false
    alarms per hour and how late events are found.
    """
    options_given: dict[str, Any] = {"views": views, "crops": crops, "decoder": decoder, "device": device}
    if events is not None:
        evaluate_events(model, data_dir, events, report=report, as_json=as_json, **options_given)
    else:
        _evaluate_clips(model, data_dir, report=report, as_json=as_json, **options_given)


def _evaluate_clips(
    model: Path,
    data_dir: Path,
    *,
    views: int,
    crops: str,
    decoder: Decoder,
    device: str,
    report: Path | None,
    as_json: bool,
) -> None:
    with terminal.exit_codes():
        import numpy as np

        from vidcls.errors import VideoError
        from vidcls.evaluation.metrics import score_logits
        from vidcls.evaluation.report import write_pictures

        classifier = options.open_classifier(model, device, views=views, crops=crops)
        answers = _answers(classifier, data_dir, views=views, crops=int(crops), decoder=decoder)
        problems = [answer for _, _, answer in answers if isinstance(answer, Exception)]
        for problem in problems:
            terminal.note(f"Error: {problem}")
        read = [(path, id_, answer) for path, id_, answer in answers if not isinstance(answer, Exception)]
        if not read:
            raise VideoError(str(data_dir), f"not one of its {len(problems)} videos could be read")
        videos, class_ids, predictions = zip(*read, strict=True)
        logits = np.stack([prediction.logits for prediction in predictions])
        scores = score_logits(logits, class_ids, classifier.labels, classifier.contract.decision)
        fields = _score_fields(scores, failed=len(problems), labels=classifier.labels)
        if as_json:
            terminal.print_json(fields)
        else:
            _print_scores(scores, failed=len(problems))
        if report is not None:
            fields |= _report_fields(scores, views=views, crops=int(crops))
            _write_report(report, fields, [_row(*answer, labels=classifier.labels) for answer in answers])
            write_pictures(
                report,
                name=data_dir.name,
                videos=videos,
                logits=logits,
                class_ids=class_ids,
                contract=classifier.contract,
            )
    if problems:
        raise SystemExit(1)


def _answers(
    classifier: VideoClassifier, data_dir: Path, *, views: int, crops: int, decoder: Decoder
) -> list[tuple[Path, int, Prediction | VideoError]]:
    """(path, true class, answer) of every video."""
    from vidcls.video.folders import labelled_videos

    videos = labelled_videos(data_dir, classifier.labels)
    predictions = classifier.predict_many([path for path, _ in videos], views=views, crops=crops, decoder=decoder)
    answers = terminal.track(predictions, label="evaluating", length=len(videos))
    return [(*video, answer) for video, answer in zip(videos, answers, strict=True)]


def _score_fields(scores: Scores, *, failed: int, labels: tuple[str, ...]) -> dict[str, Any]:
    return {
        "videos": scores.videos,
        "failed": failed,
        "top1": scores.top1,
        "top5": scores.top5,
        "per_class": scores.per_class,
        "confusion": scores.confusion,
        "labels": labels,
    }


def _report_fields(scores: Scores, *, views: int, crops: int) -> dict[str, Any]:
    """What report.json has beyond the answer of --json."""
    return {
        "views": views,
        "crops": crops,
        "top1_interval": scores.top1_interval,
        "top5_interval": scores.top5_interval,
        "calibration": scores.calibration,
    }


def _print_scores(scores: Scores, *, failed: int) -> None:
    click.echo(f"top-1 {scores.top1:.4f}, top-5 {scores.top5:.4f} on {scores.videos} videos, {failed} failed")
    click.echo(scores.reliability)
    width = max(len(printable(label)) for label in scores.per_class)
    for label, row in scores.per_class.items():
        top1 = "     -" if row["top1"] is None else f"{row['top1']:.4f}"
        click.echo(f"  {printable(label):<{width}}  {top1}  {row['videos']:4} videos")


def _row(path: Path, class_id: int, answer: Prediction | VideoError, *, labels: Sequence[str]) -> list[str]:
    """A video's line of predictions.csv."""
    from vidcls.video.source import source_name

    if isinstance(answer, Exception):
        return [source_name(path), labels[class_id], "", "", str(answer)]
    return [source_name(path), labels[class_id], answer.label, f"{answer.score:.6f}", ""]


def _write_report(folder: Path, fields: dict[str, Any], rows: Sequence[Sequence[str]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(fields, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    with (folder / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["video", "label", "predicted", "score", "error"], *map(_cells, rows)])


def _cells(row: Sequence[str]) -> list[object]:
    return [csv_cell(value) for value in row]
