"""A connection to an MQTT broker that is kept, however bad the broker is: the only module that imports paho ([live]).

What a broker retains - how things are now, and what Home Assistant finds cameras by - is kept here too, and said again
when the connection is new and when Home Assistant has started. Events are sent one by one, each until it is
acknowledged. All with QoS 1.
"""

from __future__ import annotations

import json
import logging
import socket
import ssl
import sys
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from vidcls.errors import ArgumentError, DependencyError
from vidcls.files.atomic import write_whole
from vidcls.watch.discovery import OFFLINE, ONLINE, Messages, availability_topic, withdrawn
from vidcls.watch.settings import MqttSettings
from vidcls.web.post import Problem

try:
    from paho.mqtt.client import Client, MQTTMessage
    from paho.mqtt.enums import CallbackAPIVersion
except ImportError as problem:
    raise DependencyError(
        f"paho-mqtt cannot be imported ({problem}); install it with 'pip install \"vidcls[live]\"'"
    ) from problem

# How long a broker may be silent before the connection counts as lost, and how long connecting may take.
KEEP_ALIVE_SECONDS = 20
CONNECT_SECONDS = 3.0
# The pause before a broker is tried again: doubled after each, up to the last.
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 1, 30
# What was under way when a connection broke is sent again as the next one begins, and may be out of date by then: what
# is so now is said after it.
SETTLE_SECONDS = 0.5
# How long the last words may take.
GOODBYE_SECONDS = 0.5
_POLL_SECONDS = 0.1

_logger = logging.getLogger("vidcls")


