"""`vidcls predict`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidcls.cli import options, predictions_csv, terminal
from vidcls.cli.annotate import open_copies, save_copy
from vidcls.cli.sources import check_live, check_spared, videos_of_sources
from vidcls.printable import printable

if TYPE_CHECKING:
    from vidcls import Prediction, VideoClassifier, VideoError
    from vidcls.cli.predictions_csv import Show
    from vidcls.cli.sources import Source
    from vidcls.region import Region
    from vidcls.video.reader import Decoder

# Of a printed path or URL, in characters: longer than any path that opens.
MAX_NAME = 5000
# A few frames at the end are no news; where more is missing, the file was cut off or is damaged.
WHOLE_SHARE = 0.9


@click.command(
    epilog=options.examples("vidcls predict model.onnx clip.mp4", "vidcls predict model.onnx clips --csv answers.csv")
)
@options.model
@click.argument("sources", metavar="SOURCE...", nargs=-1, type=click.Path())
@click.option("--top-k", type=click.IntRange(min=1), default=5, show_default=True, help="Labels to print per video.")
@click.option(
    "--csv",
    "csv_file",
    metavar="FILE.csv",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=predictions_csv.checked_path,
    help="Write a row a video instead: label, score, known, error, and the probability of every label.",
)
@options.views_and_crops
@options.decoder
@options.device
@options.engine
@options.as_json
@options.save
def predict(
    model: Path,
    sources: tuple[str, ...],
    top_k: int,
    csv_file: Path | None,
    views: int,
    crops: str,
    region: Region | None,
    decoder: Decoder,
    device: str,
    engine: str,
    as_json: bool,
    save: Path | None,
) -> None:
    """Classify the videos of each SOURCE.

    A SOURCE is a file, a folder (every video below it), a pattern in quotes such as 'clips/*.mp4', a URL, or a
    camera's number. A video that fails does not stop the others; the exit code is then 1.
    """
    if not sources:
        raise click.UsageError("SOURCE is missing; name the model, and then what to classify: model.onnx clip.mp4")
    if as_json and csv_file is not None:
        raise click.UsageError("--json and --csv are two forms of the same answers; leave one of them out")
    with terminal.exit_codes(), ExitStack() as opened:
        from vidcls.inputs.sources import typed_source

        given = [typed_source(source) for source in sources]
        asked = {"views": views, "crops": int(crops), "region": region, "decoder": decoder}
        check_live(given, asked)
        if csv_file is not None:
            check_spared(csv_file, given)
        classifier = options.open_classifier(model, device, engine=engine, views=views, crops=crops)
        shows: Show = partial(_print_json, top_k=top_k) if as_json else partial(_print_labels, top_k=top_k)
        if csv_file is not None:
            shows = opened.enter_context(predictions_csv.predictions_csv(csv_file, classifier.labels))
        found = videos_of_sources(given, save=save)
        copies = open_copies(save, found)
        videos, failed = 0, 0
        # To say how much is left, folders are gone through beforehand; their videos are then taken as they are needed.
        length = sum(1 for _ in videos_of_sources(given, save=save)) if terminal.is_interactive() else None
        for source, video, answer in _answers(classifier, found, asked, length=length):
            terminal.clear_progress()
            _warn(video, answer, as_json=as_json)
            shows(video, answer)
            is_right = not isinstance(answer, Exception) and save_copy(copies, source, answer, decoder=decoder)
            videos, failed = videos + 1, failed + (not is_right)
    if csv_file is not None:
        terminal.note(f"{csv_file}: {videos} {'video' if videos == 1 else 'videos'}, {failed} of them failed")
    if failed:
        raise SystemExit(1)


def _answers(
    classifier: VideoClassifier, videos: Iterable[Source], asked: dict[str, Any], *, length: int | None
) -> Iterator[tuple[Any, str, Prediction | VideoError]]:
    """(a video, its name, what is said of it) of every video, behind a progress bar."""
    from vidcls.errors import VideoError
    from vidcls.inputs.kinds import one_video
    from vidcls.video.source import source_name

    names = deque[tuple[Any, str]]()

    def named() -> Iterator[Any]:
        for video in videos:
            name = video.path if isinstance(video, VideoError) else source_name(one_video(video))
            names.append((video, name))
            yield video

    for answer in terminal.track(classifier.predict_many(named(), **asked), label="classifying", length=length):
        yield *names.popleft(), answer


def _warn(video: str, answer: Prediction | VideoError, *, as_json: bool) -> None:
    """Say on stderr what is wrong with a video, if anything is, where that is not in the answer itself."""
    if isinstance(answer, Exception):
        if not as_json:
            terminal.note(f"Error: {answer}")
    elif answer.decoded_share is not None and answer.decoded_share < WHOLE_SHARE:
        share = f"only {answer.decoded_share:.0%} of it could be decoded"
        terminal.note(f"Warning: {video}: {share}; check that the file is complete")


def _print_json(video: str, answer: Prediction | VideoError, *, top_k: int) -> None:
    if isinstance(answer, Exception):
        terminal.print_json({"video": video, "error": {"type": type(answer).__name__, "message": str(answer)}})
    else:
        terminal.print_json({**answer.to_dict(top_k=top_k), "video": video})


def _print_labels(video: str, answer: Prediction | VideoError, *, top_k: int) -> None:
    if isinstance(answer, Exception):
        return
    click.echo(printable(video, limit=MAX_NAME) + _shown(answer))
    for label, score in answer.top(top_k):
        click.echo(terminal.score_line(label, score))


def _shown(answer: Prediction) -> str:
    """What a video shows, where that is not the first of the labels below it."""
    if not answer.labels_present:
        return ": none of the labels"
    if answer.decision.activation == "softmax":
        return ""
    return f": {', '.join(map(printable, answer.labels_present))}"
