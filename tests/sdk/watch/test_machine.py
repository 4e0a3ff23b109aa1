"""The machine's state, from files as Linux has them and on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from vidcls.watch.machine import load, memory_mb, temperature_celsius


def sensors(folder: Path, zones: list[tuple[str, str]]) -> Path:
    for number, (kind, temperature) in enumerate(zones):
        zone = folder / f"thermal_zone{number}"
        zone.mkdir(parents=True)
        (zone / "type").write_text(f"{kind}\n")
        (zone / "temp").write_text(f"{temperature}\n")
    return folder


@pytest.mark.parametrize(
    ("zones", "expected"),
    [
        ([("cpu-thermal", "48312")], 48.312),  # a Raspberry Pi
        ([("acpitz", "27800"), ("x86_pkg_temp", "61000"), ("iwlwifi_1", "70000")], 61.0),
        ([("soc-thermal", "40000"), ("bigcore0-thermal", "55500"), ("gpu-thermal", "90000")], 55.5),  # a Rockchip
        ([("CPU-therm", "41500"), ("GPU-therm", "43000"), ("PMIC-Die", "100000")], 41.5),  # a Jetson
        ([("cpu-thermal", "-127000"), ("cpu-thermal", "39000"), ("cpu-thermal", "255000")], 39.0),
        ([("cpu-thermal", "no"), ("acpitz", "27800")], None),
        ([], None),
    ],
)
def test_the_warmest_part_of_the_processor_counts(
    zones: list[tuple[str, str]], expected: float | None, tmp_path: Path
) -> None:
    assert temperature_celsius(sensors(tmp_path, zones)) == expected


def test_a_sensor_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    folder = sensors(tmp_path, [("cpu-thermal", "48312"), ("cpu-thermal", "99000")])
    (folder / "thermal_zone1" / "temp").unlink()
    assert temperature_celsius(folder) == 48.312
    assert temperature_celsius(tmp_path / "missing") is None


def test_this_machine_has_a_state() -> None:
    degrees = temperature_celsius()
    assert degrees is None or -50 < degrees < 150
    busy = load()
    assert busy is None or 0 <= busy < 1000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere nobody says")
def test_memory_grows_by_what_is_taken() -> None:
    before = memory_mb()
    reserved = np.empty(500_000_000, np.uint8)  # which takes none before it is written to
    taken = np.ones(50_000_000, np.uint8)
    after = memory_mb()
    assert reserved.nbytes
    assert before is not None
    assert after is not None
    assert 5 < before < 1e6
    assert after - before == pytest.approx(taken.nbytes / 1e6, abs=5)  # other threads take and free some as well
