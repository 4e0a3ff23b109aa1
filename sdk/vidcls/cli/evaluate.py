"""`vidcls evaluate`."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidcls.cli import options, terminal
from vidcls.cli.event_evaluation import evaluate_events
from vidcls.cli.report_folder import PAGE_FILE, PREDICTION_COLUMNS, PREDICTIONS_FILE, begin_report, check_spared
from vidcls.cli.scores import score_lines
from vidcls.printable import csv_cell

if TYPE_CHECKING:
    from vidcls import Prediction, VideoClassifier, VideoError
    from vidcls.contract import ModelContract
    from vidcls.evaluation.answers import Answers
    from vidcls.evaluation.apart import Parts
    from vidcls.evaluation.labelled import LabelledVideo
    from vidcls.evaluation.origins import Origin
    from vidcls.region import Region
    from vidcls.video.reader import Decoder


@dataclass(frozen=True, kw_only=True)
class _Answered:
    """What came of the videos: answers, one for each, and of those that were read, in one order, all else."""

    every: list[tuple[LabelledVideo, Prediction | VideoError]]
    videos: list[LabelledVideo]
    answers: Answers
    origins: list[Origin | None]

    @property
    def failed(self) -> int:
        return len(self.every) - len(self.videos)


@dataclass(frozen=True, kw_only=True)
class _About:
    """What was asked for."""

    model: Path
    data: Path
    views: int
    crops: int
    region: Region | None
    decoder: Decoder
    engine: str

    @property
    def asked(self) -> dict[str, Any]:
        """How the clips are answered."""
        return {"views": self.views, "crops": self.crops, "region": self.region}


@click.command(epilog=options.examples("vidcls evaluate model.onnx data/test --report report"))
@options.model
@click.argument("data_dir", metavar="DATA", type=click.Path(path_type=Path))
@options.views_and_crops
@options.decoder
@options.device
@options.engine
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write report.html, report.json, predictions.csv, confusion.png and mistakes.png to this folder "
    "(confusion.png of at most 700 labels); with --events report.html, report.json and events.csv.",
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
    region: Region | None,
    decoder: Decoder,
    device: str,
    engine: str,
    report: Path | None,
    events: Path | None,
    as_json: bool,
) -> None:
    """Measure accuracy on DATA: a folder with one folder of videos per label, or a CSV with the columns path,labels.

    Videos in a folder _none show none of the labels. Where MODEL holds fingerprints of the videos that it was trained
    on and chosen by, these are counted apart, and accuracy is that of the others.

    Videos that cannot be read are named, counted as failed and left out of the accuracy; the exit code is then 1.

    With --events, the videos that the CSV names are searched from start to end for events, which are compared with its
    lines; a video in which nothing happens has one line with the label _none. Prints mean average precision, F1, false
    alarms per hour and how late events are found.
    """
    how: dict[str, Any] = {"region": region, "decoder": decoder, "engine": engine}
    about = _About(model=model, data=data_dir, views=views, crops=int(crops), **how)
    if events is not None:
        how |= {"views": views, "crops": int(crops), "device": device}
        evaluate_events(model, data_dir, events, report=report, as_json=as_json, **how)
    else:
        _evaluate_clips(about, device=device, report=report, as_json=as_json)


def _evaluate_clips(about: _About, *, device: str, report: Path | None, as_json: bool) -> None:
    with terminal.exit_codes():
        from vidcls.evaluation.apart import score_apart

        check_spared(report, about.data)
        classifier = options.open_classifier(
            about.model, device, engine=about.engine, views=about.views, crops=str(about.crops)
        )
        contract = classifier.contract
        found = _answered(classifier, about)
        parts = score_apart(found.answers, found.origins, contract)
        fields = _fields(found, parts, contract)
        try:
            if as_json:
                terminal.print_json(fields)
            else:
                for line in score_lines(parts, contract, failed=found.failed):
                    click.echo(line)
        finally:  # a report is written also where nobody reads what is printed to its end, as `| head -1` does
            if report is not None:
                _write_report(report, fields | about.asked, found, contract)
                _write_pictures(report, about, found, parts, contract)
                if _has_accuracy(found):  # else there is nothing that a page is about
                    _write_page(report, found, classifier, about)
    if found.failed:
        raise SystemExit(1)


def _answered(classifier: VideoClassifier, about: _About) -> _Answered:
    import numpy as np

    from vidcls.errors import VideoError
    from vidcls.evaluation.answers import Answers
    from vidcls.evaluation.labelled import read_labelled, targets_of
    from vidcls.evaluation.origins import origins_of
    from vidcls.pipeline import predict_each, read_source

    contract = classifier.contract
    labelled = read_labelled(about.data, contract)
    paths = [video.path for video in labelled]
    read_one = partial(read_source, contract=contract, decoder=about.decoder, **about.asked)
    predictions = predict_each(paths, read_one, classifier.predict_clips)
    every = list(zip(labelled, terminal.track(predictions, label="evaluating", length=len(paths)), strict=True))
    for _, answer in every:
        if isinstance(answer, VideoError):
            terminal.note(f"Error: {answer}")
    read = [(video, answer) for video, answer in every if not isinstance(answer, VideoError)]
    if not read:
        raise VideoError(str(about.data), f"not one of its {len(every)} videos could be read")
    videos = [video for video, _ in read]
    return _Answered(
        every=every,
        videos=videos,
        answers=Answers(
            logits=np.stack([answer.logits for _, answer in read]),
            targets=targets_of(videos, classifier.labels),
        ),
        origins=origins_of(
            [video.path for video in videos], contract.source.clips, decoder=about.decoder, track=terminal.track
        ),
    )


def _fields(found: _Answered, parts: Parts, contract: ModelContract) -> dict[str, Any]:
    """The answer of --json: figures of new videos, and beside them those of videos that the model knows."""
    new, labels = parts.new, contract.labels
    scores = new.scores
    nothing = {"videos": 0, "top1": None, "top1_interval": None, "precision": None, "recall": None, "f1": None}
    return {
        "videos": 0 if scores is None else scores.videos,
        "failed": found.failed,
        "top1": scores and scores.top1,
        "top5": scores and scores.top5,
        "per_class": dict.fromkeys(labels, nothing) if scores is None else scores.per_class,
        "confusion": [[0] * len(labels) for _ in labels] if scores is None else scores.confusion,
        "labels": labels,
        "map": scores and scores.average_precision,
        "map_interval": scores and scores.average_precision_interval,
        "top1_interval": scores and scores.top1_interval,
        "top5_interval": scores and scores.top5_interval,
        "macro_f1": scores and scores.macro_f1,
        "macro_f1_interval": scores and scores.macro_f1_interval,
        "calibration": scores and scores.calibration,
        "known": scores and scores.known,
        "negatives": new.negatives,
        "operating_points": new.operating_points,
        "new": parts.trained_on and new.fields(),
        "trained_on": parts.trained_on and parts.trained_on.fields(),
        "chosen_by": parts.chosen_by and parts.chosen_by.fields(),
    }


def _write_report(folder: Path, fields: dict[str, Any], found: _Answered, contract: ModelContract) -> None:
    begin_report(folder, fields)
    origins = iter(found.origins)
    rows = [
        _failed_row(video, answer, contract)
        if isinstance(answer, Exception)
        else _row(video, answer, next(origins), contract)
        for video, answer in found.every
    ]
    with (folder / PREDICTIONS_FILE).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([PREDICTION_COLUMNS, *([csv_cell(cell) for cell in row] for row in rows)])


def _row(video: LabelledVideo, answer: Prediction, origin: Origin | None, contract: ModelContract) -> list[str]:
    """A video's line of predictions.csv; of a model whose labels may hold together, `predicted` is all it found."""
    from vidcls.video.source import source_name

    several = contract.decision.activation == "sigmoid"
    predicted = "|".join(answer.labels_present) if several else answer.label
    clip_is = "" if contract.source.clips is None else origin or "new"
    known = "true" if answer.known else "false"
    label = video.shown(contract.labels)
    return [source_name(video.path), label, predicted, f"{answer.score:.6f}", known, clip_is, ""]


