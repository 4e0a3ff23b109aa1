"""A file of settings -> what it says, strictly: the only module that reads TOML ([live] where Python has no tomllib).

Of a text, "${NAME}" stands for the environment variable NAME, anywhere in it and as often as it is there; everything
else is what it says. So secrets need not stand in the file. Relative paths are those of the folder that the file is in,
and "~" is the user's own.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from vidcls.errors import ArgumentError, DependencyError
from vidcls.files.kinds import why_no_file
from vidcls.printable import printable
from vidcls.schema import FieldError, read_fields
from vidcls.video.protocols import is_url
from vidcls.watch.settings import CameraSettings, ClipSettings, HookSettings, MqttSettings, PageSettings

if sys.version_info >= (3, 11):
    import tomllib
else:
    try:
        import tomli as tomllib
    except ImportError as problem:
        raise DependencyError(
            f"tomli cannot be imported ({problem}); install it with 'pip install \"vidcls[live]\"'"
        ) from problem

T = TypeVar("T")

# More than a file of a thousand cameras has.
_MAX_BYTES = 4 << 20
# A field that is a secret, or may be a text that holds one.
_MAY_SHOW_SECRETS = re.compile(
    r"^('(?:webhook|mqtt|page|cameras(?:\[\d+\])?|[^']*\.(?:password|token|url|user|source))') is .*, expected ",
    re.DOTALL,
)
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, kw_only=True)
class WatchFile:
    """What a file of settings may say; None is what it does not say. The rest is as in WatchSettings."""

    model: Path | None = None
    device: str | None = None
    engine: Literal["onnxruntime", "openvino"] | None = None
    state: Path | None = None
    events: Path | None = None
    feedback: Path | None = None
    cameras: tuple[CameraSettings, ...] = ()
    webhook: HookSettings | None = None
    mqtt: MqttSettings | None = None
    clips: ClipSettings | None = None
    page: PageSettings | None = None


def read_file(path: Path, *, environment: Mapping[str, str] = os.environ) -> WatchFile:
    """Read a file of settings.

    Raises:
        ValueError: it cannot be read, or a key is unknown, missing, of another type or out of its range; or it names
            an environment variable that is not set. The text names the file and the key, and no secret.
    """
    said = _parsed(path)
    try:
        found = read_fields(WatchFile, _filled_in(said, environment, name=""))
    except FieldError as error:
        raise ArgumentError(f"{path}: {_without_secrets(str(error))}") from None
    is_tls = found.mqtt is not None and (found.mqtt.tls or found.mqtt.ca_file is not None)
    if found.mqtt is not None and is_tls and "port" not in said["mqtt"]:
        found = replace(found, mqtt=replace(found.mqtt, port=8883))  # where brokers listen for TLS
    return _placed(found, path.parent)


def _parsed(path: Path) -> dict[str, Any]:
    problem = why_no_file(path)
    if problem is not None:
        raise ArgumentError(f"{path}: {problem}")
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ArgumentError(f"{path}: is far larger than a file of settings, expected at most 4 MB of TOML")
        said: dict[str, Any] = tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise ArgumentError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ArgumentError(f"{path}: is not TOML, expected text in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ArgumentError(f"{path}: is not TOML ({printable(str(error))})") from None
    except RecursionError:
        raise ArgumentError(f"{path}: is nested too deeply for a file of settings") from None
    return said


def _filled_in(value: Any, environment: Mapping[str, str], *, name: str) -> Any:
    """`value` with the environment's variables in its texts."""
    if isinstance(value, dict):
        return {
            key: _filled_in(item, environment, name=f"{name}.{key}" if name else key) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_filled_in(item, environment, name=f"{name}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: _variable(found[1], environment, name=name), value)
    return value


def _variable(variable: str, environment: Mapping[str, str], *, name: str) -> str:
    if not environment.get(variable):
        raise FieldError(f"'{printable(name)}' needs the environment variable {variable}, which is not set")
    return environment[variable]


def _without_secrets(message: str) -> str:
    """What is wrong with a field, in TOML's words, without what it says where that may be a secret."""
    message = _MAY_SHOW_SECRETS.sub(r"\1 is of another kind, expected ", message)
    return message.replace("expected an object", "expected a table")


def _placed(value: T, folder: Path) -> T:
    """`value` with its relative paths below the file's folder, and a camera's file too."""
    if isinstance(value, Path):
        try:
            return folder / value.expanduser()
        except RuntimeError:
            raise ArgumentError(
                f"{printable(str(value))}: whose folder that is, is not known; write it out from / on"
            ) from None
    if isinstance(value, CameraSettings):
        is_path = isinstance(value.source, str) and value.source and not is_url(value.source)
        return replace(value, source=str(folder / str(value.source))) if is_path else value
    if isinstance(value, tuple):
        return tuple(_placed(item, folder) for item in value)  # type: ignore[return-value]
    if not is_dataclass(value) or isinstance(value, type):
        return value
    placed = {field.name: _placed(getattr(value, field.name), folder) for field in fields(value)}
    return replace(value, **placed)
