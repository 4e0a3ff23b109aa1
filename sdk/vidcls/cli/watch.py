"""`vidcls watch`."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from vidcls.cli import options, terminal

if TYPE_CHECKING:
    from vidcls.watch.settings import CameraSettings, HookSettings, MqttSettings, PageSettings, WatchSettings
    from vidcls.watch.toml_file import WatchFile

# Secrets that a file of settings does not give, and that no option can, since every user can list options.
HOOK_URL, HOOK_TOKEN, PAGE_TOKEN = "VIDCLS_WEBHOOK_URL", "VIDCLS_WEBHOOK_TOKEN", "VIDCLS_PAGE_TOKEN"
MQTT_USER, MQTT_PASSWORD = "VIDCLS_MQTT_USER", "VIDCLS_MQTT_PASSWORD"
# What ends it; Windows has no SIGHUP.
_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")
# Options that say something of every camera.
_OF_CAMERAS = (
    *("region", "crops", "step_seconds", "enter_score", "leave_score", "least_seconds", "labels", "motion"),
    "decoder",
)


def _file(ending: str) -> click.Path:
    return click.Path(path_type=Path, dir_okay=False) if ending == "file" else click.Path(path_type=Path)


@click.command(
    epilog=options.examples(
        "vidcls watch model.onnx 0",
        "vidcls watch model.onnx rtsp://door.lan/live --mqtt homeassistant.lan",
        "vidcls watch --config watch.toml",
    )
)
@click.argument("model", type=click.Path(path_type=Path), required=False)
@click.argument("sources", metavar="[SOURCE]...", nargs=-1, type=click.Path())
@click.option("--config", type=_file("file"), help="Settings, TOML; options given here count more.")
@click.option("--host", help="Where the page listens; default: 127.0.0.1, this machine alone.")
@click.option("--port", type=click.IntRange(0, 65535), help="The page's port; default: 8000. 0 takes a free one.")
@click.option("--name", "names", multiple=True, help="A name by which browsers may call the page, such as camera.lan.")
@click.option("--no-page", is_flag=True, help="Serve no page.")
@click.option("--events", type=_file("file"), help="Append each finished event to this file, as a line of JSON.")
@click.option("--webhook", help="POST events to this URL; default: VIDCLS_WEBHOOK_URL.")
@click.option("--mqtt", metavar="HOST[:PORT]", help="Publish events there; Home Assistant finds the cameras.")
@click.option("--clips", type=_file("folder"), help="Keep a short clip of each event in this folder.")
@click.option("--feedback", type=_file("folder"), help="Copy clips of events marked wrong here, for vidcls-train.")
@click.option("--state", type=_file("folder"), help="What was delivered; default: ~/.local/state/vidcls.")
@options.region_option("The part of the picture to look at, as shares: 0.5,0,1,1.")
@click.option("--crops", type=click.Choice(["1", "3"]), help="Crops of each frame: the middle, or three.")
@click.option("--step-seconds", type=click.FloatRange(min=0, min_open=True), help="Between windows; default: half one.")
@click.option("--enter-score", type=click.FloatRange(0, 1), help="An event begins at it; default: the model's own.")
@click.option("--leave-score", type=click.FloatRange(0, 1), help="An event ends below it; default: the model's own.")
@click.option("--least-seconds", type=click.FloatRange(min=0), help="How long one lasts at least; default: the same.")
@click.option("--label", "labels", multiple=True, help="Of which labels events are told; default: all.")
@click.option("--motion", type=click.FloatRange(0, 1), help="Share of the picture that has to change; default: 0.")
@click.option("--decoder", type=options.DECODERS, help="Of files; cameras are read by OpenCV. Default: auto.")
@options.device_option("Default: auto, CUDA where it works; cuda:1 is the second of several cards.", default=None)
@click.option("--engine", type=options.ENGINES, help="Default: onnxruntime.")
def watch(model: Path | None, sources: tuple[str, ...], config: Path | None, **given: Any) -> None:
    """Watch cameras for good: a page, and events to a file, a web hook, MQTT and as clips.

    SOURCE is a camera's number, an rtsp:// or http:// URL, or a file, which is played at its own pace, for trying it
    out; at its end that source is over. MODEL and SOURCE may stand in the file of --config, in which each camera can
    have a name, a region, scores and labels of its own.

    Every finished event is written down before anyone is told, and reaches web hook and broker also after a crash:
    start it again with the same --state. Ctrl-C or SIGTERM ends it within 8 seconds, the events that go on with it;
    the exit code is then 0.

    Secrets are read from the environment: VIDCLS_MQTT_USER and VIDCLS_MQTT_PASSWORD, VIDCLS_WEBHOOK_TOKEN,
    VIDCLS_PAGE_TOKEN, which a page on another --host needs, and ${NAME} anywhere in a text of the file.
    """
    with terminal.exit_codes(), _stopped_by_signals() as is_stopped:
        from vidcls.watch.run import run
        from vidcls.watch.settings import check_settings
        from vidcls.watch.toml_file import WatchFile, read_file

        said = WatchFile() if config is None else read_file(config)
        settings = _settings(said, model=model, sources=sources, given=given)
        check_settings(settings)
        _check_files(settings.cameras)
        count = len(settings.cameras)
        watching = f"watching {count} camera{'s' if count > 1 else ''}"
        run(
            settings,
            is_stopped=is_stopped,
            on_ready=lambda url: terminal.note(f"{watching}{f'; the page is {url}' if url else ''}; Ctrl-C ends it"),
        )


@contextmanager
def _stopped_by_signals() -> Iterator[Callable[[], bool]]:
    """Whether a signal asked for the end; what the block had to do then is done first, and the exit code is 0."""
    stopped = threading.Event()

    def stop(*_: int | FrameType | None) -> None:
        stopped.set()

    kinds = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
    is_main = threading.current_thread() is threading.main_thread()
    before = {kind: signal.getsignal(kind) for kind in kinds if is_main and signal.getsignal(kind) != signal.SIG_IGN}
    for kind in before:
        signal.signal(kind, stop)
    try:
        yield stopped.is_set
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _settings(
    said: WatchFile, *, model: Path | None, sources: Sequence[str], given: Mapping[str, Any]
) -> WatchSettings:
    """What the options say, and for the rest the file."""
    from vidcls.errors import ArgumentError
    from vidcls.watch.settings import ClipSettings, WatchSettings

    if (model or said.model) is None:
        raise ArgumentError("MODEL is missing; give the file that vidcls-export wrote, or a --config that names it")
    cameras = _named(sources) or said.cameras
    if not cameras:
        raise ArgumentError("SOURCE is missing; give a camera's number, a URL or a file, or a --config with cameras")
    clips = said.clips
    if given["clips"] is not None:
        clips = ClipSettings(folder=given["clips"]) if clips is None else replace(clips, folder=given["clips"])
    return WatchSettings(
        model=model or said.model,  # type: ignore[arg-type]
        cameras=tuple(replace(camera, **_of_camera(camera, given)) for camera in cameras),
        state=given["state"] or said.state or _default_state(os.environ),
        device=given["device"] or said.device or "auto",
        engine=given["engine"] or said.engine or "onnxruntime",
        events=given["events"] or said.events,
        hook=_hook(said.webhook, given["webhook"]),
        mqtt=_mqtt(said.mqtt, given["mqtt"]),
        clips=clips,
        feedback=given["feedback"] or said.feedback,
        page=None if given["no_page"] else _page(said.page, given),
    )


def _named(sources: Sequence[str]) -> tuple[CameraSettings, ...]:
    """The sources of the command line, by the names of their hosts and files."""
    from vidcls.inputs.sources import typed_source
    from vidcls.watch.settings import CameraSettings

    counted: Counter[str] = Counter()
    cameras = []
    for source in map(typed_source, sources):
        name = f"camera-{source}" if isinstance(source, int) else _plain_name(source)
        name = name.strip("-")[:50] or "camera"
        counted[name] += 1
        name = name if counted[name] == 1 else f"{name}-{counted[name]}"
        cameras.append(CameraSettings(name=name, source=source))
    return tuple(cameras)


def _plain_name(source: str) -> str:
    try:
        host = urlsplit(source).hostname if "://" in source else None
    except ValueError:  # brackets in its password: what cannot be opened so is refused with all settings
        return ""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", host or Path(source).stem)


def _of_camera(camera: CameraSettings, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the options say of every camera; the decoder only of those that are files."""
    from vidcls.video.source import is_live

    found = {name: given[name] for name in _OF_CAMERAS if given[name] not in (None, ())}
    if "crops" in found:
        found["crops"] = int(found["crops"])
    if is_live(camera.source):
        found.pop("decoder", None)
    return found


