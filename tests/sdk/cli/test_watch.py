"""The command's options and what it says of wrong ones; the watching itself is tests/sdk/watch's."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from commands import run
from vidcls.watch import run as runs
from vidcls.watch.settings import (
    CameraSettings,
    ClipSettings,
    HookSettings,
    MqttSettings,
    PageSettings,
    WatchSettings,
)
from watched import PASSWORD

SECRETS = (
    "VIDCLS_WEBHOOK_URL",
    "VIDCLS_WEBHOOK_TOKEN",
    "VIDCLS_PAGE_TOKEN",
    "VIDCLS_MQTT_USER",
    "VIDCLS_MQTT_PASSWORD",
)


@pytest.fixture(autouse=True)
def no_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*SECRETS, "STATE_DIRECTORY", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def settings_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the command asks `run` to do."""
    asked: list[WatchSettings] = []
    monkeypatch.setattr(runs, "run", lambda settings, **_: asked.append(settings))

    def settings(*words: object) -> WatchSettings:
        run("watch", *words)
        return asked.pop()

    return settings


def test_options_alone(settings_of: Any, tmp_path: Path, clip: Path) -> None:
    found = settings_of(
        "m.onnx", 0, "rtsp://viewer:pw@door.lan:554/live?x=1", "rtsp://door.lan/2", clip, "--mqtt", "[::1]:1884",
        "--region", "0.5,0,1,1", "--crops", "3", "--label", "fall", "--clips", tmp_path / "clips", "--port", 0,
        "--decoder", "opencv", "--device", "cuda:1",
    )  # fmt: skip
    shared: dict[str, Any] = {"region": (0.5, 0.0, 1.0, 1.0), "crops": 3, "labels": ("fall",)}
    assert found == WatchSettings(
        model=Path("m.onnx"),
        cameras=(
            CameraSettings(name="camera-0", source=0, **shared),
            CameraSettings(name="door-lan", source="rtsp://viewer:pw@door.lan:554/live?x=1", **shared),
            CameraSettings(name="door-lan-2", source="rtsp://door.lan/2", **shared),
            CameraSettings(name="clip", source=str(clip), decoder="opencv", **shared),  # the others are live
        ),
        state=tmp_path / ".local/state/vidcls",
        device="cuda:1",
        mqtt=MqttSettings(host="::1", port=1884),
        clips=ClipSettings(folder=tmp_path / "clips"),
        page=PageSettings(port=0),
    )


def test_options_count_more_than_the_file(settings_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDCLS_MQTT_PASSWORD", PASSWORD)
    monkeypatch.setenv("VIDCLS_WEBHOOK_TOKEN", "t0ken")
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "given"))
    config = tmp_path / "watch.toml"
    config.write_text(
        'model = "m.onnx"\nevents = "a.jsonl"\n[[cameras]]\nname = "desk"\nsource = 0\ncrops = 3\n'
        '[mqtt]\nhost = "b.lan"\nuser = "u"\n[webhook]\nurl = "http://h"\n[clips]\nfolder = "c"\nmax_days = 3\n'
    )
    said = settings_of("--config", config)
    assert said.model == tmp_path / "m.onnx"
    assert said.state == tmp_path / "given"
    assert said.mqtt == MqttSettings(host="b.lan", user="u", password=PASSWORD)
    assert said.hook == HookSettings(url="http://h", token="t0ken")  # noqa: S106
    changed = settings_of("n.onnx", 1, "--config", config, "--events", "b.jsonl", "--clips", "d", "--mqtt", "c.lan:1",
                          "--state", "s", "--no-page")  # fmt: skip
    assert (changed.model, changed.events, changed.state) == (Path("n.onnx"), Path("b.jsonl"), Path("s"))
    assert changed.cameras == (CameraSettings(name="camera-1", source=1),)
    assert changed.clips == ClipSettings(folder=Path("d"), max_days=3.0)
    assert changed.mqtt == MqttSettings(host="c.lan", port=1, user="u", password=PASSWORD)
    assert changed.page is None


def test_a_password_that_ffmpeg_can_read_is_no_mistake(settings_of: Any) -> None:
    (camera,) = settings_of("m.onnx", "rtsp://viewer:p[w@door.lan/live").cameras
    assert camera == CameraSettings(name="camera", source="rtsp://viewer:p[w@door.lan/live")


