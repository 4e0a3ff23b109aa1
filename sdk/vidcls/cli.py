"""The command `vidcls`."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from vidcls import terminal

if TYPE_CHECKING:
    from vidcls import Prediction, VideoClassifier
    from vidcls.evaluation import Scores

Command = TypeVar("Command", bound=Callable[..., Any])

_model = click.argument("model", type=click.Path(path_type=Path))
_video = click.argument("video", type=click.Path())
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")
_device = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="auto takes CUDA where it works; cuda never falls back to the CPU.",
)


def _view_options(command: Command) -> Command:
    views = click.option(
        "--views",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="Windows of the model's clip length, spread evenly over the video; one lies in the middle.",
    )
    crops = click.option(
        "--crops",
        type=click.Choice(["1", "3"]),
        default="1",
        show_default=True,
        help="Crops of each frame: the middle, or three along its long side.",
    )
    return views(crops(command))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vidcls")
def main() -> None:
    """Classify videos with a model exported by vidcls-export.

    Exit code 0: done. 1: some input failed or a check did not hold. 2: wrong usage.
    """


@main.command()
@_model
@click.argument("videos", metavar="VIDEO...", nargs=-1, required=True, type=click.Path())
@click.option("--top-k", type=click.IntRange(min=1), default=5, show_default=True, help="Labels to print per video.")
@_view_options
@_device
@_json
def predict(
    model: Path, videos: tuple[str, ...], top_k: int, views: int, crops: str, device: str, as_json: bool
) -> None:
    """Classify each VIDEO (a path or a URL).

    A video that fails does not stop the others; the exit code is then 1.
    """
    failed = False
    with terminal.exit_codes():
        from vidcls.decoding import source_name
        from vidcls.errors import VideoError

        classifier = _open(model, device, views=views, crops=crops)
        for video in videos:
            try:
                prediction = classifier.predict(video, views=views, crops=int(crops))
            except VideoError as error:
                failed = True
                if as_json:
                    problem = {"type": type(error).__name__, "message": str(error)}
                    terminal.print_json({"video": source_name(video), "error": problem})
                else:
                    terminal.note(f"Error: {error}")
                continue
            if as_json:
                terminal.print_json({"video": source_name(video), **_prediction_fields(prediction, top_k=top_k)})
            else:
                click.echo(source_name(video))
                for label, score in prediction.top(top_k):
                    click.echo(f"  {score:.4f}  {label}")
    if failed:
        raise SystemExit(1)


@main.command()
@_model
@click.argument("data_dir", type=click.Path(path_type=Path))
@_view_options
@_device
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write report.json and predictions.csv to this folder.",
)
@_json
def evaluate(
    model: Path, data_dir: Path, views: int, crops: str, device: str, report: Path | None, as_json: bool
) -> None:
    """Measure accuracy on DATA_DIR, which holds one folder of videos per label.

    Videos that cannot be read are named, counted as failed and left out of the accuracy; the exit code is then 1.
    """
    with terminal.exit_codes():
        import numpy as np

        from vidcls.decoding import source_name
        from vidcls.errors import VideoError
        from vidcls.evaluation import score_logits
        from vidcls.folders import labelled_videos

        classifier = _open(model, device, views=views, crops=crops)
        videos = labelled_videos(data_dir, classifier.labels)
        logits, class_ids, problems, rows = [], [], [], []
        with terminal.progress(videos, label="evaluating") as bar:
            for path, class_id in bar:
                label = classifier.labels[class_id]
                try:
                    prediction = classifier.predict(path, views=views, crops=int(crops))
                except VideoError as error:
                    problems.append(str(error))
                    rows.append([source_name(path), label, "", "", error])
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
            _write_report(report, fields, rows)
    if problems:
        raise SystemExit(1)


@main.command()
@_model
@_video
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The picture to write: .gif (256 colours a frame), or .webp or .png (exact).",
)
def preview(model: Path, video: str, output: Path) -> None:
    """Write the frames of VIDEO exactly as the model sees them, after sampling, resize and crop."""
    with terminal.exit_codes():
        from vidcls.preview import write_animation
        from vidcls.views import read_views

        contract = _open(model, "cpu").contract
        seen = read_views(video, contract)
        write_animation(seen.frames[0], output, seconds=contract.sampling.clip_seconds)
        start, end = seen.windows[0]
    size = contract.image.crop_size
    click.echo(f"{output}: {contract.sampling.frames} frames, {size} x {size}, from {start:.2f} s to {end:.2f} s")


@main.command()
@_model
@_json
def info(model: Path, as_json: bool) -> None:
    """Tell what MODEL is: labels, sampling, pixels, precision, origin, accuracy and parity."""
    with terminal.exit_codes():
        contract = _open(model, "cpu").contract
        image, sampling = contract.image, contract.sampling
        shape: list[int | str] = ["batch", sampling.frames, 3, image.crop_size, image.crop_size]
        if contract.model.input.layout == "BTHWC":
            shape = ["batch", sampling.frames, image.crop_size, image.crop_size, 3]
        fields = {
            "labels": contract.labels,
            "frames": sampling.frames,
            "clip_seconds": sampling.clip_seconds,
            "image": dataclasses.asdict(image),
            "precision": contract.model.precision,
            "input": {"name": contract.model.input.name, "shape": shape, "dtype": contract.model.input.dtype},
            "source": dataclasses.asdict(contract.source),
            "file_mb": round(model.stat().st_size / 1e6, 3),
        }
    if as_json:
        terminal.print_json(fields)
        return
    source, accuracy, parity = contract.source, contract.accuracy, contract.parity
    licence = (source.base_license or "unknown") if source.base else "no base weights"
    click.echo(f"{model}: {fields['file_mb']} MB, {contract.model.precision}, graph for {contract.model.graph}")
    click.echo(f"  labels     {len(contract.labels)}: {', '.join(contract.labels)}")
    click.echo(f"  sampling   {sampling.frames} frames over {sampling.clip_seconds:.3f} s")
    click.echo(
        f"  image      {image.resize} {image.resize_size}, crop {image.crop_size}, mean {image.mean}, std {image.std}"
    )
    click.echo(f"  source     {source.architecture}, base {source.base or 'none (from scratch)'}, {source.created}")
    click.echo(f"  licence    of the base weights: {licence}")
    if accuracy:
        click.echo(
            f"  accuracy   top-1 {accuracy.top1:.3f}, top-5 {accuracy.top5:.3f} on {accuracy.videos} videos "
            f"({accuracy.split}, {accuracy.views} x {accuracy.crops} views x crops)"
        )
    else:
        click.echo("  accuracy   not measured")
    if parity:
        click.echo(
            f"  parity     top-1 agreement {parity.top1_agreement:.4f}, largest logit difference "
            f"{parity.max_abs_logit_diff:.2g}, on {parity.videos} videos"
        )
    else:
        click.echo("  parity     unproven: exported without --check")


@main.command()
@_model
@_device
@_json
def verify(model: Path, device: str, as_json: bool) -> None:
    """Prove that MODEL's answers on this device are still the trained model's.

    Runs the self-test embedded in the file and checks the file's bytes; exit code 1 if either fails.
    """
    with terminal.exit_codes():
        result = _open(model, device).verify()
    if as_json:
        fields = dataclasses.asdict(result)
        del fields["problem"]
        if math.isnan(result.max_abs_diff):
            fields["max_abs_diff"] = None  # JSON has no NaN
        terminal.print_json(fields)
    elif result.ok:
        click.echo(
            f"{model}: ok on {result.device}, {result.precision}; logits within {result.max_abs_diff:.2g} "
            f"of PyTorch's (allowed: {result.tolerance:g})"
        )
    if not result.ok:
        raise click.ClickException(f"{model}: on {result.device}, {result.problem}")


def _open(model: Path, device: str, *, views: int = 1, crops: str = "1") -> VideoClassifier:
    from vidcls import VideoClassifier
    from vidcls.views import check_views

    classifier = VideoClassifier(model, device=device)  # type: ignore[arg-type]
    check_views(classifier.contract, views=views, crops=int(crops))
    return classifier


def _prediction_fields(prediction: Prediction, *, top_k: int) -> dict[str, Any]:
    return {
        "label": prediction.label,
        "score": prediction.score,
        "top": [{"label": label, "score": score} for label, score in prediction.top(top_k)],
        "logits": prediction.logits.tolist(),
        "probabilities": prediction.probabilities.tolist(),
        "labels": prediction.labels,
        "windows": prediction.windows,
        "timestamps": prediction.timestamps.tolist(),
        "device": prediction.device,
        "timing_ms": prediction.timing_ms,
    }


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


def _print_scores(scores: Scores, *, failed: int) -> None:
    click.echo(f"top-1 {scores.top1:.4f}, top-5 {scores.top5:.4f} on {scores.videos} videos, {failed} failed")
    width = max(len(label) for label in scores.per_class)
    for label, row in scores.per_class.items():
        share = "     -" if row["top1"] is None else f"{row['top1']:.4f}"
        click.echo(f"  {label:<{width}}  {share}  {row['videos']:4} videos")


def _write_report(folder: Path, fields: dict[str, Any], rows: list[list[Any]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(fields, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    with (folder / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["video", "label", "predicted", "score", "error"], *rows])


if __name__ == "__main__":
    main()
