"""Everything that decides what `vidcls watch` does, from options or from a file."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from vidcls.errors import ArgumentError
from vidcls.schema import check_fields, shown
from vidcls.schema.bounds import Above, Entries, Range, Text
from vidcls.video.protocols import FETCHED_PROTOCOLS, protocol_of
from vidcls.video.reader import Decoder

# Topics, file names and the page's addresses hold names, so no other character may be in one.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
# Wildcards and empty levels have no place in a topic that is published to.
_PREFIX = re.compile(r"[^+#/\x00]{1,64}(/[^+#/\x00]{1,64})*")


Share = Annotated[float, Range(0, 1)]
Port = Annotated[int, Range(1, 65_535)]


@dataclass(frozen=True, kw_only=True)
class CameraSettings:
    """One source and what counts there.

    name: in topics, file names and on the page: letters, digits, "-" and "_".
    region: (left, top, right, bottom) of the picture that the model sees, as shares; None is all of it.
    crops: 1 or 3, along the region's long side.
    step_seconds: between windows; None is half a window.
    enter_score, leave_score, least_seconds: of events, as `steady_events` takes them; None is the model's own.
    labels: of which events are told; None is all.
    motion: the share of the picture that has to change for a window to be answered anew; 0 answers every one that
        is not bit for bit the same.
    decoder: of a file; cameras and live streams are read by OpenCV.
    """

    name: str
    source: int | str = field(repr=False)
    region: tuple[Share, Share, Share, Share] | None = None
    crops: Annotated[int, Range(1, 3)] = 1
    step_seconds: Annotated[float, Above(0)] | None = None
    timeout_seconds: Annotated[float, Above(0)] = 5.0
    enter_score: Share | None = None
    leave_score: Share | None = None
    least_seconds: Annotated[float, Range(0)] | None = None
    labels: Annotated[tuple[str, ...], Entries(1, 10_000)] | None = None
    motion: Share = 0.0
    decoder: Decoder = "auto"


@dataclass(frozen=True, kw_only=True)
class MqttSettings:
    """A broker. With tls, or a ca_file, TLS is spoken; without, the password goes over the network as it is."""

    host: Annotated[str, Text(1, 255)]
    port: Port = 1883
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    ca_file: Path | None = None
    prefix: str = "vidcls"
    discovery_prefix: str = "homeassistant"


@dataclass(frozen=True, kw_only=True)
class HookSettings:
    """A web hook; token is sent as "Authorization: Bearer ..."."""

    url: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class ClipSettings:
    """Where clips of events are kept, and how much of them: the oldest go first."""

    folder: Path
    max_megabytes: Annotated[float, Above(0)] = 1000.0
    max_days: Annotated[float, Above(0)] = 30.0
    before_seconds: Annotated[float, Range(0, 60)] = 2.0
    after_seconds: Annotated[float, Range(0, 60)] = 1.0


@dataclass(frozen=True, kw_only=True)
class PageSettings:
    """Where the page is served. token: asked for from everyone; needed where the host is not this machine alone.

    names: by which browsers may call the page, beside addresses and this machine's own name.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Range(0, 65_535)] = 8000
    token: str | None = field(default=None, repr=False)
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class WatchSettings:
    """Everything.

    state: the folder in which is written down what was delivered to whom, so that a start after a crash goes on.
    events: a file of JSON lines, one a finished event. feedback: the folder that clips of events marked wrong are
    copied to, one folder a label, as vidcls-train takes it.
    """

    model: Path
    cameras: Annotated[tuple[CameraSettings, ...], Entries(1, 1000)]
    state: Path
    device: str = "auto"
    engine: str = "onnxruntime"
    events: Path | None = None
    hook: HookSettings | None = None
    mqtt: MqttSettings | None = None
    clips: ClipSettings | None = None
    feedback: Path | None = None
    page: PageSettings | None = field(default_factory=PageSettings)


def check_settings(settings: WatchSettings) -> None:
    """Compare everything with its range, and what has to fit together.

    Raises:
        ValueError: the text names the setting by its dotted path.
    """
    check_fields(settings)
    for index, camera in enumerate(settings.cameras):
        _check_camera(camera, place=f"cameras[{index}]")
    for name, times in Counter(camera.name for camera in settings.cameras).items():
        if times > 1:
            raise ArgumentError(f"'cameras' has {times} of the name {name!r}, expected one of each name")
    if settings.mqtt is not None:
        _check_host(settings.mqtt.host)
        if settings.mqtt.password is not None and settings.mqtt.user is None:
            raise ArgumentError("'mqtt.user' is missing, expected one beside 'mqtt.password'")
        for name, prefix in (("prefix", settings.mqtt.prefix), ("discovery_prefix", settings.mqtt.discovery_prefix)):
            if not _PREFIX.fullmatch(prefix):
                raise ArgumentError(f"'mqtt.{name}' is {shown(prefix)}, expected the beginning of a topic, such as a/b")
    page = settings.page
    if page is not None and page.token is None and not is_this_machine(page.host):
        raise ArgumentError(
            f"'page.host' is {shown(page.host)}, which others reach, expected a 'page.token' beside it: "
            "set VIDCLS_PAGE_TOKEN to a long random text"
        )


def is_this_machine(host: str) -> bool:
    """Whether only this machine reaches a server that listens at that host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_host(host: str) -> None:
    """Of a broker; the text does not show it, since it may be a URL that holds a password."""
    try:
        host.encode("idna")
        is_host = re.search(r"[\s/@\x00-\x20\x7f]", host) is None
    except UnicodeError:  # a label that is empty or has more than 63 characters
        is_host = False
    if not is_host:
        raise ArgumentError("'mqtt.host' is no host, expected a name or an address, such as broker.lan")


def _check_camera(camera: CameraSettings, *, place: str) -> None:
    if not _NAME.fullmatch(camera.name):
        raise ArgumentError(
            f"'{place}.name' is {shown(camera.name)}, expected 1 to 64 letters, digits, '-' and '_' of ASCII"
        )
    if camera.crops == 2:
        raise ArgumentError(f"'{place}.crops' is 2, expected 1 or 3")
    if isinstance(camera.source, int) and camera.source < 0:
        raise ArgumentError(
            f"'{place}.source' is {camera.source}, expected a camera's number from 0 on, a URL or a file"
        )
    if camera.source == "":
        raise ArgumentError(f"'{place}.source' is empty, expected a camera's number, a URL or a file")
    if isinstance(camera.source, str) and protocol_of(camera.source) in FETCHED_PROTOCOLS:
        try:
            urlsplit(camera.source)
        except ValueError:  # whose text may hold the password
            raise ArgumentError(
                f"'{place}.source' is no URL, expected its user and password percent-encoded, such as %5B for ["
            ) from None
    if camera.region is not None:
        left, top, right, bottom = camera.region
        if not (left < right and top < bottom):
            raise ArgumentError(
                f"'{place}.region' is {list(camera.region)}, expected [left, top, right, bottom], each less than "
                "its opposite"
            )
    enter, leave = camera.enter_score, camera.leave_score
    if enter is not None and leave is not None and leave > enter:
        raise ArgumentError(f"'{place}.leave_score' is {leave}, expected at most its enter_score, {enter}")
