"""The command line: the promised JSON and nothing else, exit codes, one sentence for every failure."""

from __future__ import annotations

import json
import logging
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from generated import LABELS
from slow import slow
from vidcls import VideoClassifier
from vidcls.files.run_status import mark_complete, mark_unfinished
from vidcls_export.cli import main


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def json_command(checkpoint: Path, clips: Path, folder: Path) -> tuple[Path, list[object]]:
    """(a clip that cannot be read, arguments of an export that is checked on it too)."""
    shutil.copytree(clips, folder / "clips")
    broken = folder / "clips" / LABELS[0] / "broken.mp4"
    broken.write_bytes(b"not a video")
    options = ["--precision", "fp16", "--check", folder / "clips", "--json"]
    return broken, [checkpoint, "-o", folder / "model.onnx", *options]


@slow  # its own process, whose imports say nothing either
def test_the_program_says_in_json_what_the_function_does(checkpoint: Path, clips: Path, tmp_path: Path) -> None:
    broken, arguments = json_command(checkpoint, clips, tmp_path)
    command = [str(part) for part in (Path(sys.executable).with_name("vidcls-export"), *arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (warning,) = done.stderr.splitlines()
    assert str(broken) in warning
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["path"] == str(tmp_path / "model.onnx")


def test_json_is_one_line_and_stderr_names_only_what_was_not_counted(
    checkpoint: Path,
    clips: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken, arguments = json_command(checkpoint, clips, tmp_path)
    with monkeypatch.context() as as_in_its_own_process:
        as_in_its_own_process.setattr(logging.getLogger(), "handlers", [])  # pytest's, in place of stderr
        done = run(*arguments, code=1)
    assert tuple(capfd.readouterr()) == ("", "")  # of what libraries write past Python
    (warning,) = done.stderr.splitlines()
    assert str(broken) in warning
    (line,) = done.stdout.splitlines()
    fields = json.loads(line)
    assert set(fields) == {
        "path",
        "precision",
        "top1_agreement",
        "max_abs_logit_diff",
        "mean_abs_logit_diff",
        "accuracy_pytorch",
        "accuracy_onnx",
        "accuracy_videos",
        "accuracy_interval",
        "top1_agreement_interval",
        "file_mb",
        "latency_ms",
        "latency_pytorch_ms",
        "videos",
        "ops",
        "clips",
        "calibration",
        "negatives",
        "region",
        "tokens",
        "all_tokens",
    }
    assert fields["path"] == str(tmp_path / "model.onnx")
    assert (fields["precision"], fields["videos"], fields["top1_agreement"]) == ("fp16", 3, 1.0)
    assert fields["ops"]["MultiHeadAttention"] == 2


def test_help_loads_no_heavy_package() -> None:
    script = (
        "import sys; from vidcls_export.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'transformers', 'onnx', 'optimum', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "--min-agreement" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_text_says_what_was_proven(checkpoint: Path, clips: Path, tmp_path: Path) -> None:
    result = run(checkpoint, "-o", tmp_path / "model.onnx", "--check", clips)
    assert "2 MultiHeadAttention" in result.stdout
    assert re.search(r"same top-1 answer +1\.0000  0\.44 to 1\.00, on 3 videos", result.stdout)
    assert re.search(r"^ +PyTorch +file$", result.stdout, re.MULTILINE)
    assert "accuracy" in result.stdout
    assert "unproven" not in result.stdout
    assert result.stderr == ""


def test_unreadable_clips_are_counted_and_exit_with_1(checkpoint: Path, clips: Path, tmp_path: Path) -> None:
    shutil.copytree(clips, tmp_path / "clips")
    (tmp_path / "clips" / "broken.mp4").write_bytes(b"not a video")
    result = run(checkpoint, "-o", tmp_path / "model.onnx", "--check", tmp_path / "clips", code=1)
    assert "on 3 videos" in result.stdout
    assert "failed: 1 videos could not be read" in result.stdout
    assert VideoClassifier(tmp_path / "model.onnx", device="cpu").verify().ok


def test_text_says_that_nothing_was_proven(checkpoint: Path, tmp_path: Path) -> None:
    folders = ["--triton", tmp_path / "repository", "--bundle", tmp_path / "bundle"]
    result = run(checkpoint, "-o", tmp_path / "model.onnx", "--graph", "portable", *folders)
    assert result.stdout.endswith(f"  bundle: {tmp_path / 'bundle'}\n")
    assert (tmp_path / "bundle/model.onnx").read_bytes() == (tmp_path / "model.onnx").read_bytes()
    assert f"\n# {checkpoint.name}\n" in (tmp_path / "bundle/README.md").read_text(encoding="utf-8")
    served = tmp_path / "repository" / "model" / "1" / "model.onnx"
    assert served.read_bytes() == (tmp_path / "model.onnx").read_bytes()
    assert "unproven" in result.stdout
    assert VideoClassifier(tmp_path / "model.onnx", device="cpu").contract.model.graph == "portable"


def test_too_little_agreement_exits_with_1(edit_weights: Callable[..., Path], clips: Path, tmp_path: Path) -> None:
    def nearly_tie(model: Any) -> None:
        model.classifier.weight[:] = model.classifier.weight[0]
        model.classifier.bias[:] = model.classifier.bias.new_tensor([1.0, 1.0 + 1e-5, -50.0, -50.0])

    folder, output = edit_weights(nearly_tie), tmp_path / "model.onnx"
    options = ["-o", output, "--precision", "fp16", "--check", clips, "--min-agreement", "0.5", "--json"]
    result = run(folder, *options, code=1)
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert "0 of 3 videos" in result.stderr
    assert not output.exists()


def test_a_run_that_has_not_ended_is_exported_only_if_asked_for(checkpoint: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(checkpoint, tmp_path / "run"))
    mark_unfinished(folder)
    result = run(folder, "-o", tmp_path / "model.onnx", code=1)
    (line,) = result.output.splitlines()
    assert line.startswith(f"Error: {folder}: its run has not come to its end; ")
    assert line.endswith("or export what there is with --incomplete")
    assert not (tmp_path / "model.onnx").exists()
    run(folder, "-o", tmp_path / "model.onnx", "--incomplete")
    mark_complete(folder)
    run(folder, "-o", tmp_path / "again.onnx")


def test_a_bundle_s_folder_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    """Not after the hours that an export may take: the checkpoint is not even there."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("three years")
    output = tmp_path / "new" / "model.onnx"
    cases = {
        tmp_path / "full": "is not empty; name a new folder for the bundle",
        tmp_path / "full" / "thesis.txt": "is no folder; name a new folder for the bundle",
        Path(tmp_path.anchor): "a disk is mounted there; name a new folder inside it for the bundle",
        tmp_path / "new": f"{output} would be written into it; name a folder for the bundle alone",
    }
    for folder, problem in cases.items():
        result = run(tmp_path / "gone", "-o", output, "--bundle", folder, code=2)
        assert result.stderr.endswith(f"Error: {folder}: {problem}\n")
    assert not (tmp_path / "new").exists()


def test_a_repository_s_folder_that_is_something_else_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    (tmp_path / "served" / "model").mkdir(parents=True)
    (tmp_path / "served" / "model" / "thesis.txt").write_text("three years")
    result = run(tmp_path / "gone", "-o", tmp_path / "model.onnx", "--triton", tmp_path / "served", code=2)
    assert f"Error: {tmp_path / 'served' / 'model'}: is there already and is no model of Triton's" in result.stderr


def test_missing_checkpoint_exits_with_1(tmp_path: Path) -> None:
    result = run(tmp_path / "nowhere" / "at all", "-o", tmp_path / "model.onnx", code=1)
    assert "there is no such folder" in result.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--precision", "int4"],
        ["--min-agreement", "1.1"],
        ["--min-agreement", "0.99"],
        ["--max-loss", "0.1", "--tokens", "lattice:0.5"],
        ["--max-loss", "0.1", "--check", "/nowhere"],
        ["--clip-seconds", "0"],
        ["--clip-seconds", "2"],
        ["--check", "/nowhere"],
        ["--graph", "tensorrt"],
    ],
)
def test_wrong_usage_exits_with_2(checkpoint: Path, tmp_path: Path, options: list[str]) -> None:
    result = run(checkpoint, "-o", tmp_path / "model.onnx", *options, code=2)
    assert result.stdout == ""
    assert result.stderr.count("Error: ") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "others",
    [
        ["-o", "repo/m/m.onnx"],
        ["-o", "m.onnx", "--report", "repo/m/page.html"],
        ["-o", "m.onnx", "--bundle", "repo/m/bundle"],
    ],
)
def test_nothing_is_written_into_what_triton_replaces(
    others: list[str], checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(checkpoint, *others, "--triton", "repo", code=2)
    assert "repo/m: repo/m/" in result.stderr
    assert "would be written into it, and it is replaced; name another place" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("trained", "instead"), [("all", ", or give --tokens too"), ("lattice:0.5", "")], ids=["all", "lattice"]
)
@pytest.mark.parametrize("with_contract", [True, False], ids=["ours", "plain"])
def test_a_limit_of_a_loss_that_cannot_be_is_refused(
    trained: str, instead: str, with_contract: bool, checkpoint: Path, tmp_path: Path
) -> None:
    checkpoint = shutil.copytree(checkpoint, tmp_path / "checkpoint")
    contract, config = (json.loads((checkpoint / name).read_text()) for name in ("vidcls.json", "config.json"))
    rule = {"rule": "all"} if trained == "all" else {"rule": "lattice", "share": 0.5}
    (checkpoint / "vidcls.json").write_text(json.dumps({**contract, "format": 2, "tokens": rule}))
    (checkpoint / "config.json").write_text(json.dumps({**config, "vidcls_tokens": trained}))
    if not with_contract:
        (checkpoint / "vidcls.json").unlink()
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "1.mp4").touch()
    options = ["--tokens", trained, "--max-loss", "0.1", "--check", tmp_path / "clips"]
    result = run(checkpoint, "-o", tmp_path / "model.onnx", *options, code=2)
    told = f"{checkpoint} was trained with {trained}, as --tokens says; leave it out{instead}\n"
    assert result.stderr.endswith(told)
    assert result.stderr.count("Error: ") == 1


def test_non_commercial_licence_is_mentioned(plain: Path, tmp_path: Path) -> None:
    (plain / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n", encoding="utf-8")
    result = run(plain, "-o", tmp_path / "model.onnx", "--json")
    assert "cc-by-nc-4.0" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert json.loads(result.stdout)["videos"] == 0


def test_missing_packages_are_named_with_the_line_that_mends_it(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "vidcls_export.exporter", raising=False)  # it is imported anew
    monkeypatch.delattr("vidcls_export.exporter", raising=False)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    result = run(checkpoint, "-o", tmp_path / "model.onnx", code=1)
    assert result.stdout == ""
    assert "packages that are not installed" in result.stderr
    assert "onnxruntime" in result.stderr
    assert 'pip install "vidcls[export]"' in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_report_that_cannot_be_printed_is_one_sentence_and_the_file_is_there(
    options: list[str],
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "model.onnx"
    with open("/dev/full", "w") as full, monkeypatch.context() as patched:  # noqa: PTH123 - no file
        patched.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as ended:
            main([str(checkpoint), "-o", str(output), *options])
    assert ended.value.code == 1
    assert capfd.readouterr().err == "Error: the result cannot be printed ([Errno 28] No space left on device)\n"
    assert VideoClassifier(output).verify().ok
