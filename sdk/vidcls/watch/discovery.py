"""What a broker is told of cameras: topics, and the messages by which Home Assistant finds them.

Of each camera there is a device, whose entities are a binary sensor a label, ON while an event of it goes on, whether
pictures come in, the last event with its scores and times, and how old and how many the answers are. Pure: nothing is
sent here. Home Assistant's own words are at https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

# Of more labels, those that the settings name have a binary sensor; without any, events alone tell of them.
MAX_LABELS = 50
# Home Assistant takes a state of so many characters at most.
_MAX_STATE = 255
_SLUG_CHARACTERS = 40

ONLINE, OFFLINE = "online", "offline"
ON, OFF = "ON", "OFF"

# {topic: payload}; an empty payload takes away what a broker has retained there.
Messages: TypeAlias = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Topics:
    """Where a camera's messages go.

    prefix: of all topics. labels: {label: its part of a topic}.
    """

    prefix: str
    camera: str
    labels: Mapping[str, str]

    @property
    def availability(self) -> str:
        """online while the program runs and is connected, else offline; retained."""
        return availability_topic(self.prefix)

    @property
    def connection(self) -> str:
        """ON while pictures come in; retained."""
        return f"{self.prefix}/{self.camera}/connection"

    @property
    def event(self) -> str:
        """Each event as it begins and as it has ended, as JSON; not retained."""
        return f"{self.prefix}/{self.camera}/event"

    @property
    def last_event(self) -> str:
        """The last of these; retained."""
        return f"{self.prefix}/{self.camera}/last_event"

    @property
    def state(self) -> str:
        """{"lag_seconds", "answers_per_second"}; retained."""
        return f"{self.prefix}/{self.camera}/state"

    def label(self, label: str) -> str:
        """ON while an event of it goes on; retained."""
        return f"{self.prefix}/{self.camera}/label/{self.labels[label]}"


def availability_topic(prefix: str) -> str:
    """The topic that says whether the program runs."""
    return f"{prefix}/status"


def topics(*, prefix: str, camera: str, labels: Iterable[str]) -> Topics:
    """The topics of a camera of which these labels are told; of more than MAX_LABELS, no label has its own."""
    counted = tuple(labels)
    return Topics(prefix=prefix, camera=camera, labels=slugs(counted) if len(counted) <= MAX_LABELS else {})


def slugs(labels: Iterable[str]) -> dict[str, str]:
    """{label: letters, digits and _ that stand for it in a topic}, each its own.

    Examples:
        >>> slugs(["Turn left", "fall"])
        {'Turn left': 'turn_left', 'fall': 'fall'}
    """
    labels = tuple(labels)
    found = {label: re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")[:_SLUG_CHARACTERS] for label in labels}
    times = Counter(found.values())
    lossless = {label: slug == label.lower().replace(" ", "_") and times[slug] == 1 for label, slug in found.items()}
    return {label: slug if lossless[label] else f"{slug}_{_digest(label)}".strip("_") for label, slug in found.items()}


def _node(name: str) -> str:
    """As Home Assistant takes it: letters, digits, "_" and "-"; with a few digits behind where that loses something."""
    safe = re.sub(r"[^A-Za-z0-9_-]+", "_", name)
    return safe if safe == name else f"{safe}_{_digest(name)}"


def discovery(camera: Topics, *, discovery_prefix: str, model: str, version: str) -> Messages:
    """{topic: JSON} of a camera's entities, to be retained.

    model: the model file's name. version: of vidcls.
    """
    node = _node(f"{camera.prefix}_{camera.camera}")
    shared = {
        "availability_topic": camera.availability,
        "payload_available": ONLINE,
        "payload_not_available": OFFLINE,
        "device": {
            "identifiers": [node],
            "name": camera.camera,
            "manufacturer": "vidcls",
            "model": model,
            "sw_version": version,
        },
        "origin": {"name": "vidcls", "sw_version": version},
        "qos": 1,
    }
    messages = {}
    for component, key, fields in _entities(camera):
        message = {"name": fields["name"], "unique_id": f"{node}_{key}", **fields, **shared}
        messages[f"{discovery_prefix}/{component}/{node}/{key}/config"] = json.dumps(message)
    return messages


def withdrawn(before: Iterable[str], now: Mapping[str, str]) -> Messages:
    """What takes entities away that were announced before and are no more."""
    return {topic: "" for topic in before if topic not in now}


def label_states(camera: Topics, *, going: Sequence[str]) -> Messages:
    """Of each label whether an event of it goes on."""
    return {camera.label(label): ON if label in going else OFF for label in camera.labels}


def connection_state(camera: Topics, *, is_connected: bool) -> Messages:
    """Whether pictures come in."""
    return {camera.connection: ON if is_connected else OFF}


def pace_state(camera: Topics, *, lag_seconds: float, answers_per_second: float) -> Messages:
    """How old answers are, and how many there are."""
    fields = {"lag_seconds": round(lag_seconds, 2), "answers_per_second": round(answers_per_second, 2)}
    return {camera.state: json.dumps(fields)}


def _entities(camera: Topics) -> list[tuple[str, str, dict[str, Any]]]:
    """(component, key, what is its own) of each entity."""
    labels = [
        (
            "binary_sensor",
            f"label_{slug}",
            {"name": label, "state_topic": camera.label(label), "payload_on": ON, "payload_off": OFF},
        )
        for label, slug in camera.labels.items()
    ]
    connection = {
        "name": "Connection",
        "state_topic": camera.connection,
        "payload_on": ON,
        "payload_off": OFF,
        "device_class": "connectivity",
        "entity_category": "diagnostic",
    }
    last_event = {
        "name": "Last event",
        "state_topic": camera.last_event,
        "value_template": f"{{{{ value_json.label[:{_MAX_STATE}] }}}}",
        "json_attributes_topic": camera.last_event,
        "icon": "mdi:motion-sensor",
    }
    lag = {
        "name": "Lag",
        "state_topic": camera.state,
        "value_template": "{{ value_json.lag_seconds }}",
        "unit_of_measurement": "s",
        "device_class": "duration",
        "state_class": "measurement",
        "entity_category": "diagnostic",
    }
    rate = {
        "name": "Answers per second",
        "state_topic": camera.state,
        "value_template": "{{ value_json.answers_per_second }}",
        "unit_of_measurement": "1/s",
        "state_class": "measurement",
        "entity_category": "diagnostic",
    }
    return [
        *labels,
        ("binary_sensor", "connection", connection),
        ("sensor", "last_event", last_event),
        ("sensor", "lag", lag),
        ("sensor", "rate", rate),
    ]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]
