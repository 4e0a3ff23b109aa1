"""Everything that decides what `vidcls watch` does, from options or from a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


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
    """

    name: str
    source: int | str
    region: tuple[float, float, float, float] | None = None
    crops: int = 1
    step_seconds: float | None = None
    timeout_seconds: float = 5.0
    enter_score: float | None = None
    leave_score: float | None = None
    least_seconds: float | None = None
    labels: tuple[str, ...] | None = None
    motion: float = 0.0


@dataclass(frozen=True, kw_only=True)
class MqttSettings:
    """A broker. Without tls the password goes over the network as it is."""

    host: str
    port: int = 1883
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
    max_megabytes: float = 1000.0
    max_days: float = 30.0
    before_seconds: float = 2.0
    after_seconds: float = 1.0


@dataclass(frozen=True, kw_only=True)
class PageSettings:
    """Where the page is served. token: asked for from everyone; needed where the host is not this machine alone.

    names: by which browsers may call the page, beside addresses and this machine's own name.
    """

    host: str = "127.0.0.1"
    port: int = 8000
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
    cameras: tuple[CameraSettings, ...]
    state: Path
    device: str = "auto"
    engine: str = "onnxruntime"
    events: Path | None = None
    hook: HookSettings | None = None
    mqtt: MqttSettings | None = None
    clips: ClipSettings | None = None
    feedback: Path | None = None
    page: PageSettings | None = field(default_factory=PageSettings)
