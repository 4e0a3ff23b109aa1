"""`vidcls timeline`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vidcls.cli import options, terminal
from vidcls.cli.sources import check_video_is_spared
from vidcls.printable import printable

if TYPE_CHECKING:
    from vidcls.figures.timeline import Thumbnails
    from vidcls.region import Region
    from vidcls.temporal.record import Record
    from vidcls.temporal.timeline import Segment
    from vidcls.video.reader import Decoder


@click.command(
    epilog=options.examples(
        "vidcls timeline model.onnx long.mp4 --plot timeline.png",
        "vidcls timeline model.onnx long.mp4 --srt > long.srt",
    )
)
@options.model
@options.video
@click.option("--json", "form", flag_value="json", help="Print JSON, one segment a line.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV with a header.")
@click.option("--srt", "form", flag_value="srt", help="Print SubRip subtitles, for any player.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a picture of it too: a band per label over time, and thumbnails. Its ending says the format.",
)
@click.option(
    "--change-odds",
    type=click.FloatRange(min=1),
    help="A change of label counts if it makes all answers together this many times more probable.  [default: the "
    "model's, else 7]",
)
@options.crops
@options.region
@options.decoder
@options.device
@options.engine
def timeline(
    model: Path,
    video: str,
    form: str | None,
    plot: Path | None,
    change_odds: float | None,
    crops: str,
    region: Region | None,
    decoder: Decoder,
    device: str,
    engine: str,
) -> None:
    """Say what happens when in VIDEO (a path or a URL), of any length.

    Windows of the model's clip length step through it by half their length; neighbouring stretches under the same
    label are one segment, with start and end in seconds. Segments are printed as they are found; without --json,
    --csv or --srt, for people. A segment much shorter than a window is missed. Where the model has a rule for what it
    knows, stretches in which nothing known happens have no label: "-", null in JSON, empty in CSV, and no subtitle.
    """
    with terminal.exit_codes():
        from vidcls.figures.timeline import Thumbnails, check_format, write_timeline
        from vidcls.temporal.timeline import CSV_HEADER, check_change_odds, csv_line, settled_segments

        check_change_odds(change_odds)
        if plot is not None:
            check_format(plot)
            check_video_is_spared(plot, video)
        classifier = options.open_classifier(model, device, engine=engine, crops=crops)
        with classifier.stream(video, pace="fastest", crops=int(crops), region=region, decoder=decoder) as stream:
            duration = stream.duration or 0.0
            thumbnails = Thumbnails(duration=duration)
            if form == "csv":
                click.echo(csv_line(CSV_HEADER))
            with terminal.progress(stream, label="windows", length=stream.total) as bar:
                records = _collected(bar, thumbnails) if plot is not None else bar
                parts = settled_segments(records, duration=lambda: stream.duration or 0.0, change_odds=change_odds)
                found = _print_all(parts, form=form)
        if plot is not None:
            write_timeline(plot, found, labels=classifier.labels, duration=duration, thumbnails=thumbnails.pictures)


def _print_all(parts: Iterable[tuple[list[Segment], float]], *, form: str | None) -> list[Segment]:
    """Print the segments, each as soon as it is sure; all of them."""
    from vidcls.temporal.subtitles import settled_subtitles

    found: list[Segment] = []

    def kept() -> Iterator[tuple[list[Segment], float]]:
        for ended, settled in parts:
            found.extend(ended)
            yield ended, settled

    each = (_printed(segment, form=form) for ended, _ in kept() for segment in ended)
    for text in settled_subtitles(kept()) if form == "srt" else each:
        terminal.clear_progress()
        click.echo(text)
    return found


def _printed(segment: Segment, *, form: str | None) -> str:
    import json

    from vidcls.temporal.timeline import clock, csv_line

    if form == "json":
        return json.dumps(segment.to_dict())
    if form == "csv":
        return csv_line(segment.to_dict().values())
    label = "-" if segment.label is None else segment.label
    start, end = clock(segment.start, digits=2), clock(segment.end, digits=2)
    return f"{start:>10} - {end:>10}  {segment.score:.4f}  {printable(label)}"


def _collected(records: Iterable[Record], thumbnails: Thumbnails) -> Iterator[Record]:
    """The records, whose pictures `thumbnails` keeps on the way."""
    for record in records:
        thumbnails.add(record)
        yield record
