"""The broker's side, on a real mosquitto on loopback: passwords, TLS, deaths of the broker, Home Assistant's starts."""

from __future__ import annotations

import json
import logging
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from slow import slow
from vidcls.watch import delivery as deliveries
from vidcls.watch import discovery
from vidcls.watch.delivery import Delivery
from vidcls.watch.journal import Journal
from vidcls.watch.mqtt import Broker
from vidcls.watch.settings import MqttSettings
from watched import PASSWORD, USER, Mosquitto, Subscriber, finished, wait_for

WRONG = "wr0ng"
# How long a broker's end may take on a busy machine; a second or two elsewhere, and for ever where it waits.
CLOSE_SECONDS = 10.0
SOON = 60.0
CAMERA = discovery.topics(prefix="vidcls", camera="door", labels=["fall", "walk"])
ANNOUNCED = discovery.discovery(CAMERA, discovery_prefix="homeassistant", model="model.onnx", version="1")


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    started: list[Mosquitto] = []

    def start(**kind: Any) -> Mosquitto:
        folder = tmp_path / f"broker{len(started)}"
        folder.mkdir()
        started.append(Mosquitto(folder, **kind))
        return started[-1]

    yield start
    for broker in started:
        broker.kill()


@contextmanager
def connected(port: int, memory: Path, **kind: Any) -> Iterator[Broker]:
    broker = Broker(MqttSettings(host="127.0.0.1", port=port, **kind), memory=memory)
    try:
        yield broker
    finally:
        started = time.monotonic()
        broker.close()
        assert time.monotonic() - started < CLOSE_SECONDS


def event(number: int) -> bytes:
    return json.dumps(finished(number).to_dict()).encode()


def ticking(broker: Broker, is_so: Callable[[], Any]) -> None:
    """Until that is so, the way the loop asks."""

    def ask() -> Any:
        broker.tick()
        return is_so()

    wait_for(ask)


def test_states_are_retained_and_said_again_when_home_assistant_starts(
    tmp_path: Path, mosquitto: Callable[..., Mosquitto]
) -> None:
    port = mosquitto().port
    with Subscriber(port) as home, connected(port, tmp_path / "memory.json") as broker:
        broker.announce(ANNOUNCED)
        broker.retain(discovery.label_states(CAMERA, going=["fall"]))
        ticking(broker, lambda: home.last("vidcls/door/label/fall") == "ON")
        assert home.last("vidcls/status") == "online"
        for topic, payload in ANNOUNCED.items():
            assert home.last(topic) == payload
        broker.retain(discovery.label_states(CAMERA, going=[]))
        wait_for(lambda: home.last("vidcls/door/label/fall") == "OFF")

        home.heard.clear()
        home.client.publish("homeassistant/status", "online", qos=1)
        ticking(broker, lambda: home.last("vidcls/door/label/walk") == "OFF")
        assert {topic for topic, _, _ in home.heard} >= set(ANNOUNCED)
        assert broker.send_event(event(1), SOON) is None
        assert json.loads(home.last(CAMERA.event) or "") == finished(1).to_dict()
    with Subscriber(port, name="later") as later:
        wait_for(lambda: later.last("vidcls/status") == "offline")
        wait_for(lambda: later.last(CAMERA.last_event) is not None)
        assert all(is_retained for _, _, is_retained in later.heard)
        assert later.last(CAMERA.event) is None


def test_only_what_is_acknowledged_is_taken(tmp_path: Path, mosquitto: Callable[..., Mosquitto]) -> None:
    server = mosquitto()
    with Subscriber(server.port, topic=CAMERA.event) as home, connected(server.port, tmp_path / "memory") as broker:
        assert broker.send_event(event(1), SOON) is None
        server.pause()
        assert broker.send_event(event(2), 0.3) is not None
        assert broker.send_event(event(2), 0.3) is not None
        server.go_on()
        assert broker.send_event(event(2), SOON) is None
        wait_for(lambda: len(home.heard) == 2)
        time.sleep(0.2)
    assert [json.loads(payload)["id"] for _, payload, _ in home.heard] == [finished(1).id, finished(2).id]


