"""Write what happens before a camera to a file: python examples/log_events.py MODEL.onnx EVENTS.jsonl [--source 0]

A line of JSON per event, once it has ended: label, start and end by this machine's clock, seconds, score.
Single answers flicker; an event has to be believed (--enter-score) and lasts until it no longer is
(--leave-score). Ends with Ctrl-C or kill; the event that goes on then is written too.
"""

from __future__ import annotations

import json
import signal
from datetime import datetime
from pathlib import Path

import click

from vidcls import Event, VidclsError, VideoClassifier, steady_events
from vidcls.video.quiet import quiet_decoders


def line(event: Event, *, end: float, end_time: datetime) -> str:
    """An event that has ended then, as one line of JSON."""
    fields = {
        "label": event.label,
        "start": event.start_time.isoformat(timespec="milliseconds"),
        "end": end_time.isoformat(timespec="milliseconds"),
        "seconds": round(end - event.start, 3),
        "score": round(event.score, 4),
    }
    return json.dumps(fields) + "\n"


@click.command()
@click.argument("model", type=click.Path())
@click.argument("events", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--source", default="0", show_default=True, help="A camera's number, a file or a URL.")
@click.option("--smoothing-seconds", type=click.FloatRange(min=0), default=1.0, show_default=True)
@click.option("--enter-score", type=click.FloatRange(0, 1), help="Default: the model's, else 0.6.")
@click.option("--leave-score", type=click.FloatRange(0, 1), help="Default: the model's, else 0.4.")
@click.option("--least-seconds", type=click.FloatRange(min=0), help="Default: the model's, else 0.")
@click.option("--ignore", multiple=True, help="A label that is no event, such as 'nothing'; may be given again.")
def main(
    model: str,
    events: Path,
    source: str,
    smoothing_seconds: float,
    enter_score: float | None,
    leave_score: float | None,
    least_seconds: float | None,
    ignore: tuple[str, ...],
) -> None:
    """Append every event that SOURCE shows to the file EVENTS."""
    quiet_decoders()  # a lost camera is reported once, not at every try
    number = source.isdecimal() and not Path(source).is_file()
    try:
        classifier = VideoClassifier(model)
        with (
            classifier.stream(int(source) if number else source) as stream,
            events.open("a", encoding="utf-8", buffering=1) as file,
        ):
            for kind in (signal.SIGINT, signal.SIGTERM):
                signal.signal(kind, lambda *_: stream.stop())  # the stream then ends, and with it the last event
            found = steady_events(
                stream,
                smoothing_seconds=smoothing_seconds,
                enter_score=enter_score,
                leave_score=leave_score,
                least_seconds=least_seconds,
            )
            for event in found:
                if event.end is not None and event.end_time is not None and event.label not in ignore:
                    file.write(line(event, end=event.end, end_time=event.end_time))
    except VidclsError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{events}: cannot be written ({error.strerror})") from error


if __name__ == "__main__":
    main()
