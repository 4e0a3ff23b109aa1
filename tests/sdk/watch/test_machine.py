"""The machine's state, from files as Linux has them and on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidcls.watch.machine import temperature_celsius


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