class OneWay:
    """Between a client and a broker: what the broker says is swallowed once `is_deaf` is set."""

    def __init__(self, port: int) -> None:
        self._port, self.is_deaf = port, False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with (
            self._listener,
            self._listener.accept()[0] as client,
            socket.create_connection(("127.0.0.1", self._port)) as broker,
        ):
            back = threading.Thread(target=self._answer, args=(broker, client))
            back.start()
            while said := client.recv(4096):
                broker.sendall(said)
            broker.shutdown(socket.SHUT_RDWR)
            back.join()

    def _answer(self, broker: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while said := broker.recv(4096):
                if not self.is_deaf:
                    client.sendall(said)


def test_a_broker_that_acknowledges_nothing_says_by_itself_that_it_is_over(
    tmp_path: Path, mosquitto: Callable[..., Mosquitto]
) -> None:
    port = mosquitto().port
    between = OneWay(port)
    with Subscriber(port, topic="vidcls/status") as home, connected(between.port, tmp_path / "memory") as broker:
        wait_for(lambda: home.last("vidcls/status") == "online")
        between.is_deaf = True
        broker.retain({f"vidcls/door/{number}": "1" for number in range(100)})  # 20 are under way, the others wait
    with Subscriber(port, topic="vidcls/status", name="later") as later:
        wait_for(lambda: later.last("vidcls/status") == "offline")


@slow
def test_what_is_no_more_is_taken_back_at_the_next_start(tmp_path: Path, mosquitto: Callable[..., Mosquitto]) -> None:
    port, memory = mosquitto().port, tmp_path / "memory.json"
    gone = next(topic for topic in ANNOUNCED if "label_walk" in topic)
    with connected(port, memory) as broker:
        broker.announce(ANNOUNCED)
        ticking(broker, memory.exists)
    name = json.loads(memory.read_text())["client_id"]
    with Subscriber(port) as home, connected(port, memory) as broker:
        broker.announce({topic: payload for topic, payload in ANNOUNCED.items() if topic != gone})
        ticking(broker, lambda: home.last(gone) == "")
    assert json.loads(memory.read_text())["client_id"] == name


def test_no_event_is_lost_where_the_broker_dies(
    tmp_path: Path,
    mosquitto: Callable[..., Mosquitto],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(deliveries, "CALL_SECONDS", 0.5)
    server = mosquitto()
    journal = Journal(tmp_path / "events", positions=tmp_path / "positions", receivers=["mqtt"], max_bytes=None)
    with Subscriber(server.port, topic="vidcls/door/#") as home, connected(server.port, tmp_path / "memory") as broker:
        delivery = Delivery("mqtt", journal, broker.send_event, shown="broker", last_pause_seconds=0.1)
        broker.retain(discovery.label_states(CAMERA, going=["fall"]))
        for number in range(9):
            if number in (3, 6):
                wait_for(lambda: delivery.waiting == 0)
                server.stop() if number == 3 else server.kill()
            if number in (5, 8):
                server.start()
            for entry in journal.append(finished(number)):
                delivery.put_final(entry)
        broker.retain(discovery.label_states(CAMERA, going=[]))  # while it is connecting anew
        ticking(broker, lambda: delivery.waiting == 0)
        ticking(broker, lambda: home.last(CAMERA.label("fall")) == "OFF")
        wait_for(lambda: len(set(home.all_of(CAMERA.event))) == 9)
        delivery.end(seconds=1)
        delivery.close()
    told = [int(json.loads(payload)["id"], 16) for payload in home.all_of(CAMERA.event)]
    assert sorted(set(told)) == list(range(9))
    assert [number for at, number in enumerate(told) if number not in told[:at]] == list(range(9))  # in order
    assert any("the connection is lost" in message for message in caplog.messages)
    assert any("is connected again" in message for message in caplog.messages)


@slow
def test_user_and_password(
    tmp_path: Path, mosquitto: Callable[..., Mosquitto], caplog: pytest.LogCaptureFixture
) -> None:
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto is not installed")
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", passwords, USER, PASSWORD], check=True, capture_output=True)
    port = mosquitto(lines=("allow_anonymous false", f"password_file {passwords}")).port
    with connected(port, tmp_path / "m", user=USER, password=PASSWORD) as broker:
        assert broker.send_event(event(1), SOON) is None
    with caplog.at_level(logging.DEBUG), connected(port, tmp_path / "m", user=USER, password=WRONG) as broker:
        wait_for(lambda: caplog.records)
        problem = broker.send_event(event(2), 1.0)
        assert problem is not None
        assert problem.kind == "unreachable"
    assert [record.getMessage() for record in caplog.records] == [
        f"mqtt://127.0.0.1:{port}: refuses the connection (Not authorized); it is tried again"
    ]
    assert WRONG not in repr(MqttSettings(host="x", user=USER, password=WRONG))


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """ca.pem, server.pem and server.key of a CA made here, and other.pem of another."""
    folder = tmp_path / "certificates"
    folder.mkdir()

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    for name in ("ca", "other"):
        openssl("req", "-x509", *key, "-keyout", f"{name}.key", "-out", f"{name}.pem",
                "-days", "2", "-subj", f"/CN={name}")  # fmt: skip
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=x")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-out", "server.pem", "-days", "2", "-extfile", "names")  # fmt: skip
    return folder


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # paho forgets a socket whose handshake fails
def test_tls(
    tmp_path: Path, mosquitto: Callable[..., Mosquitto], certificates: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = (
        f"cafile {certificates}/ca.pem",
        f"certfile {certificates}/server.pem",
        f"keyfile {certificates}/server.key",
    )
    port = mosquitto(lines=("allow_anonymous true", *files)).port
    with connected(port, tmp_path / "m", tls=True, ca_file=certificates / "ca.pem") as broker:
        assert broker.send_event(event(1), SOON) is None
    with connected(port, tmp_path / "m", tls=True, ca_file=certificates / "other.pem") as broker:
        wait_for(lambda: [message for message in caplog.messages if "certificate is not accepted" in message])
        assert broker.send_event(event(1), 1.0) is not None
    with pytest.raises(ValueError, match=r"mqtt\.ca_file: .*nowhere\.pem cannot be used"):
        Broker(MqttSettings(host="x", tls=True, ca_file=tmp_path / "nowhere.pem"), memory=tmp_path / "m")
    with pytest.raises(ValueError, match=r"mqtt\.ca_file: .*server\.key cannot be used"):
        Broker(MqttSettings(host="x", tls=True, ca_file=certificates / "server.key"), memory=tmp_path / "m")


@slow
def test_a_broker_that_is_not_there_holds_nothing_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with connected(9, tmp_path / "memory") as broker:
        broker.retain({"a": "b"})
        broker.tick()
        wait_for(lambda: caplog.messages)
        started = time.monotonic()
        assert broker.send_event(event(1), 0.5) is not None
        assert time.monotonic() - started < CLOSE_SECONDS
    assert caplog.messages == ["mqtt://127.0.0.1:9: cannot be reached (Connection refused); it is tried again"]
