"""Call a URL when something starts or ends before a camera: python examples/webhook.py MODEL.onnx URL [--source 0]

POSTs {"event": "started" | "ended", "label", "score", "start", "end"} as JSON, times by this machine's clock.
Calls are made by a thread of their own, so a slow server holds up no frame; one that fails is tried twice
more, and what cannot be delivered is printed on stderr. Ends with Ctrl-C or kill, after the last calls.
"""

from __future__ import annotations

import json
import queue
import signal
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import click

from vidcls import Event, VidclsError, VideoClassifier, steady_events
from vidcls.video.opencv import quiet_decoders

TIMEOUT_SECONDS = 5
PAUSES_SECONDS = (1, 5)  # before the second and the third try
WAITING_EVENTS = 100  # more than these are given up while the server is slow


def message(event: Event) -> bytes:
    """The body of the call."""
    fields = {
        "event": "started" if event.end_time is None else "ended",
        "label": event.label,
        "score": round(event.score, 4),
        "start": event.start_time.isoformat(timespec="milliseconds"),
        "end": None if event.end_time is None else event.end_time.isoformat(timespec="milliseconds"),
    }
    return json.dumps(fields).encode()


def call(url: str, body: bytes) -> str | None:
    """Deliver; what went wrong, else None."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - checked in main
    problem = None
    for pause in (0, *PAUSES_SECONDS):
        time.sleep(pause)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310
                return None
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            problem = str(error)
    return problem


def deliver(url: str, bodies: queue.Queue[bytes | None]) -> None:
    """Call the URL with every body until there is a None."""
    while (body := bodies.get()) is not None:
        problem = call(url, body)
        if problem is not None:
            click.echo(f"not delivered ({problem}): {body.decode()}", err=True)


@click.command()
@click.argument("model", type=click.Path())
@click.argument("url")
@click.option("--source", default="0", show_default=True, help="A camera's number, a file or a URL.")
def main(model: str, url: str, source: str) -> None:
    """Call URL when an event starts and when it ends."""
    if not url.startswith(("http://", "https://")):
        raise click.BadParameter(f"{url}: expected an address that starts with http:// or https://")
    quiet_decoders()  # a lost camera is reported once, not at every try
    number = source.isdecimal() and not Path(source).is_file()
    bodies: queue.Queue[bytes | None] = queue.Queue(maxsize=WAITING_EVENTS)
    caller = threading.Thread(target=deliver, args=(url, bodies))
    try:
        stream = VideoClassifier(model).stream(int(source) if number else source)
        caller.start()
        for kind in (signal.SIGINT, signal.SIGTERM):
            signal.signal(kind, lambda *_: stream.stop())  # the stream then ends, and with it the last event
        with stream:
            for event in steady_events(stream):
                try:
                    bodies.put_nowait(message(event))
                except queue.Full:
                    click.echo(f"given up, {url} is too slow: {message(event).decode()}", err=True)
    except VidclsError as error:
        raise click.ClickException(str(error)) from error
    finally:
        if caller.is_alive():
            bodies.put(None)
            caller.join()


if __name__ == "__main__":
    main()
