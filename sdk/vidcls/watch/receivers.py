"""Whoever is told of events beside the page and the journal: a web hook, a broker, both or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from vidcls.versions import package_version
from vidcls.watch import discovery
from vidcls.watch.delivery import Delivery, to_hook
from vidcls.watch.event import CameraEvent
from vidcls.watch.journal import Entry, Journal
from vidcls.watch.mqtt import Broker
from vidcls.watch.settings import WatchSettings
from vidcls.web.post import read_address

HOOK, BROKER = "webhook", "mqtt"
# The longest pause between two attempts. A broker is connected to anew by itself, and asked again at once.
_HOOK_PAUSE_SECONDS, _BROKER_PAUSE_SECONDS = 60.0, 0.1


def receiver_names(settings: WatchSettings) -> list[str]:
    """By which names the journal knows them."""
    return [name for name, given in ((HOOK, settings.hook), (BROKER, settings.mqtt)) if given is not None]


class Receivers:
    """Tells them; never waits for them.

    Args:
        settings: which there are.
        journal: holds what they have not taken yet.
        labels: {camera: the labels of which events are told}.

    Raises:
        ValueError: the web hook's address or the broker's certificates cannot be used.
    """

    def __init__(self, settings: WatchSettings, journal: Journal, *, labels: Mapping[str, Sequence[str]]) -> None:
        self._broker: Broker | None = None
        self._topics: dict[str, discovery.Topics] = {}
        address = None if settings.hook is None else read_address(settings.hook.url, token=settings.hook.token)
        if settings.mqtt is not None:
            self._broker = Broker(settings.mqtt, memory=settings.state / "broker.json")
            self._topics = {
                camera: discovery.topics(prefix=settings.mqtt.prefix, camera=camera, labels=of_camera)
                for camera, of_camera in labels.items()
            }
            self._announce(self._broker, discovery_prefix=settings.mqtt.discovery_prefix, model=settings.model.name)
        self._deliveries = []
        if address is not None:
            self._deliveries.append(
                Delivery(HOOK, journal, to_hook(address), shown=address.name, last_pause_seconds=_HOOK_PAUSE_SECONDS)
            )
        if self._broker is not None:
            send, shown = self._broker.send_event, self._broker.shown
            self._deliveries.append(
                Delivery(BROKER, journal, send, shown=shown, last_pause_seconds=_BROKER_PAUSE_SECONDS)
            )

    def tell_begun(self, event: CameraEvent) -> None:
        """Of an event that goes on."""
        for delivery in self._deliveries:
            delivery.put_begun(event)

    def tell_final(self, entries: Iterable[Entry]) -> None:
        """Of finished events, which are in the journal."""
        for entry in entries:
            for delivery in self._deliveries:
                delivery.put_final(entry)

    def show_going(self, camera: str, labels: Sequence[str]) -> None:
        """Of which labels an event goes on now."""
        if self._broker is not None:
            self._broker.retain(discovery.label_states(self._topics[camera], going=labels))

    def show_connection(self, camera: str, *, is_connected: bool) -> None:
        """Whether a camera's pictures come in."""
        if self._broker is not None:
            self._broker.retain(discovery.connection_state(self._topics[camera], is_connected=is_connected))

    def show_pace(self, camera: str, *, lag_seconds: float, answers_per_second: float) -> None:
        """How old a camera's answers are, and how many there are."""
        if self._broker is not None:
            state = discovery.pace_state(
                self._topics[camera], lag_seconds=lag_seconds, answers_per_second=answers_per_second
            )
            self._broker.retain(state)

    def given_up(self) -> dict[str, int]:
        """{receiver: how many finished events it did not take, and is not sent any more}, since the start."""
        return {delivery.name: delivery.given_up for delivery in self._deliveries}

    def tick(self) -> None:
        """To be called now and then."""
        if self._broker is not None:
            self._broker.tick()

    def end(self, *, seconds: float) -> None:
        """Give what waits so many seconds more; returns at once."""
        for delivery in self._deliveries:
            delivery.end(seconds=seconds)

    def close(self) -> None:
        """Wait for the end, and say how many events are left for the next start."""
        for delivery in self._deliveries:
            delivery.close()
        if self._broker is not None:
            self._broker.close()

    def _announce(self, broker: Broker, *, discovery_prefix: str, model: str) -> None:
        messages: discovery.Messages = {}
        version = package_version("vidcls") or ""
        for camera in self._topics.values():
            messages |= discovery.discovery(camera, discovery_prefix=discovery_prefix, model=model, version=version)
        broker.announce(messages)
        for camera in self._topics.values():
            broker.retain(discovery.label_states(camera, going=()))
