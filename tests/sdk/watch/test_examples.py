"""The files in examples/ by which people begin: read as they are, and as systemd reads them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from vidcls.cli.main import main
from vidcls.cli.watch import watch
from vidcls.watch.settings import WatchSettings, check_settings
from vidcls.watch.toml_file import read_file

EXAMPLES = Path(__file__).parents[3] / "examples"
SECRETS = {
    name: f"the-{name.lower()}-of-a-test"
    for name in ("DOOR_PASSWORD", "VIDCLS_MQTT_PASSWORD", "VIDCLS_WEBHOOK_TOKEN", "VIDCLS_PAGE_TOKEN")
}


def uncommented(text: str) -> str:
    """The file with every setting that it only mentions."""
    return re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)


@pytest.mark.parametrize("whole", [False, True])
def test_the_file_of_settings_is_read_also_with_all_that_it_mentions(whole: bool, tmp_path: Path) -> None:
    text = (EXAMPLES / "watch.toml").read_text(encoding="utf-8")
    path = tmp_path / "watch.toml"
    path.write_text(uncommented(text) if whole else text, encoding="utf-8")
    found = read_file(path, environment=SECRETS)
    assert [camera.name for camera in found.cameras] == ["door", "desk"]
    assert found.model is not None
    check_settings(
        WatchSettings(
            model=found.model,
            cameras=found.cameras,
            state=tmp_path,
            mqtt=found.mqtt,
            clips=found.clips,
            page=found.page,
        )
    )
    if whole:
        said = text.replace("[[cameras]]", "").replace("# ", "")
        for camera_field in ("motion", "timeout_seconds", "least_seconds", "step_seconds"):
            assert f"{camera_field} = " in said
        assert found.page is not None
        assert found.page.token == SECRETS["VIDCLS_PAGE_TOKEN"]


def test_the_defaults_that_it_mentions_are_those(tmp_path: Path) -> None:
    text = (EXAMPLES / "watch.toml").read_text(encoding="utf-8")
    path = tmp_path / "watch.toml"
    path.write_text(text, encoding="utf-8")
    plain = read_file(path, environment=SECRETS)
    mentioned = re.sub(r"^# (motion|timeout_seconds|tls|port|prefix|discovery_prefix|max_megabytes|max_days"
                       r"|before_seconds|after_seconds|host) = ", r"\1 = ", text, flags=re.MULTILINE)  # fmt: skip
    path.write_text(mentioned, encoding="utf-8")
    assert (found := read_file(path, environment=SECRETS)).mqtt == plain.mqtt
    assert (found.clips, found.cameras) == (plain.clips, plain.cameras)


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = (EXAMPLES / "vidcls-watch.service").read_text(encoding="utf-8")
    start = re.search(r"^ExecStart=\S+/vidcls watch (.*)$", unit, flags=re.MULTILINE)
    assert start is not None
    # click remembers of a command's first context which options ask for help.
    parent = click.Context(main, info_name="vidcls", **main.context_settings)
    watch.make_context("watch", start[1].split(), parent=parent)
    copy = tmp_path / "vidcls-watch.service"
    copy.write_text(re.sub(r"^ExecStart=.*$", "ExecStart=/bin/true", unit, flags=re.MULTILINE), encoding="utf-8")
    verified = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")


def test_the_unit_s_wheel_has_these_extras() -> None:
    project = (EXAMPLES.parent / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'^name = "vidcls"$', project, flags=re.MULTILINE)
    unit = (EXAMPLES / "vidcls-watch.service").read_text(encoding="utf-8")
    (extras,) = set(re.findall(r"\[([a-z,]+)\]\"", unit))
    for extra in extras.split(","):
        assert re.search(rf"^{extra} = \[", project, flags=re.MULTILINE), extra
