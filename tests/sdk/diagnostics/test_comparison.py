"""Several real models timed turn by turn: what each took, and what becomes of those that cannot go on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from click.testing import CliRunner

from generated import contract_fields, write_model
from vidcls.cli import comparison as printed
from vidcls.cli.main import main
from vidcls.concurrency import child_process
from vidcls.diagnostics import comparison
from vidcls.diagnostics.candidates import Placement, find_files
from vidcls.diagnostics.comparison import measure
from vidcls.diagnostics.recommendation import Limits
from vidcls.errors import ArgumentError, VidclsError

T = TypeVar("T")

CPU = Placement(engine="onnxruntime", device="cpu")
ROW_FIELDS = {
    *("file", "engine", "device", "precision", "graph", "tokens", "checkpoint_sha256", "provider", "runs"),
    *("median_ms", "p90_ms", "load_s", "peak_rss_mb", "label", "score", "error", "ratio", "ratio_interval"),
    *("inference_ratio", "inference_ratio_interval", "self_test", "parity", "accuracy", "accuracy_trained", "loss"),
    "not_recommended",
}
LAST_FIELDS = {
    *("recommended", "python", "cannot_tell_from", "fastest", "sentence", "max_loss", "min_agreement", "missing"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that is sound, one whose self-test cannot hold, and one that is broken."""
    folder = tmp_path_factory.mktemp("models")
    write_model(folder / "a.onnx")
    fields = contract_fields()
    fields["self_test"]["logits"] = [9.0] * len(fields["labels"])
    write_model(folder / "b wrong.onnx", fields)
    (folder / "c broken.onnx").write_bytes((folder / "a.onnx").read_bytes()[:-1])
    return folder


@pytest.fixture(scope="module")
def rows(folder: Path, clip: Path) -> list[comparison.Row]:
    return measure(find_files(folder / "a.onnx", [folder]), [CPU], clip, runs=6)


def test_each_has_as_many_figures_as_there_were_runs(rows: list[comparison.Row]) -> None:
    for row in rows[:2]:
        assert {stage: len(times) for stage, times in row.times_ms.items()} == dict.fromkeys(
            ("decode", "preprocess", "inference", "total"), 6
        )
        assert all(time > 0 for times in row.times_ms.values() for time in times)
        assert (row.provider, row.label == rows[0].label) == ("CPUExecutionProvider", True)
        assert (row.load_s or 0) > 0
        assert 30 < (row.peak_rss_mb or 0) < 400  # an interpreter with numpy, OpenCV and onnxruntime


def test_a_self_test_that_fails_and_a_broken_file_keep_nobody_from_answering(rows: list[comparison.Row]) -> None:
    sound, wrong, broken = rows
    assert (sound.failure, wrong.failure) == (None, None)
    assert sound.self_test is not None
    assert sound.self_test.ok
    assert wrong.self_test is not None
    assert not wrong.self_test.ok
    assert "the logits differ from PyTorch's" in str(wrong.self_test.problem)
    assert broken.failure is not None
    assert (broken.failure.type, broken.times_ms) == ("ModelError", {})
    assert re.search(r"c broken\.onnx: .*damaged", broken.failure.message)


def test_the_table_the_blocks_and_the_sentence(rows: list[comparison.Row]) -> None:
    result = printed.judged(rows, Limits(max_loss=0.03, min_agreement=0.99), [])
    wide = list(printed.lines(result, video="clip.mp4", width=None))
    assert wide[0] == "clip.mp4: medians of 6 runs, turn by turn; time is beside the first's"
    heading, *table = wide[1:5]
    assert {len(line) for line in (heading, *table)} == {len(heading)}  # columns stand below each other
    assert re.match(r"1  a\.onnx +fp32 portable +all +onnxruntime +cpu +[\d.]+ +[\d.]+ +[\d.]+ +1\.00 ", table[0])
    assert re.search(r" 1\.000 +2 +0\.500 +0\.500$", table[0])
    assert re.match(r"3  c broken\.onnx( +-)+$", table[2])
    assert wide[5].startswith("2: not recommended: its self-test fails here: the logits differ")
    assert re.match("3: failed: .*c broken", wide[6])
    assert re.match(
        "accuracy is of those of the clips that are new to the model; how many, a file does not say", wide[7]
    )
    assert wide[8].startswith(
        "Take a.onnx with onnxruntime on cpu: none that is proven is surely faster; PyTorch's top-1"
    )
    assert "1.000 (0.34 to 1.00) of 2 clips (too few to show a loss of 0.03), accuracy 0.500 beside 0.500" in wide[8]
    assert wide[9] == f'  VideoClassifier({str(rows[0].path)!r}, device="cpu")'
    narrow = list(printed.lines(result, video="clip.mp4", width=80))
    assert max(len(line) for line in narrow[:10]) <= 80
    assert narrow[1] == "1  a.onnx: fp32 portable, tokens all, onnxruntime on cpu"
    assert narrow[-1] == wide[-1]


