"""Call a URL when something starts or ends before a camera: python examples/webhook.py MODEL.onnx URL [--source 0]

POSTs {"event": "started" | "ended", "label", "score", "start", "end"} as JSON, times by this machine's clock.
Calls are made by a thread of their own, so a slow server holds up no frame; what a bad one does not take is sent
again, in order, and what cannot be delivered is counted on stderr. Ends with Ctrl-C or kill, and then gives the last
calls five seconds.
"""

from __future__ import annotations

import signal
from pathlib import Path

import click

from vidcls import Event, VidclsError, VideoClassifier, steady_events
from vidcls.video.quiet import quiet_decoders
from vidcls.web.hook import WebHook


def message(event: Event) -> dict[str, object]:
    """The body of the call."""
    return {
        "event": "started" if event.end_time is None else "ended",
        "label": event.label,
        "score": round(event.score, 4),
        "start": event.start_time.isoformat(timespec="milliseconds"),
        "end": None if event.end_time is None else event.end_time.isoformat(timespec="milliseconds"),
    }


@click.command()
@click.argument("model", type=click.Path())
@click.argument("url", envvar="VIDCLS_WEBHOOK_URL")
@click.option("--source", default="0", show_default=True, help="A camera's number, a file or a URL.")
@click.option(
    "--token",
    envvar="VIDCLS_WEBHOOK_TOKEN",
    help="Sent as 'Authorization: Bearer ...'; in VIDCLS_WEBHOOK_TOKEN no list of processes shows it.",
)
def main(model: str, url: str, source: str, token: str | None) -> None:
    """Call URL when an event starts and when it ends."""
    quiet_decoders()  # a lost camera is reported once, not at every try
    number = source.isdecimal() and not Path(source).is_file()
    try:
        hook = WebHook(url, token=token)
    except ValueError as error:
        raise click.UsageError(str(error)) from None  # which shows neither of them
    try:
        with hook, VideoClassifier(model).stream(int(source) if number else source) as stream:
            for kind in (signal.SIGINT, signal.SIGTERM):
                signal.signal(kind, lambda *_: stream.stop())  # the stream then ends, and with it the last event
            for event in steady_events(stream):
                hook.send(message(event))
    except VidclsError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
