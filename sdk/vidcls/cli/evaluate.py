"""`vidcls evaluate`."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidcls.cli import options, terminal

if TYPE_CHECKING:
    from vidcls.evaluation.metrics import Scores


@click.command()
@options.model
@click.argument("data_dir", type=click.Path(path_type=Path))
@options.views_and_crops
@options.device
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write report.json, predictions.csv, confusion.png and mistakes.png to this folder.",
)
@options.as_json
def evaluate(
    model: Path, data_dir: Path, views: int, crops: str, device: str, report: Path | None, as_json: bool
) -> None:
    """Measure accuracy on DATA_DIR, which holds one folder of videos per label.

    Videos that cannot be read are named, counted as failed and left out of the accuracy; the exit code is then 1.
    """
    with terminal.exit_codes():
        import numpy as np

        from vidcls.errors import VideoError
        from vidcls.evaluation.metrics import score_logits
        from vidcls.video.folders import labelled_videos
        from vidcls.video.reader import source_name

        classifier = options.open_classifier(model, device, views=views, crops=crops)
        videos = labelled_videos(data_dir, classifier.labels)
        logits, class_ids, problems, rows = [], [], [], []
        answers = classifier.predict_many([path for path, _ in videos], views=views, crops=int(crops))
        with terminal.progress(answers, label="evaluating", length=len(videos)) as bar:
            for (path, class_id), prediction in zip(videos, bar, strict=True):
                label = classifier.labels[class_id]
                if isinstance(prediction, VideoError):
                    problems.append(str(prediction))
                    rows.append([source_name(path), label, "", "", prediction])
                    continue
                logits.append(prediction.logits)
                class_ids.append(class_id)
                rows.append([source_name(path), label, prediction.label, f"{prediction.score:.6f}", ""])
        for problem in problems:
            terminal.note(f"Error: {problem}")
        if not logits:
            raise click.ClickException(f"{data_dir}: not one of its {len(problems)} videos could be read")
        scores = score_logits(np.stack(logits), class_ids, classifier.labels)
        fields = _score_fields(scores, failed=len(problems), labels=classifier.labels)
        if as_json:
            terminal.print_json(fields)
        else:
            _print_scores(scores, failed=len(problems))
        if report is not None:
            from vidcls.evaluation.report import write_pictures

            _write_report(report, {**fields, **_report_fields(scores, views=views, crops=int(crops))}, rows)
            write_pictures(
                report,
                name=data_dir.name,
                videos=[path for (path, _), row in zip(videos, rows, strict=True) if not row[-1]],
                logits=np.stack(logits),
                class_ids=class_ids,
                contract=classifier.contract,
            )
    if problems:
        raise SystemExit(1)


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
    width = max(len(label) for label in scores.per_class)
    for label, row in scores.per_class.items():
        share = "     -" if row["top1"] is None else f"{row['top1']:.4f}"
        click.echo(f"  {label:<{width}}  {share}  {row['videos']:4} videos")


def _write_report(folder: Path, fields: dict[str, Any], rows: list[list[Any]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(fields, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    with (folder / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["video", "label", "predicted", "score", "error"], *rows])
