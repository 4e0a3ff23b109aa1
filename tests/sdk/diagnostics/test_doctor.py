"""`vidcls doctor` on this machine, and on machines on which something cannot work."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner

import samples
from simulated import MAJOR, Machine, build
from slow import slow
from vidcls.cli.doctor import report_lines
from vidcls.cli.main import main
from vidcls.diagnostics import checks, doctor
from vidcls.video import decoder_check
from vidcls.video.reader import iter_frames

pytestmark = pytest.mark.long

FIELDS = {"ok", "python", "onnxruntime", "providers", "opencv", "cpu", "problems"}


def run(*options: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vidcls.cli", "doctor", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def run_json(*options: str, code: int, environment: dict[str, str] | None = None) -> dict[str, Any]:
    result = run(*options, "--json", environment=environment)
    assert result.returncode == code, result
    (line,) = result.stdout.splitlines()
    report: dict[str, Any] = json.loads(line)
    assert set(report) >= FIELDS
    assert report["ok"] == (code == 0) == (report["problems"] == [])
    for problem in report["problems"] + report["notes"]:
        assert set(problem) == {"what", "mend"}
        assert all(problem.values())
    return report


def with_module(folder: Path, name: str, content: str) -> dict[str, str]:
    """An environment in which a module comes from `folder`, and OpenVINO, which takes long to try, is broken."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(content, encoding="utf-8")
    (folder / "openvino.py").write_text("raise ImportError('broken')", encoding="utf-8")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path[1:]])}


@pytest.fixture(scope="module")
def here() -> dict[str, Any]:
    return run_json("--device", "cpu", code=0)


def test_another_card_and_another_engine_are_tried_where_they_are_asked_for() -> None:
    report = doctor.examine(device="cuda:1", engine="openvino")
    assert {"cpu", "cuda", "cuda:1"} == set(report["devices"])
    works = {name: found["ok"] for name, found in report["devices"].items()}
    installed = importlib.util.find_spec("openvino") is not None
    assert report["openvino"]["ok"] == installed
    assert report["ok"] == (works["cpu"] and works["cuda:1"] and installed)
    assert all(problem["what"] and problem["mend"] for problem in report["problems"])


def test_this_machine_is_described(here: dict[str, Any]) -> None:
    import cv2
    import onnxruntime

    assert here["python"] == ".".join(map(str, sys.version_info[:3]))
    assert here["onnxruntime"] == onnxruntime.__version__
    assert here["providers"] == onnxruntime.get_available_providers()
    assert list(here["wheels"].values()) == [onnxruntime.__version__]
    assert here["opencv"] == cv2.__version__
    assert here["devices"]["cpu"]["ok"] is True
    assert here["auto"] in ("cpu", "cuda")
    assert here["cpu"]["threads"] <= here["cpu"]["allowed"] <= (os.cpu_count() or 1)
    assert all(isinstance(there, bool) for there in here["cpu"]["features"].values())
    assert here["video"]["decodes"] == dict.fromkeys(("h264", "hevc", "mjpeg", "mpeg4", "vp9", "av1"), True)
    decoders = {found["name"]: (found["ok"], found["problem"]) for found in here["video"]["decoders"]}
    assert decoders == {"OpenCV": (True, None), "PyAV": (True, None)}


def test_the_text_says_the_same_to_people(here: dict[str, Any]) -> None:
    result = run("--device", "cpu")
    assert (result.returncode, result.stderr) == (0, "")
    for part in (
        here["onnxruntime"],
        here["opencv"],
        here["cpu"]["name"],
        "h264",
        "OpenCV right, bit for bit",
        "Everything asked for works.",
    ):
        assert part in result.stdout


def test_the_model_it_tries_gives_what_it_expects() -> None:
    model = onnx.load(checks.SAMPLES / "model.onnx")
    onnx.checker.check_model(model)
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    pixels = np.array(checks.MODEL_INPUT, np.float64)
    mixed = np.einsum("oi,nihw->nohw", constants["kernel"][:, :, 0, 0].astype(np.float64), pixels)
    output = mixed.reshape(1, -1) @ constants["weights"].astype(np.float64) + constants["row"]
    assert output.tolist() == checks.MODEL_OUTPUT


