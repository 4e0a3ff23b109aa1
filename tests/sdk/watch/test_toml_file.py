"""Files of settings, as they are and with what is wrong with them said in one sentence that shows no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidcls.watch.settings import (
    CameraSettings,
    ClipSettings,
    HookSettings,
    MqttSettings,
    PageSettings,
    WatchSettings,
    check_settings,
)
from vidcls.watch.toml_file import WatchFile, read_file
from watched import PASSWORD

WHOLE = """
model = "model.onnx"
state = "/var/lib/vidcls"
device = "cpu"

[[cameras]]
name = "door"
source = "rtsp://viewer:${DOOR}@door.lan/live"
region = [0, 0.25, 0.5, 1.0]
crops = 3
labels = ["fall"]
enter_score = 0.7
leave_score = 0.5

[[cameras]]
name = "desk"
source = 0

[[cameras]]
name = "film"
source = "clips/film.mp4"
decoder = "pyav"

[webhook]
url = "https://hooks.example/${KEY}?a=$b"

[mqtt]
host = "broker.lan"
user = "vidcls"
password = "${DOOR}"
tls = true
ca_file = "ca.pem"

[clips]
folder = "clips"
max_days = 7

[page]
port = 0
names = ["camera.lan"]
"""


def read(tmp_path: Path, text: str) -> WatchFile:
    path = tmp_path / "watch.toml"
    path.write_text(text, encoding="utf-8")
    return read_file(path, environment={"DOOR": PASSWORD, "KEY": "k/e", "EMPTY": ""})


def test_everything_is_read_and_secrets_come_from_the_environment(tmp_path: Path) -> None:
    assert read(tmp_path, WHOLE) == WatchFile(
        model=tmp_path / "model.onnx",
        state=Path("/var/lib/vidcls"),
        device="cpu",
        cameras=(
            CameraSettings(
                name="door",
                source=f"rtsp://viewer:{PASSWORD}@door.lan/live",
                region=(0.0, 0.25, 0.5, 1.0),
                crops=3,
                labels=("fall",),
                enter_score=0.7,
                leave_score=0.5,
            ),
            CameraSettings(name="desk", source=0),
            CameraSettings(name="film", source=str(tmp_path / "clips/film.mp4"), decoder="pyav"),
        ),
        webhook=HookSettings(url="https://hooks.example/k/e?a=$b"),
        mqtt=MqttSettings(
            host="broker.lan", port=8883, user="vidcls", password=PASSWORD, tls=True, ca_file=tmp_path / "ca.pem"
        ),
        clips=ClipSettings(folder=tmp_path / "clips", max_days=7.0),
        page=PageSettings(port=0, names=("camera.lan",)),
    )


def test_no_secret_is_in_a_repr(tmp_path: Path) -> None:
    assert PASSWORD in str(read(tmp_path, WHOLE).cameras[0].source)
    assert PASSWORD not in repr(read(tmp_path, WHOLE))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("modell = 'm.onnx'", "the field 'modell' is unknown"),
        ("[mqtt]\nport = 1883", "the field 'mqtt.host' is missing"),
        ("[mqtt]\nhost = 'b'\npasword = 's3cr3t-p4ss'", "the field 'mqtt.pasword' is unknown"),
        ("[mqtt]\nhost = 'b'\nport = 70000", "'mqtt.port' is 70000, expected from 1 to 65535"),
        ("[mqtt]\nhost = 'b'\nuser = 'u'\npassword = '${NOWHERE}'",
         "'mqtt.password' needs the environment variable NOWHERE, which is not set"),
        ("[mqtt]\nhost = 'b'\npassword = '${EMPTY}'",
         "'mqtt.password' needs the environment variable EMPTY, which is not set"),
        ("[mqtt]\nhost = 'b'\npassword = 83745", "'mqtt.password' is of another kind, expected a text"),
        ("mqtt = 'mqtt://u:s3cr3t-p4ss@b'", "'mqtt' is of another kind, expected a table"),
        ("webhook = 'https://${DOOR}'", "'webhook' is of another kind, expected a table"),
        ("cameras = ['rtsp://u:s3cr3t-p4ss@b']", "'cameras[0]' is of another kind, expected a table"),
        ("[[cameras]]\nname = 'a'", "the field 'cameras[0].source' is missing"),
        ("[[cameras]]\nname = 'a'\nsource = 1.5",
         "'cameras[0].source' is of another kind, expected a whole number or a text"),
        ("[[cameras]]\nname = 'a'\nsource = 0\ncrops = '3'", "'cameras[0].crops' is '3', expected a whole number"),
        ("[[cameras]]\nname = 'a'\nsource = 0\nregion = [0, 0, 1]", "'cameras[0].region' has 3 entries, expected 4"),
        ("[[cameras]]\nname = 'a'\nsource = 0\nregion = [0, 0, 1, 100]",
         "'cameras[0].region[3]' is 100.0, expected from 0 to 1"),
        ("engine = 'tensorrt'", "'engine' is 'tensorrt', expected one of: \"onnxruntime\", \"openvino\""),
        ("model = 2026-11-29", "'model' is datetime.date(2026, 11, 29), expected a path as a text"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the whole text is compared
        read(tmp_path, text)
    assert str(error.value) == f"{tmp_path / 'watch.toml'}: {problem}"


def test_files_that_are_none(tmp_path: Path) -> None:
    for text in ("model = ", "a = 1\na = 2", "password = 's3cr3t-p4ss' x"):
        with pytest.raises(
            ValueError, match=r"watch\.toml: is not TOML \(.*(line 1|line 2|end of document).*\)"
        ) as error:
            read(tmp_path, text)
        assert PASSWORD not in str(error.value)
    with pytest.raises(ValueError, match="there is no such file"):
        read_file(tmp_path / "gone.toml")
    (tmp_path / "latin.toml").write_bytes(b"model = '\xfc'")
    with pytest.raises(ValueError, match="expected text in UTF-8"):
        read_file(tmp_path / "latin.toml")
    with pytest.raises(ValueError, match="expected at most 4 MB"):
        read(tmp_path, "#" * (5 << 20))


DOOR = CameraSettings(name="door", source=0)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"cameras": (DOOR, DOOR)}, "'cameras' has 2 of the name 'door', expected one of each name"),
        ({"cameras": (CameraSettings(name="a/b", source=0),)},
         "'cameras[0].name' is 'a/b', expected 1 to 64 letters, digits, '-' and '_' of ASCII"),
        ({"cameras": (CameraSettings(name="a", source=0, crops=2),)}, "'cameras[0].crops' is 2, expected 1 or 3"),
        ({"cameras": (CameraSettings(name="a", source=0, region=(0.5, 0, 0.5, 1)),)},
         "'cameras[0].region' is [0.5, 0, 0.5, 1], expected [left, top, right, bottom], each less than its opposite"),
        ({"cameras": (CameraSettings(name="a", source=0, enter_score=0.4, leave_score=0.5),)},
         "'cameras[0].leave_score' is 0.5, expected at most its enter_score, 0.4"),
        ({"cameras": (CameraSettings(name="a", source=0, timeout_seconds=0),)},
         "'cameras[0].timeout_seconds' is 0, expected more than 0"),
        ({"mqtt": MqttSettings(host="b", prefix="a/+")}, "'mqtt.prefix' is 'a/+', expected the beginning of a topic, "
         "such as a/b"),
        ({"mqtt": MqttSettings(host="b", password=PASSWORD)},
         "'mqtt.user' is missing, expected one beside 'mqtt.password'"),
        *(
            ({"mqtt": MqttSettings(host=host)},
             "'mqtt.host' is no host, expected a name or an address, such as broker.lan")
            for host in ("broker..lan", "b" * 64, ".lan", "a b", " ", "mqtt://u:s3cr3t-p4ss@broker.lan", "u@b")
        ),
        ({"page": PageSettings(host="0.0.0.0")}, "'page.host' is '0.0.0.0', which others reach, expected a "  # noqa: S104
         "'page.token' beside it: set VIDCLS_PAGE_TOKEN to a long random text"),
        ({"cameras": ()}, "'cameras' has 0 entries, expected 1 to 1,000 entries"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_one_sentence(settings: dict[str, object], problem: str) -> None:
    fields = {"model": Path("m"), "state": Path("s"), "cameras": (DOOR,), **settings}
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the whole text is compared
        check_settings(WatchSettings(**fields))  # type: ignore[arg-type]
    assert str(error.value) == problem


def test_a_users_folder_that_nobody_knows_is_named(tmp_path: Path) -> None:
    file = tmp_path / "watch.toml"
    file.write_text('state = "~nobody-of-that-name/state"\n')
    with pytest.raises(ValueError, match=r"^~nobody-of-that-name/state: whose folder that is, is not known"):
        read_file(file)


@pytest.mark.parametrize(
    ("lines", "port"),
    [("", 1883), ("tls = true", 8883), ("ca_file = 'ca.pem'", 8883), ("ca_file = 'ca.pem'\nport = 1884", 1884)],
)
def test_where_tls_is_spoken_the_port_is_that_of_tls(lines: str, port: int, tmp_path: Path) -> None:
    file = tmp_path / "watch.toml"
    file.write_text(f"[mqtt]\nhost = 'b'\n{lines}\n")
    mqtt = read_file(file).mqtt
    assert mqtt is not None
    assert mqtt.port == port


def test_what_fits_is_taken() -> None:
    cameras = (DOOR, CameraSettings(name="b-2_X", source="a.mp4", region=(0, 0, 1, 1), crops=3, enter_score=0.5))
    page = PageSettings(host="::1")
    for host in ("broker.lan", "broker.lan.", "192.168.1.2", "::1", "fe80::1%eth0", "küche.lan", "b" * 63):
        mqtt = MqttSettings(host=host)
        check_settings(WatchSettings(model=Path("m"), state=Path("s"), cameras=cameras, mqtt=mqtt))
    check_settings(WatchSettings(model=Path("m"), state=Path("s"), cameras=cameras, page=page))
    check_settings(WatchSettings(model=Path("m"), state=Path("s"), cameras=cameras, page=None))