def test_json_has_a_line_for_each_and_one_for_the_recommendation(folder: Path, clip: Path) -> None:
    command = ["bench", str(folder / "a.onnx"), str(clip), "--compare", str(folder / "c broken.onnx")]
    result = CliRunner().invoke(main, [*command, "--runs", "6", "--engine", "onnxruntime", "--device", "cpu", "--json"])
    assert result.exit_code == 1, result.output  # one failed
    sound, broken, last = (json.loads(line) for line in result.stdout.splitlines())
    assert set(sound) == set(broken) == ROW_FIELDS
    assert set(last) == LAST_FIELDS
    assert (sound["runs"], sound["ratio"], sound["self_test"]["ok"], sound["not_recommended"]) == (6, 1.0, True, None)
    assert (sound["loss"], sound["parity"]["videos"]) == (0.0, 2)
    assert (broken["engine"], broken["median_ms"], broken["error"]["type"]) == (None, None, "ModelError")
    place = {"file": str(folder / "a.onnx"), "engine": "onnxruntime", "device": "cpu"}
    assert (last["recommended"], last["fastest"], last["cannot_tell_from"]) == (place, place, [])
    assert [one["what"] for one in last["missing"]] == ["int8", "fewer tokens"]


def test_what_was_promised_of_plain_bench_stays(model: Path, clip: Path) -> None:
    for extra in ([str(model)], ["--max-loss", "0.1"], ["--min-agreement", "0.5"]):
        result = CliRunner().invoke(main, ["bench", str(model), str(clip), *extra])
        assert result.exit_code == 2
        assert "are for --compare; give that too" in result.output


def test_too_few_runs_are_wrong_usage_and_an_unreadable_video_is_one_sentence(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="runs is 5, expected at least 6: fewer cannot tell one time from another"):
        measure(find_files(model, []), [CPU], "clip.mp4", runs=5)
    with pytest.raises(VidclsError, match=r"gone\.mp4: there is no such file"):
        measure(find_files(model, []), [CPU], tmp_path / "gone.mp4", runs=6)


def test_one_that_is_killed_does_not_end_the_others(model: Path, clip: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(model.read_bytes())

    def killing(items: Iterable[Any], *, label: str, length: int | None = None) -> Iterator[Any]:
        for number, item in enumerate(items):
            if label == "comparing" and number == 4:
                victim = next(one for one in opened if one._file.path == copy)
                os.kill(victim._process.pid, signal.SIGKILL)
            opened.append(item)
            yield item
        assert label != "comparing" or length == 12

    opened: list[Any] = []
    kept, killed = measure(find_files(model, [copy]), [CPU], clip, runs=6, track=killing)
    assert (kept.failure, len(kept.times_ms["total"])) == (None, 6)
    assert killed.failure is not None
    assert killed.failure.message.startswith(f"{copy}: the process that ran it ended with SIGKILL")


def test_one_that_never_answers_is_given_up(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stuck.py").write_text("import time\ntime.sleep(600)\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(comparison, "_MODULE", "stuck")
    monkeypatch.setattr(comparison, "ANSWER_SECONDS", 0.5)
    (row,) = measure(find_files(model, []), [CPU], "clip.mp4", runs=6)
    assert row.failure is not None
    assert row.failure.message == f"{model}: no answer within 0.5 s; given up"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("copies", ["", "if not os.fork(): time.sleep(90); os._exit(0)\n"], ids=["alone", "forked"])
def test_a_process_ends_with_an_owner_that_is_killed(copies: str) -> None:
    program = (
        "import os, time\nfrom vidcls.concurrency.child_process import DependentProcess\n"
        "from vidcls.diagnostics.comparison import _MODULE\n"
        f"process = DependentProcess(_MODULE)\n{copies}print(process.pid, flush=True)\ntime.sleep(600)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path[1:]))}
    owner = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment)
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    until = time.monotonic() + 60
    while len(list(Path(f"/proc/{pid}/task").iterdir())) < 2 and time.monotonic() < until:
        time.sleep(child_process.POLL_SECONDS)  # until it watches its owner, in a thread
    owner.kill()
    owner.wait()
    owner.stdout.close()
    until = time.monotonic() + 60
    while has_not_ended(pid) and time.monotonic() < until:
        time.sleep(child_process.POLL_SECONDS)
    assert not has_not_ended(pid)


def has_not_ended(pid: int) -> bool:
    """Whether a process is there that is more than a zombie, which nobody has asked how it ended."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
