"""`vidcls predict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vidcls.cli import options, terminal
from vidcls.printable import printable

if TYPE_CHECKING:
    from vidcls import Prediction, VideoError
    from vidcls.preprocessing import Region
    from vidcls.video.reader import Decoder

# Of a printed path or URL, in characters: longer than any path that opens.
MAX_NAME = 5000
# A few frames at the end are no news; where more is missing, the file was cut off or is damaged.
WHOLE_SHARE = 0.9


@click.command(
    epilog=options.examples(
        "vidcls predict model.onnx clip.mp4", "vidcls predict model.onnx clips/*.mp4 --views 5 --json > answers.jsonl"
    )
)
@options.model
@click.argument("videos", metavar="VIDEO...", nargs=-1, required=True, type=click.Path())
@click.option("--top-k", type=click.IntRange(min=1), default=5, show_default=True, help="Labels to print per video.")
@options.views_and_crops
@options.decoder
@options.device
@options.engine
@options.as_json
def predict(
    model: Path,
    videos: tuple[str, ...],
    top_k: int,
    views: int,
    crops: str,
    region: Region | None,
    decoder: Decoder,
    device: str,
    engine: str,
    as_json: bool,
) -> None:
    """Classify each VIDEO (a path or a URL).

    A video that fails does not stop the others; the exit code is then 1.
    """
    failed = False
    with terminal.exit_codes():
        from vidcls.errors import VideoError
        from vidcls.video.source import source_name

        classifier = options.open_classifier(model, device, engine=engine, views=views, crops=crops)
        answers = classifier.predict_many(videos, views=views, crops=int(crops), region=region, decoder=decoder)
        for video, answer in zip(
            map(source_name, videos), terminal.track(answers, label="classifying", length=len(videos)), strict=True
        ):
            terminal.clear_progress()
            if isinstance(answer, VideoError):
                failed = True
                _print_error(video, answer, as_json=as_json)
            else:
                _print_prediction(video, answer, top_k=top_k, as_json=as_json)
    if failed:
        raise SystemExit(1)


def _print_error(video: str, error: VideoError, *, as_json: bool) -> None:
    if as_json:
        terminal.print_json({"video": video, "error": {"type": type(error).__name__, "message": str(error)}})
    else:
        terminal.note(f"Error: {error}")


def _print_prediction(video: str, prediction: Prediction, *, top_k: int, as_json: bool) -> None:
    if prediction.decoded_share is not None and prediction.decoded_share < WHOLE_SHARE:
        share = f"only {prediction.decoded_share:.0%} of it could be decoded"
        terminal.note(f"Warning: {video}: {share}; check that the file is complete")
    if as_json:
        terminal.print_json({"video": video, **prediction.to_dict(top_k=top_k)})
        return
    click.echo(printable(video, limit=MAX_NAME) + ("" if prediction.known else ": none of the labels"))
    for label, score in prediction.top(top_k):
        click.echo(terminal.score_line(label, score))
