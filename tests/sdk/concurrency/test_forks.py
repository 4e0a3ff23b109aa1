"""What a process does that was forked from one with a model open: it answers the same, or says what to do; no hang."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")

PROGRAM = """
import os, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")  # from Python 3.12 on, one about forks of processes with threads

from vidcls import VideoClassifier

engine, model, clip = sys.argv[1:]
classifier = VideoClassifier(model, device="cpu", engine=engine)
expected = classifier.predict(clip).logits.tobytes()
many = classifier.predict_many([clip] * 50)
next(many)
stream = classifier.stream(clip, pace="fastest")
next(stream)
untouched = classifier.stream(clip, pace="fastest")
child = os.fork()
if child == 0:
    %s
    sys.exit(4)
print(os.waitstatus_to_exitcode(os.wait()[1]))
print(sum(1 for _ in many))  # the parent goes on as if nothing had been
stream.close()
untouched.close()
"""
TOLD = """
    try:
        %s
        print("answered")
    except RuntimeError as error:
        print(error)
"""


def forked(child: str, *, engine: str, model: Path, clip: Path) -> list[str]:
    command = [sys.executable, "-c", PROGRAM % child.strip(), engine, str(model), str(clip)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (found.returncode, found.stderr) == (0, "")
    *said, code, parent = found.stdout.splitlines()
    assert (code, parent) == ("4", "49")
    return said


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_child_that_uses_nothing_ends_with_its_own_code(engine: str, model: Path, clip: Path) -> None:
    if engine == "openvino":
        pytest.importorskip("openvino")
    assert forked("", engine=engine, model=model, clip=clip) == []


def test_onnxruntime_answers_the_same_in_a_child(model: Path, clip: Path) -> None:
    same = "print(classifier.predict(clip).logits.tobytes() == expected)"
    own = "print(VideoClassifier(model).predict(clip).logits.tobytes() == expected)"
    assert forked(f"{same}; {own}", engine="onnxruntime", model=model, clip=clip) == ["True", "True"]


def test_a_model_that_was_replaced_is_not_taken_for_the_one_that_was_open(
    model: Path, clip: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "model.onnx"
    copy.write_bytes(model.read_bytes())
    child = TOLD % "os.utime(model, (0, 0)); classifier.predict(clip)"
    (said,) = forked(child, engine="onnxruntime", model=copy, clip=clip)
    assert said == f"{copy}: has changed since it was opened; open it again in this process"


ELSEWHERE = """
import os, sys
from vidcls import VideoClassifier

classifier = VideoClassifier("model.onnx", device="cpu")
expected = classifier.predict(sys.argv[1]).logits.tobytes()
os.chdir("/")  # as daemons do
child = os.fork()
if child == 0:
    print(classifier.predict(sys.argv[1]).logits.tobytes() == expected, flush=True)
    os._exit(0)
os.wait()
"""


def test_a_child_finds_the_model_though_the_working_folder_is_another(model: Path, clip: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", ELSEWHERE, str(clip)]
    found = subprocess.run(command, cwd=model.parent, capture_output=True, text=True, timeout=60, check=False)
    assert (found.stdout, found.stderr) == ("True\n", "")


def test_openvino_is_refused_in_a_child(model: Path, clip: Path) -> None:
    pytest.importorskip("openvino")
    inherited = TOLD % "classifier.predict(clip)"
    own = TOLD % "VideoClassifier(model, device='cpu', engine='openvino')"
    first, second = forked(inherited + own, engine="openvino", model=model, clip=clip)
    assert "before this process was forked, and cannot be used in it; start the process by" in first
    assert "OpenVINO was loaded before this process was forked" in second


def test_what_the_parent_reads_is_the_parents(model: Path, clip: Path) -> None:
    child = "".join(TOLD % f"next({name})" for name in ("many", "stream", "untouched"))
    many, stream, untouched = forked(child, engine="onnxruntime", model=model, clip=clip)
    assert "in the parent process, which alone can go on with them; begin in this process" in many
    assert stream == many
    assert (
        untouched == f"{clip}: was opened before this process was forked, and is its parent's; open it in this process"
    )


BUSY = """
import os, sys, threading, time
from vidcls.concurrency.daemons import RUN_SECONDS, call_of_the_program

entered = threading.Event()

def call():
    with call_of_the_program():
        entered.set()
        time.sleep(100)

threading.Thread(target=call, daemon=True).start()
entered.wait()
begun = time.monotonic()
child = os.fork()
if child == 0:
    sys.exit(4)
print(os.waitstatus_to_exitcode(os.wait()[1]), time.monotonic() - begun < RUN_SECONDS / 2, flush=True)
os._exit(0)  # the parent itself waits for its own daemon
"""


def test_a_childs_end_does_not_wait_for_daemons_that_only_its_parent_has() -> None:
    command = [sys.executable, "-W", "ignore", "-c", BUSY]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (found.stdout, found.stderr) == ("4 True\n", "")