def _hook(said: HookSettings | None, url: str | None) -> HookSettings | None:
    """The option's, else the file's, else the environment's; a token of the file goes to the file's address alone."""
    from vidcls.watch.settings import HookSettings

    url = url if url is not None or said is not None else os.environ.get(HOOK_URL) or None
    hook = said if url is None else HookSettings(url=url)
    return hook if hook is None or hook.token else replace(hook, token=os.environ.get(HOOK_TOKEN) or None)


def _mqtt(said: MqttSettings | None, place: str | None) -> MqttSettings | None:
    from vidcls.errors import ArgumentError
    from vidcls.watch.settings import MqttSettings

    mqtt = said
    if place is not None:
        found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:/@\s]+)(?::([0-9]{1,5}))?", place)
        if found is None:  # what it is may hold a password
            raise ArgumentError("--mqtt is no address, expected HOST or HOST:PORT; user and password: see --help")
        mqtt = replace(mqtt or MqttSettings(host=""), host=found[1].strip("[]"))
        mqtt = mqtt if found[2] is None else replace(mqtt, port=int(found[2]))
    if mqtt is None:
        return None
    user = mqtt.user or os.environ.get(MQTT_USER) or None
    return replace(mqtt, user=user, password=mqtt.password or (user and os.environ.get(MQTT_PASSWORD)) or None)


