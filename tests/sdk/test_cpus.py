"""CPU quotas of containers, from control group files laid out in a folder as Linux lays them out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vidcls import cpus
from vidcls.cpus import usable_cpus


def quotas(root: Path, membership: str, files: dict[str, str]) -> list[float]:
    (root / "membership").write_text(membership, encoding="ascii")
    for name, content in files.items():
        path = root / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n", encoding="ascii")
    return cpus._cgroup_quotas(root / "membership", root / "cgroup")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("200000 100000", [2.0]),
        ("150000 100000", [1.5]),
        ("50000 100000", [0.5]),
        ("max 100000", []),
        ("max", []),
        ("", []),
        ("0 100000", []),
        ("100000 0", []),
        ("nonsense here", []),
    ],
)
def test_version_2_quotas_are_read(tmp_path: Path, content: str, expected: list[float]) -> None:
    assert quotas(tmp_path, "0::/\n", {"cpu.max": content}) == expected


def test_version_2_quotas_of_outer_groups_count_too(tmp_path: Path) -> None:
    files = {
        "pod/container/cpu.max": "max 100000",
        "pod/cpu.max": "300000 100000",
        "cpu.max": "800000 100000",
        "elsewhere/cpu.max": "1000 100000",
    }
    assert sorted(quotas(tmp_path, "0::/pod/container\n", files)) == [3.0, 8.0]


@pytest.mark.parametrize("quota", ["-1", ""])
def test_version_1_without_a_limit_has_no_quota(tmp_path: Path, quota: str) -> None:
    assert quotas(tmp_path, "1:cpu:/\n", {"cpu/cpu.cfs_quota_us": quota, "cpu/cpu.cfs_period_us": "100000"}) == []


def test_version_1_quotas_are_read_up_the_tree(tmp_path: Path) -> None:
    files = {
        "cpu/docker/abc/cpu.cfs_quota_us": "250000",
        "cpu/docker/abc/cpu.cfs_period_us": "100000",
        "cpu/docker/cpu.cfs_quota_us": "-1",
        "cpu/docker/cpu.cfs_period_us": "100000",
        "cpu/cpu.cfs_quota_us": "80000",
        "cpu/cpu.cfs_period_us": "20000",
    }
    membership = "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n3:cpuset:/docker/abc\n"
    assert sorted(quotas(tmp_path, membership, files)) == [2.5, 4.0]


def test_a_mixed_layout_reads_both(tmp_path: Path) -> None:
    files = {"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000", "cpu.max": "200000 100000"}
    assert sorted(quotas(tmp_path, "1:cpu:/\n0::/\n", files)) == [2.0, 3.0]


def test_a_machine_without_control_groups_has_no_quota(tmp_path: Path) -> None:
    assert cpus._cgroup_quotas(tmp_path / "none", tmp_path / "none") == []


@pytest.mark.parametrize(
    ("found", "expected"), [([], 4), ([2.5, 8.0], 2), ([0.3], 1), ([3.0, 1.0, 2.0], 1), ([64.0], 4)]
)
def test_the_smallest_limit_counts_and_one_cpu_is_left(
    found: list[float], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 1, 2, 3})
    monkeypatch.setattr(cpus, "_cgroup_quotas", lambda _membership, _root: found)
    assert usable_cpus() == expected


def test_a_system_without_affinity_counts_its_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    monkeypatch.setattr(cpus, "_cgroup_quotas", lambda _membership, _root: [])
    assert usable_cpus() == 1


def test_this_machine_has_at_least_one_cpu_and_no_more_than_the_mask() -> None:
    assert 1 <= usable_cpus() <= len(os.sched_getaffinity(0))


def test_a_processors_name_and_features_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x86 = tmp_path / "x86"
    x86.write_text(
        "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx2 avx512f\n\nprocessor\t: 1\nflags\t: no\n"
    )
    arm = tmp_path / "arm"
    arm.write_text("processor\t: 0\nFeatures\t: fp asimd asimddp bf16\nModel\t: A board\n")
    assert cpus._cpu_facts(x86) == ("Some CPU", {"fpu", "avx2", "avx512f"})
    assert cpus._cpu_facts(arm) == ("", {"fp", "asimd", "asimddp", "bf16"})
    assert cpus._cpu_facts(tmp_path / "none") == ("", set())
    facts = {path: cpus._cpu_facts(path) for path in (x86, arm)}
    monkeypatch.setattr(cpus, "_cpu_facts", lambda _path: facts[x86])
    assert [name for name, there in cpus.cpu_features().items() if there] == ["avx2", "avx512f"]
    monkeypatch.setattr(cpus, "_cpu_facts", lambda _path: facts[arm])
    assert cpus.cpu_features() == {"asimddp": True, "i8mm": False, "bf16": True, "sve": False}
    assert cpus.cpu_name()


def test_a_quota_is_told_apart_from_the_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(8)))
    monkeypatch.setattr(cpus, "_cgroup_quotas", lambda _membership, _root: [2.5])
    assert (cpus.allowed_cpus(), cpus.cpu_quotas(), usable_cpus()) == (8, [2.5], 2)
