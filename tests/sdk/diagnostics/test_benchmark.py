"""`vidcls bench`: the promised fields, from a process of its own, and one sentence for what stops it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from click.testing import CliRunner

from vidcls.cli.main import main
from vidcls.diagnostics.benchmark import benchmark, peak_by_getrusage_mb, peak_rss_mb

T = TypeVar("T")

FIELDS = {
    *("device", "provider", "runs", "median_ms", "load_s", "first_prediction_s", "peak_rss_mb", "videos_per_s"),
}


def test_bench_answers_in_json_with_the_promised_fields(model: Path, clip: Path) -> None:
    ballast = bytearray(400_000_000)  # what this process holds is not what the model needs
    result = CliRunner().invoke(main, ["bench", str(model), str(clip), "--runs", "3", "--device", "cpu", "--json"])
    assert result.exit_code == 0, result.output
    fields = json.loads(result.stdout)
    assert set(fields) == FIELDS
    assert (fields["device"], fields["provider"], fields["runs"]) == ("cpu", "CPUExecutionProvider", 3)
    assert set(fields["median_ms"]) == {"decode", "preprocess", "inference", "total"}
    assert 0 < fields["median_ms"]["inference"] <= fields["median_ms"]["total"]
    assert 0 < fields["load_s"] < fields["first_prediction_s"]
    assert fields["videos_per_s"] > 0
    # An interpreter with numpy, OpenCV and onnxruntime, and a model of 200 kB.
    assert 30 < fields["peak_rss_mb"] < len(ballast) / 1e6


def test_bench_prints_a_table_for_people(model: Path, clip: Path) -> None:
    result = CliRunner().invoke(main, ["bench", str(model), str(clip), "--runs", "1", "--device", "cpu"])
    assert result.exit_code == 0, result.output
    for part in ("on cpu (CPUExecutionProvider), 1 runs", "inference", "first prediction", "videos/s", " MB\n"):
        assert part in result.stdout


def test_what_stops_it_is_one_sentence_and_exit_1(model: Path, tmp_path: Path) -> None:
    for arguments in ([str(tmp_path / "gone.onnx"), str(model)], [str(model), str(tmp_path / "gone.mp4")]):
        result = CliRunner().invoke(main, ["bench", *arguments, "--device", "cpu", "--json"])
        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr.startswith(f"Error: {tmp_path}/gone.")
        assert result.stderr.count("\n") == 1


def test_progress_goes_to_whoever_follows_the_loops(model: Path, clip: Path) -> None:
    followed: list[tuple[str, int | None, int]] = []

    def track(items: Iterable[T], *, label: str, length: int | None = None) -> Iterator[T]:
        taken = list(items)
        yield from taken
        followed.append((label, length, len(taken)))

    assert benchmark(model, clip, runs=3, device="cpu", track=track).runs == 3
    assert followed == [("one by one", 3, 3), ("many", 3, 3)]


def test_a_process_that_dies_is_one_sentence(model: Path, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "onnxruntime.py").write_text("import os\nos.abort()", encoding="utf-8")
    program = (
        "import sys\nfrom vidcls.cli.main import main\n"
        f"main(['bench', {str(model)!r}, {str(clip)!r}, '--runs', '1', '--device', 'cpu'])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path[1:])])}
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"Error: {model}: the process that measures it ended with code -6\n"


def test_no_runs_are_no_measurement(model: Path, clip: Path) -> None:
    with pytest.raises(ValueError, match="runs is 0, expected at least 1"):
        benchmark(model, clip, runs=0)


def test_peak_memory_is_at_least_what_was_held() -> None:
    megabytes = int(peak_rss_mb() or 0) + 100  # more than this process has held before
    held = bytearray(b"x") * (megabytes * 10**6)
    del held
    assert (peak_rss_mb() or 0) >= megabytes


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no getrusage")
def test_where_there_is_no_proc_peak_memory_is_of_the_same_unit() -> None:
    assert 0.9 * (peak_rss_mb() or 0) <= (peak_by_getrusage_mb() or 0) < 100_000