class Broker:
    """Connects by itself, and again where the connection is lost.

    Args:
        settings: which broker.
        memory: a file that keeps, across starts, the client's name and what was announced.

    Raises:
        ValueError: the file of certificates cannot be used.
    """

    def __init__(self, settings: MqttSettings, *, memory: Path) -> None:
        self.shown = f"mqtt://{settings.host}:{settings.port}"
        self._settings, self._memory = settings, memory
        remembered = _remembered(memory)
        self._client_id, self._announced = remembered["client_id"], remembered["announced"]
        self._lock = threading.Lock()
        self._retained: Messages = {}
        self._said_again: float | None = None  # monotonic seconds at which all that is retained is to be said
        self._acknowledged: set[int] = set()
        self._sent: tuple[bytes, int] | None = None  # the event that is under way, and its number
        self._trouble = ""  # as it was said last
        self._client = self._new_client()
        self._client.connect_async(settings.host, settings.port, keepalive=KEEP_ALIVE_SECONDS)
        self._client.loop_start()

    def announce(self, messages: Messages) -> None:
        """Retain what Home Assistant finds entities by, and take back what an earlier start announced beside that."""
        self.retain({**withdrawn(self._announced, messages), **messages})
        self._announced = sorted(messages)

    def retain(self, messages: Messages) -> None:
        """Say how things are now: at once what is new, all of it when a connection begins."""
        with self._lock:
            changed = {topic: text for topic, text in messages.items() if self._retained.get(topic) != text}
            self._retained.update(changed)
            if self._client.is_connected():  # within the lock, so that nothing older is published after it
                self._publish_all(changed)

    def tick(self) -> None:
        """Say again what is retained, where there is reason to; to be called now and then."""
        if self._said_again is None or time.monotonic() < self._said_again or not self._client.is_connected():
            return
        self._said_again = None
        with self._lock:
            self._publish_all(self._retained)
        self._remember()

    def send_event(self, body: bytes, seconds: float) -> Problem | None:
        """Publish an event, JSON that names its camera; None once the broker has acknowledged it.

        One that was not acknowledged in time stays under way: called again with it, this goes on waiting.
        """
        until = time.monotonic() + seconds
        while not self._client.is_connected() and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
        if self._client.is_connected() and (self._sent is None or self._sent[0] != body):
            camera = json.loads(body)["camera"]
            topic = f"{self._settings.prefix}/{camera}"
            self._acknowledged.clear()
            self._sent = (body, self._client.publish(f"{topic}/event", body, qos=1).mid)
            self.retain({f"{topic}/last_event": body.decode()})
        while self._sent is not None and self._sent[0] == body:
            if self._sent[1] in self._acknowledged:
                self._sent = None
                return None
            if time.monotonic() >= until:
                break
            time.sleep(_POLL_SECONDS / 10)
        return Problem("unreachable", "does not acknowledge events, which wait")

    def close(self) -> None:
        """Say that this program ends, and disconnect; takes at most 2 seconds.

        A broker that does not acknowledge that is left without a word, so that it says so itself: by the will.
        """
        connection = self._client.socket()
        is_told = self._client.is_connected() and self._say_goodbye()
        if is_told or connection is None:
            self._client.disconnect()
        # Where it is connecting just now, or looks for the broker's name, nothing can end that.
        stopping = threading.Thread(target=self._client.loop_stop, daemon=True, name="vidcls-mqtt-end")
        stopping.start()
        if not is_told and connection is not None:
            time.sleep(_POLL_SECONDS)  # so that it stops, and does not connect anew
            with suppress(OSError):  # it is closed already
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # type: ignore[arg-type]
        stopping.join(1.0)

    def _say_goodbye(self) -> bool:
        """Whether the broker has acknowledged that this program is offline, and so all that was sent before."""
        last = self._client.publish(availability_topic(self._settings.prefix), OFFLINE, qos=1, retain=True)
        try:
            last.wait_for_publish(GOODBYE_SECONDS)
            return last.is_published()
        except (ValueError, RuntimeError):  # the connection is gone meanwhile
            return False

    def _new_client(self) -> Client:
        settings = self._settings
        client = Client(CallbackAPIVersion.VERSION2, client_id=self._client_id)
        client.connect_timeout = CONNECT_SECONDS
        client.reconnect_delay_set(FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS)
        client.will_set(availability_topic(settings.prefix), OFFLINE, qos=1, retain=True)
        if settings.user is not None:
            client.username_pw_set(settings.user, settings.password)
        if settings.tls or settings.ca_file is not None:
            try:
                client.tls_set(ca_certs=None if settings.ca_file is None else str(settings.ca_file))
            except (OSError, ssl.SSLError) as error:
                reason = error.strerror or "it holds no certificates"
                raise ArgumentError(f"mqtt.ca_file: {settings.ca_file} cannot be used ({reason})") from None
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_connect_fail = self._on_connect_fail
        client.on_message, client.on_publish = self._on_message, self._on_publish
        return client

    # What paho calls, in its thread.

    def _on_connect(self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._say(f"refuses the connection ({reason})")
            return
        if self._trouble:
            _logger.warning("%s: is connected again", self.shown)
        self._trouble = ""
        client.publish(availability_topic(self._settings.prefix), ONLINE, qos=1, retain=True)
        client.subscribe(f"{self._settings.discovery_prefix}/status", qos=1)
        self._said_again = time.monotonic() + SETTLE_SECONDS

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        """Home Assistant has started, and asks for everything anew."""
        if message.payload == ONLINE.encode() and not message.retain:
            self._said_again = time.monotonic() + SETTLE_SECONDS

    def _on_publish(self, _client: Client, _data: Any, number: int, _reason: Any, _properties: Any) -> None:
        self._acknowledged.add(number)

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._say(f"the connection is lost ({reason})")

    def _on_connect_fail(self, _client: Client, _data: Any) -> None:
        error = sys.exc_info()[1]  # paho calls this where it handles it
        words = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        if isinstance(error, ssl.SSLCertVerificationError):
            words = f"its certificate is not accepted, {error.verify_message}"
        self._say(f"cannot be reached ({words})")

    def _say(self, trouble: str) -> None:
        """Log the first trouble of several, until it is over."""
        if not self._trouble:
            _logger.warning("%s: %s; it is tried again", self.shown, trouble)
        self._trouble = trouble

    def _publish_all(self, messages: Messages) -> None:
        for topic, text in messages.items():
            self._client.publish(topic, text.encode(), qos=1, retain=True)

    def _remember(self) -> None:
        try:
            fields = {"client_id": self._client_id, "announced": self._announced}
            write_whole(self._memory, json.dumps(fields).encode())
        except OSError as error:
            _logger.warning("%s: cannot be written (%s)", self._memory, error.strerror or error)


def _remembered(memory: Path) -> dict[str, Any]:
    """What an earlier start wrote. The client keeps its name, so that the broker takes a new connection for the old
    one, and does not say of the old one, later, that it is gone.
    """
    try:
        fields = json.loads(memory.read_bytes())
        return {"client_id": str(fields["client_id"]), "announced": [str(topic) for topic in fields["announced"]]}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {"client_id": f"vidcls-{uuid.uuid4().hex[:12]}", "announced": []}