def test_a_token_goes_to_its_own_address_alone(
    settings_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment's address is taken where neither option nor file names one."""
    monkeypatch.setenv("VIDCLS_WEBHOOK_URL", "https://b/y")
    assert settings_of("m.onnx", 0).hook == HookSettings(url="https://b/y")
    config = tmp_path / "watch.toml"
    config.write_text(
        'model = "m.onnx"\n[[cameras]]\nname = "desk"\nsource = 0\n[webhook]\nurl = "https://a/x"\ntoken = "tokA"\n'
    )
    assert settings_of("--config", config).hook == HookSettings(url="https://a/x", token="tokA")  # noqa: S106
    assert settings_of("--config", config, "--webhook", "https://c/z").hook == HookSettings(url="https://c/z")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ([], "MODEL is missing; give the file that vidcls-export wrote, or a --config that names it"),
        (["m.onnx"], "SOURCE is missing; give a camera's number, a URL or a file, or a --config with cameras"),
        (["m.onnx", "gone.mp4"], "camera gone: gone.mp4: there is no such file"),
        (
            ["m.onnx", f"rtsp:/viewer:{PASSWORD}@door.lan/1"],
            "its source is neither a URL, such as rtsp://..., nor a file",
        ),
        (["m.onnx", "0", "--region", "1,2"], "'--region': region is '1,2', expected left,top,right,bottom as shares"),
        (["m.onnx", "0", "--region", "0,0,0,1"], "region is (0.0, 0.0, 0.0, 1.0), expected left less than right"),
        (["m.onnx", "0", "--mqtt", f"u:{PASSWORD}@host"], "--mqtt is no address, expected HOST or HOST:PORT"),
        (["m.onnx", "0", "--host", "0.0.0.0"], "expected a 'page.token' beside it: set VIDCLS_PAGE_TOKEN"),  # noqa: S104
        (
            ["m.onnx", "0", f"http://viewer:[{PASSWORD}@door.lan/1"],
            "'cameras[1].source' is no URL, expected its user and password percent-encoded, such as %5B for [",
        ),
        (["m.onnx", "0", "--webhook", f"ftp://{PASSWORD}"], "the web hook's address cannot be called"),
        (["--config", "gone.toml"], "gone.toml: there is no such file"),
    ],
)
def test_wrong_usage_is_one_sentence(words: list[str], problem: str, tmp_path: Path, model: Path) -> None:
    words = [str(model) if word == "m.onnx" else word for word in words]
    result = run("watch", *words, "--state", tmp_path / "state", code=2)
    sentence = " ".join(result.output.split("Error: ")[1].split())
    assert problem in sentence
    assert PASSWORD not in result.output


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows asks the environment alone")
def test_a_user_without_a_folder_is_asked_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs under any number."""
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 2_999_999_999)
    result = run("watch", "m.onnx", 0, code=2)
    assert "this user has no folder for what was delivered; name one with --state DIR" in " ".join(
        result.output.split()
    )


def test_what_cannot_be_written_to_is_named(model: Path, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("watch", model, clip, "--state", tmp_path / "file" / "state", code=2)
    assert "file/state: the state cannot be kept there (Not a directory); name another" in result.output
    result = run("watch", model, clip, "--state", tmp_path, "--events", tmp_path / "file" / "events", code=2)
    assert "file/events: events cannot be written there (File exists); name another" in result.output


def test_labels_are_the_model_s(model: Path, tmp_path: Path) -> None:
    result = run("watch", model, 0, "--label", "fly", "--state", tmp_path, code=2)
    assert "camera camera-0: the model has no label 'fly'; vidcls info lists those it has" in result.output


def test_without_its_packages_it_says_how_to_install_them(
    model: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(("vidcls.watch", "paho"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    result = run("watch", model, clip, "--state", tmp_path, code=1)
    assert 'pip install "vidcls[live]"' in result.output
    assert len(result.output.splitlines()) == 1


def test_a_number_is_a_camera_by_the_rule_of_predict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "7").symlink_to("gone.mp4")  # something is called so, though nothing can be read from it
    result = run("watch", "m.onnx", "7", "--no-page", code=2)
    assert "camera 7: 7: there is no such file" in " ".join(result.stderr.split())