def test_the_samples_are_those_that_their_program_makes(tmp_path: Path) -> None:
    import av

    samples.write_model(tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_bytes() == (checks.SAMPLES / "model.onnx").read_bytes()
    assert {path.name for path in checks.SAMPLES.iterdir()} == {"model.onnx", *samples.CODECS}
    for name in samples.CODECS:
        with av.open(str(checks.SAMPLES / name)) as container:
            codec = container.streams.video[0].codec_context.name
            assert Path(name).stem in {codec, {"libdav1d": "av1"}.get(codec)}
            frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
        assert len(frames) == 2
        assert all(int(np.ptp(frame)) < 8 for frame in frames)
        assert float(frames[1].mean()) - float(frames[0].mean()) > 40


# What was simulated for sessions is named here too; test_cuda.py has every cause.
@pytest.mark.parametrize(
    ("machine", "options", "problem"),
    [
        (Machine(driver=(MAJOR * 1000, 100)), [], "the NVIDIA driver finds no card"),
        pytest.param(
            Machine(),
            [],
            "onnxruntime cannot use CUDA on this machine (CUDA failure 999: unknown error)",
            marks=slow,
        ),
        (
            Machine(has_cuda=False, wheels=(("onnxruntime", "99.0.0"), ("onnxruntime-gpu", "98.0.0"))),
            [],
            "onnxruntime 99.0.0 and onnxruntime-gpu 98.0.0 are both installed and have overwritten each other's files",
        ),
        (
            Machine(has_cuda=False, wheels=(("onnxruntime", "99.0.0"),)),
            ["--device", "cuda"],
            "the onnxruntime 99.0.0 installed here is built without CUDA",
        ),
    ],
)
def test_cuda_that_cannot_work_is_a_problem_where_it_was_asked_for(
    machine: Machine, options: list[str], problem: str, tmp_path: Path
) -> None:
    report = run_json(*options, code=1, environment=build(machine, tmp_path))
    assert [found["what"] for found in report["problems"]] == [problem]
    assert report["devices"]["cpu"]["ok"] is True
    assert report["devices"]["cuda"]["ok"] is False
    assert report["auto"] == "cpu"


@pytest.mark.parametrize("options", [[], ["--device", "cpu"]])
def test_cuda_that_cannot_work_is_no_problem_where_it_was_not_asked_for(options: list[str], tmp_path: Path) -> None:
    machine = Machine(driver=None) if options else Machine(has_cuda=False, wheels=(("onnxruntime", "99.0.0"),))
    report = run_json(*options, code=0, environment=build(machine, tmp_path))
    assert report["devices"]["cuda"]["ok"] is False
    assert report["auto"] == "cpu"


def test_no_onnxruntime_is_a_problem_and_the_rest_is_reported(tmp_path: Path) -> None:
    environment = with_module(tmp_path, "onnxruntime", "raise ImportError('no such thing')")
    report = run_json(code=1, environment=environment)
    (problem,) = report["problems"]
    assert problem["what"] == "onnxruntime cannot be imported (no such thing)"
    assert 'pip install "vidcls[cpu]"' in problem["mend"]
    assert (report["onnxruntime"], report["auto"], report["devices"]) == (None, None, {})
    assert report["opencv"]
    lines = report_lines(report)
    assert "Problem 1: onnxruntime cannot be imported (no such thing)" in lines
    assert lines[-1] == "Not everything asked for works."


def test_an_onnxruntime_that_crashes_is_a_problem_and_the_rest_is_reported(tmp_path: Path) -> None:
    environment = with_module(tmp_path, "onnxruntime", "import os, signal\nos.kill(os.getpid(), signal.SIGILL)")
    report = run_json(code=1, environment=environment)
    assert report["problems"][0]["what"] == "onnxruntime ends in a crash (SIGILL)"
    assert report["opencv"]


def test_a_crash_after_an_answer_is_the_next_checks_and_stray_prints_are_no_answers(tmp_path: Path) -> None:
    content = f"""
import ctypes, os, signal, sys
print("a stray line")
ctypes.CDLL(None).puts(b"one from C")
sys.path.remove({str(tmp_path)!r})
del sys.modules["onnxruntime"]
import onnxruntime
class Crash:
    def __init__(self, *arguments, **options):
        os.kill(os.getpid(), signal.SIGSEGV)
onnxruntime.InferenceSession = Crash
sys.modules["onnxruntime"] = onnxruntime
"""
    report = run_json("--device", "cpu", code=1, environment=with_module(tmp_path, "onnxruntime", content))
    (problem,) = report["problems"]
    assert problem["what"] == "a tiny model on device 'cpu' ends in a crash (SIGSEGV)"
    assert report["onnxruntime"]


# The limit is as short as the checks that answer allow.
@pytest.mark.parametrize(
    ("hangs_at", "what", "answered"),
    [(1, "onnxruntime", set()), (2, "a tiny model on device 'cuda'", {"cpu"})],
    ids=["as it is started", "as a session is opened on it"],
)
def test_a_driver_that_hangs_is_a_problem_and_the_rest_is_reported(
    hangs_at: int, what: str, answered: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in build(Machine(hangs_at=hangs_at), tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(doctor, "ANSWER_SECONDS", 20.0)
    report = doctor.examine()
    (problem,) = report["problems"]
    assert problem["what"] == f"{what}, or a driver that it loads, does not answer within 20 s"
    assert problem["mend"].startswith("restart this machine;")
    assert (report["ok"], report["auto"]) == (False, "cpu" if answered else None)
    assert {name for name, found in report["devices"].items() if found["ok"]} == answered
    assert report["opencv"]
    assert f"Problem 1: {problem['what']}" in report_lines(report)
    assert doctor.usable_devices() == ("cpu",)


def test_no_opencv_is_a_problem_and_the_rest_is_reported(tmp_path: Path) -> None:
    environment = with_module(tmp_path, "cv2", "raise ImportError('libGL.so.1: cannot open shared object file')")
    report = run_json("--device", "cpu", code=1, environment=environment)
    (problem,) = report["problems"]
    assert "libGL.so.1" in problem["what"]
    assert "pip install opencv-python-headless" in problem["mend"]
    assert (report["opencv"], report["video"]) == (None, None)
    assert report["devices"]["cpu"]["ok"] is True
    assert "OpenCV       missing" in report_lines(report)


def test_an_opencv_that_decodes_nothing_is_a_problem() -> None:
    environment = {**os.environ, "OPENCV_VIDEOIO_PRIORITY_FFMPEG": "0"}
    report = run_json("--device", "cpu", code=1, environment=environment)
    (problem,) = report["problems"]
    assert problem == {"what": "OpenCV can decode no video", "mend": "unset OPENCV_VIDEOIO_PRIORITY_FFMPEG"}


# In the child a cv2 as OpenCV 4.12 has it: no logging, and its pixels are known to be others.
def test_an_opencv_that_is_too_old_is_a_problem_and_the_rest_is_reported(tmp_path: Path) -> None:
    content = f"""
import sys
sys.path.remove({str(tmp_path)!r})
del sys.modules["cv2"]
import cv2
cv2.__version__ = "4.12.0"
del cv2.utils.logging
sys.modules["cv2"] = cv2
"""
    environment = with_module(tmp_path, "cv2", content)
    report = run_json("--device", "cpu", code=1, environment=environment)
    (problem,) = report["problems"]
    assert problem["what"].startswith("OpenCV 4.12.0 decodes other pixels than 4.13 and later (")
    assert problem["mend"].startswith("run 'pip install --upgrade \"opencv-python")
    assert (report["opencv"], report["devices"]["cpu"]["ok"]) == ("4.12.0", True)
    decoders = {found["name"]: found["ok"] for found in report["video"]["decoders"]}
    assert decoders == {"OpenCV": False, "PyAV": True}
    assert {"OpenCV not as it should", "PyAV right, bit for bit"} <= {line.strip() for line in report_lines(report)}


def test_a_decoder_with_other_pixels_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        decoder_check, "iter_frames", lambda *args, **options: (f // 2 for f in iter_frames(*args, **options))
    )
    monkeypatch.setattr(decoder_check, "check_decoders", decoder_check.check_decoders.__wrapped__)
    for found in checks.check_video()["decoders"]:
        assert found["ok"] is False
        assert set(found["problem"]) == {"what", "mend"}
        assert "10-bit HEVC by " in found["problem"]["what"]
        assert found["problem"]["mend"].startswith("run 'pip install --force-reinstall ")


def test_a_device_that_computes_wrongly_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MODEL_OUTPUT", [[141, 164, 133]])
    found = checks.check_run("cpu")
    assert found["problem"]["what"].startswith("a tiny model on device 'cpu' gives [[141.0, 164.0, 132.0]], expected")


def test_cameras_are_listed_with_whether_they_may_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("video0", "video1", "null"):
        (tmp_path / name).touch()
    monkeypatch.setattr(doctor, "Path", lambda _folder: tmp_path)
    monkeypatch.setattr(os, "access", lambda path, _mode: path.name != "video1")
    first, second = (str(tmp_path / name) for name in ("video0", "video1"))
    cameras = doctor._cameras()
    assert cameras == [{"path": first, "usable": True}, {"path": second, "usable": False}]
    notes = doctor._notes({"devices": {}, "video": None, "cameras": cameras, "problems": []})
    assert [note["what"] for note in notes] == [f"{second} may not be opened by this user"]


def test_wrong_usage_exits_with_2() -> None:
    assert CliRunner().invoke(main, ["doctor", "--device", "tpu"]).exit_code == 2