def _failed_row(video: LabelledVideo, error: Exception, contract: ModelContract) -> list[str]:
    from vidcls.video.source import source_name

    return [source_name(video.path), video.shown(contract.labels), "", "", "", "", str(error)]


def _write_pictures(folder: Path, about: _About, found: _Answered, parts: Parts, contract: ModelContract) -> None:
    """Those of new videos, where there are any. Of labels that may hold together none is taken for another."""
    from vidcls.evaluation.report import write_pictures

    only_new = parts.new.scores is not None
    shown = [index for index, origin in enumerate(found.origins) if origin is None or not only_new]
    videos = [found.videos[index] for index in shown]
    if contract.decision.activation == "sigmoid" or not any(video.class_ids for video in videos):
        return
    write_pictures(
        folder,
        name=about.data.resolve().name if only_new else f"{about.data.resolve().name}, known to the model",
        videos=[video.path for video in videos],
        logits=found.answers.logits[shown],
        class_ids=[video.class_ids[0] if video.class_ids else None for video in videos],
        contract=contract,
        region=about.region,
        decoder=about.decoder,
    )


def _has_accuracy(found: _Answered) -> bool:
    """Whether one of the new videos, or where none is new, one of all, shows a label."""
    is_new = [origin is None for origin in found.origins]
    shown = [new or not any(is_new) for new in is_new]
    return any(video.class_ids for video, is_shown in zip(found.videos, shown, strict=True) if is_shown)


def _write_page(folder: Path, found: _Answered, classifier: VideoClassifier, about: _About) -> None:
    import platform
    import shlex

    import numpy as np

    import vidcls
    from vidcls.clips import read_clips
    from vidcls.pages.evaluation import Evaluation, evaluation_page
    from vidcls.region import region_text

    given = f"--views {about.views} --crops {about.crops} --device {classifier.device} --engine {about.engine}"
    if about.region is not None:
        given += f" --region {region_text(about.region)}"
    if about.decoder != "auto":
        given += f" --decoder {about.decoder}"
    made = Evaluation(
        data=about.data.resolve().name,
        model=about.model.name,
        contract=classifier.contract,
        names=[video.path.name for video in found.videos],
        answers=found.answers,
        known_from=found.origins,
        failed=[(video.path.name, str(answer)) for video, answer in found.every if isinstance(answer, Exception)],
        views=about.views,
        crops=about.crops,
        region=about.region,
        made_with={"vidcls": vidcls.__version__, "Python": platform.python_version(), "device": classifier.device},
        command=f"vidcls evaluate {shlex.join([about.model.name, about.data.name or '.'])} {given} --report DIR",
    )
    read = partial(read_clips, contract=classifier.contract, region=about.region, decoder=about.decoder)
    page = evaluation_page(made, frames_of=lambda number: np.asarray(read(found.videos[number].path).frames[0]))
    (folder / PAGE_FILE).write_text(page, encoding="utf-8")
