"""Home Assistant's discovery messages, compared with what its own source and documentation ask for.

The rules below are written down from homeassistant/components/mqtt of home-assistant/core (discovery.py, schemas.py,
binary_sensor.py, sensor.py, util.py) and https://www.home-assistant.io/integrations/mqtt.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from vidcls.watch import discovery
from vidcls.watch.discovery import slugs, topics, withdrawn

TOPIC = re.compile(r"(?P<component>\w+)/(?:(?P<node_id>[a-zA-Z0-9_-]+)/)?(?P<object_id>[a-zA-Z0-9_-]+)/config")
ENTITY = {"availability_topic", "payload_available", "payload_not_available", "device", "origin", "qos", "name"}
ENTITY |= {"unique_id", "state_topic", "value_template", "json_attributes_topic", "icon", "entity_category"}
OF_COMPONENT = {
    "binary_sensor": {"device_class", "payload_on", "payload_off", "off_delay", "expire_after", "force_update"},
    "sensor": {"device_class", "state_class", "unit_of_measurement", "suggested_display_precision", "expire_after"},
}
DEVICE = {"identifiers", "connections", "manufacturer", "model", "name", "hw_version", "serial_number", "sw_version"}
DEVICE_CLASSES = {"binary_sensor": {"connectivity", "problem", "motion"}, "sensor": {"duration"}}
UNITS = {"duration": {"d", "h", "min", "s", "ms"}}


def check_topic(topic: str) -> None:
    """As util.valid_topic and valid_publish_topic."""
    assert 0 < len(topic.encode()) <= 65_535
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff+#]", topic)


def check_discovery(topic: str, payload: str) -> None:
    """As Home Assistant's schemas: what it needs is there, and nothing that it does not know."""
    prefix, _, rest = topic.partition("/")
    match = TOPIC.fullmatch(rest)
    assert prefix == "homeassistant"
    assert match is not None, topic
    component = match["component"]
    fields: dict[str, Any] = json.loads(payload)
    assert set(fields) <= ENTITY | OF_COMPONENT[component], topic
    assert {"state_topic", "unique_id", "device", "origin", "name", "availability_topic"} <= set(fields)
    for name in ("state_topic", "availability_topic", "json_attributes_topic"):
        check_topic(fields.get(name, "x"))
    assert fields["qos"] in (0, 1, 2)
    assert set(fields["device"]) <= DEVICE
    assert fields["device"]["identifiers"], "a device has at least one identifier"
    assert set(fields["origin"]) <= {"name", "sw_version", "support_url"}
    assert fields["origin"]["name"]
    assert fields.get("entity_category", "diagnostic") in ("diagnostic", "config")
    assert re.fullmatch(r"mdi:[a-z0-9-]+", fields.get("icon", "mdi:x"))
    kind = fields.get("device_class")
    assert kind is None or kind in DEVICE_CLASSES[component]
    assert kind not in UNITS or fields["unit_of_measurement"] in UNITS[kind]
    if "state_class" in fields:
        assert fields["state_class"] in ("measurement", "total", "total_increasing")
    assert component == "sensor" or {"payload_on", "payload_off"} <= set(fields)


LABELS = ("fall", "Turn left", "跌倒", "a/b+c#", "$x", "turn_left", "x" * 256)


@pytest.fixture
def camera() -> discovery.Topics:
    return topics(prefix="vidcls", camera="door-1", labels=LABELS)


def test_messages_are_as_home_assistant_wants_them(camera: discovery.Topics) -> None:
    messages = discovery.discovery(camera, discovery_prefix="homeassistant", model="model.onnx", version="0.1.0")
    for topic, payload in messages.items():
        check_discovery(topic, payload)
    fields = [json.loads(payload) for payload in messages.values()]
    assert len({entity["unique_id"] for entity in fields}) == len(fields) == len(LABELS) + 4
    assert len({json.dumps(entity["device"]) for entity in fields}) == 1


def test_the_check_finds_what_home_assistant_would_not_take(camera: discovery.Topics) -> None:
    messages = discovery.discovery(camera, discovery_prefix="homeassistant", model="model.onnx", version="0.1.0")
    topic, payload = next(iter(messages.items()))
    with pytest.raises(AssertionError):
        check_discovery(topic.replace("label_fall", "label fall"), payload)
    with pytest.raises(AssertionError):
        check_discovery(topic, payload.replace('"unique_id"', '"uniqueid"'))
    with pytest.raises(AssertionError):
        check_discovery(topic, payload.replace("vidcls/status", "vidcls/#"))


def test_states_go_where_the_entities_look(camera: discovery.Topics) -> None:
    messages = discovery.discovery(camera, discovery_prefix="homeassistant", model="m", version="1")
    states = {
        **discovery.label_states(camera, going=["fall", "跌倒"]),
        **discovery.connection_state(camera, is_connected=True),
        **discovery.pace_state(camera, lag_seconds=0.5, answers_per_second=0.94),
        camera.last_event: "{}",
    }
    looked_at = {json.loads(payload)["state_topic"] for payload in messages.values()}
    assert looked_at == set(states)
    assert sum(state == "ON" for state in states.values()) == 3
    for topic in (*states, camera.event, camera.availability):
        check_topic(topic)


def test_each_label_has_a_part_of_a_topic_of_its_own() -> None:
    found = slugs([*LABELS, "turn-left", "TURN LEFT"])
    assert len(set(found.values())) == len(found)
    assert found["fall"] == "fall"
    assert all(re.fullmatch(r"[a-z0-9_]{1,47}", slug) for slug in found.values())
    assert slugs(["跌倒"]) == {"跌倒": found["跌倒"]}  # whatever stands beside it


def test_of_very_many_labels_none_is_an_entity() -> None:
    many = topics(prefix="p", camera="c", labels=[str(number) for number in range(400)])
    messages = discovery.discovery(many, discovery_prefix="homeassistant", model="m", version="1")
    assert len(messages) == 4


def test_what_was_announced_and_is_no_more_is_taken_back() -> None:
    assert withdrawn(["a", "b"], {"b": "{}", "c": "{}"}) == {"a": ""}