def _page(said: PageSettings | None, given: Mapping[str, Any]) -> PageSettings:
    from vidcls.watch.settings import PageSettings

    page = said or PageSettings()
    fields = {name: given[name] for name in ("host", "port", "names") if given[name] not in (None, ())}
    return replace(page, **fields, token=page.token or os.environ.get(PAGE_TOKEN) or None)


def _default_state(environment: Mapping[str, str]) -> Path:
    """Where systemd says, else the user's own folder for what programs remember."""
    from vidcls.errors import ArgumentError

    if environment.get("STATE_DIRECTORY"):
        return Path(environment["STATE_DIRECTORY"].split(":")[0])
    if environment.get("XDG_STATE_HOME"):
        return Path(environment["XDG_STATE_HOME"]) / "vidcls"
    try:
        return Path.home() / ".local" / "state" / "vidcls"
    except RuntimeError:
        raise ArgumentError("this user has no folder for what was delivered; name one with --state DIR") from None


def _check_files(cameras: Sequence[CameraSettings]) -> None:
    """So that a name that was mistyped is said at once, and not waited for as for a camera that is off."""
    from vidcls.errors import ArgumentError
    from vidcls.files.kinds import why_no_file
    from vidcls.video.source import is_url

    for camera in cameras:
        if isinstance(camera.source, str) and not is_url(camera.source):
            problem = why_no_file(Path(camera.source))
            if problem is not None and re.search(r"@|:/", camera.source):  # a URL that went wrong may hold a password
                raise ArgumentError(
                    f"camera {camera.name}: its source is neither a URL, such as rtsp://..., nor a file that is there"
                )
            if problem is not None:
                raise ArgumentError(f"camera {camera.name}: {camera.source}: {problem}")
