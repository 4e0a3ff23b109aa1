"""What tests of `vidcls watch` share: events, and servers of the real kind that can be killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from loopback import POLL_SECONDS, free_port
from vidcls.watch.event import CameraEvent

NOON = datetime(2026, 11, 29, 12, 0, tzinfo=timezone.utc)
USER, PASSWORD = "camera", "s3cr3t-p4ss"


def finished(number: int, *, label: str = "fall", camera: str = "door") -> CameraEvent:
    """The finished event of that number."""
    start = NOON + timedelta(seconds=10 * number)
    return CameraEvent(
        id=f"{number:032x}",
        camera=camera,
        label=label,
        state="final",
        start=start,
        end=start + timedelta(seconds=2),
        start_seconds=10.0 * number,
        end_seconds=10.0 * number + 2,
        peak_score=0.9,
        mean_score=0.8,
        detection_delay=0.7,
        coverage=1.0,
    )


def wait_for(is_so: Callable[[], Any], *, seconds: float = 60.0) -> None:
    """Until that is so; fails where it takes too long."""
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "it did not come to be"
        time.sleep(0.02)


class Mosquitto:
    """A real broker on loopback, which keeps what it retains across restarts."""

    def __init__(self, folder: Path, *, lines: tuple[str, ...] = (), seconds: float = 60.0) -> None:
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None:
            pytest.skip("mosquitto is not installed")
        self.port, self._program, self._seconds = free_port(), program, seconds
        self._file = folder / "mosquitto.conf"
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        self._file.write_text(
            "\n".join(
                [
                    f"listener {self.port} 127.0.0.1",
                    f"user {user}",
                    "persistence true",
                    f"persistence_location {folder}/",
                    "autosave_on_changes true",
                    "autosave_interval 1",
                    *(lines or ("allow_anonymous true",)),
                ]
            )
            + "\n"
        )
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Until it listens."""
        self._process = subprocess.Popen(
            [self._program, "-c", str(self._file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(self._listens, seconds=self._seconds)

    def kill(self) -> None:
        """At once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """As its own service does, so that it writes down what it holds."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Connected, and silent."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After a pause."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Subscriber:
    """Hears everything at a broker, as Home Assistant does; its session outlives its connections."""

    def __init__(self, port: int, *, topic: str = "#", name: str = "subscriber", **kind: Any) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self.heard: list[tuple[str, str, bool]] = []  # topic, payload, whether it was retained
        self.client = Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
        if "ca_file" in kind:
            self.client.tls_set(ca_certs=str(kind["ca_file"]))
        if "user" in kind:
            self.client.username_pw_set(kind["user"], kind["password"])
        self.client.reconnect_delay_set(1, 1)
        self.is_subscribed = False
        self.client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self.client.on_subscribe = self._on_subscribe
        self.client.on_message = lambda _client, _data, message: self.heard.append(
            (message.topic, message.payload.decode(), message.retain)
        )
        self.client.connect_async("127.0.0.1", port)
        self.client.loop_start()

    def _on_subscribe(self, *_: Any) -> None:
        self.is_subscribed = True

    def __enter__(self) -> Subscriber:
        wait_for(lambda: self.is_subscribed)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def last(self, topic: str) -> str | None:
        """What was said there last."""
        return next((payload for place, payload, _ in reversed(self.heard) if place == topic), None)

    def all_of(self, topic: str) -> list[str]:
        """What was said there."""
        return [payload for place, payload, _ in self.heard if place == topic]


class Hook:
    """A web hook on loopback that can be killed and started again at its port."""

    def __init__(self, *, answer: Callable[[], int] = lambda: 204) -> None:
        self.bodies: list[bytes] = []
        self.port, self._answer = free_port(), answer
        self._running: Any = None
        self.start()

    def __enter__(self) -> Hook:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def url(self) -> str:
        """Where to POST to."""
        return f"http://127.0.0.1:{self.port}/hook"

    def start(self) -> None:
        """Listen."""
        self._running = _serving(self.port, self)
        self._running.__enter__()

    def kill(self) -> None:
        """Listen no more."""
        if self._running is not None:
            self._running.__exit__(None, None, None)
            self._running = None

    def take(self, body: bytes) -> int:
        """Note what came; the status to answer with."""
        status = self._answer()
        if status < 300:
            self.bodies.append(body)
        return status


@contextmanager
def _serving(port: int, hook: Hook) -> Iterator[None]:
    from http.server import ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(hook.take(body))
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
