"""However a program that watches a camera is left, it ends with its own exit code, soon, and the camera is free."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import fake_camera
from exits.harness import Way, run
from exits.ways import INTERRUPTED
from fake_camera import Kind
from generated import write_clip, write_model
from slow import IS_SLOW

REPETITIONS = 20 if IS_SLOW else 1
# Of repeated runs, by how many seconds later than the first the last one's signal comes.
SPREAD_SECONDS = 0.5
LOG_EVENTS = Path(__file__).parents[2] / "examples" / "log_events.py"

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what is left is found in Linux's /proc"),
]


@dataclass(frozen=True, kw_only=True)
class Watching:
    """A way to leave while a camera of that kind, number 0, is watched; it is opened before the script goes on."""

    way: Way
    camera: Kind


STREAM = (
    "stream = classifier.stream(0, timeout_seconds=30)\nnext(stream)\ntime.sleep(0.5)\n"  # "read hangs" does by now
)
# A stream that is opened meanwhile cannot say that it is being so; its process can.
WHEN_OPENED = """
from pathlib import Path

OPENED = Path(FILES["folder"]) / "0.opened"


def leave_when_opened(seconds):
    while not OPENED.exists():
        time.sleep(0.02)
    time.sleep(seconds)
    leaving()


threading.Thread(target=leave_when_opened, args=[{seconds}], daemon=True).start()
"""
LOGGING = (
    WHEN_OPENED.format(seconds=1.5)
    + f"""
import runpy

sys.argv = ["log_events.py", FILES["model"], FILES["folder"] + "/events.jsonl", "--source", "0"]
runpy.run_path({str(LOG_EVENTS)!r}, run_name="__main__")
"""
)


def ways() -> list[Watching]:
    """All of them: by how the program is left, and by what the camera does meanwhile."""
    found = []

    def add(name: str, camera: Kind, script: str, *, code: int, stderr: str = "", **options: object) -> None:
        way = Way(name=f"{name}, {camera}", script=script, code=code, stderr=stderr, **options)  # type: ignore[arg-type]
        found.append(Watching(way=way, camera=camera))

    for camera in ("good", "read hangs"):
        add("break", camera, "for record in classifier.stream(0):\n    leaving()\n    break\n", code=0)
        with_block = "with classifier.stream(0) as stream:\n    next(stream)\n    leaving()\n    raise SystemExit(7)\n"
        add("error", camera, with_block, code=7)
        add("open at the end", camera, STREAM + "leaving()\n", code=0)
        add("sys.exit", camera, STREAM + "leaving()\nsys.exit(3)\n", code=3, is_quick=camera == "read hangs")
        add("never asked", camera, "stream = classifier.stream(0)\nleaving()\nsys.exit(3)\n", code=3)
        add(
            "in a daemon",
            camera,
            STREAM + "threading.Thread(target=list, args=[stream], daemon=True).start()\nleaving()\nsys.exit(3)\n",
            code=3,
        )
        add(
            "in a thread that is stopped",
            camera,
            STREAM
            + "threading.Thread(target=list, args=[stream]).start()\n"
            + "threading.Timer(1, lambda: (leaving(), stream.stop())).start()\nsys.exit(3)\n",
            code=3,
        )
        add(
            "closed",
            camera,
            STREAM
            + "leaving()\nstarted = time.monotonic()\nstream.close()\n"
            + "sys.exit(0 if threads() == 1 and time.monotonic() - started < 2 else 9)\n",
            code=0,
        )
        for kind, stderr in ((signal.SIGINT, INTERRUPTED), (signal.SIGTERM, ""), (signal.SIGKILL, "")):
            script = STREAM + "leaving()\nfor record in stream:\n    pass\n"
            add(f"{kind.name}", camera, script, code=-kind, kind=kind, stderr=stderr)
        for kind in (signal.SIGINT, signal.SIGTERM):
            is_quick = camera == "read hangs" and kind == signal.SIGTERM
            add(f"log_events.py, {kind.name}", camera, LOGGING, code=0, kind=kind, is_quick=is_quick)
    opening = WHEN_OPENED.format(seconds=0)
    interrupted = {"code": -signal.SIGINT, "kind": signal.SIGINT, "stderr": INTERRUPTED}
    add("predict, SIGINT", "open hangs", opening + "classifier.predict(0)\n", **interrupted)  # type: ignore[arg-type]
    add("stream, SIGINT", "open hangs", opening + "classifier.stream(0)\n", **interrupted)  # type: ignore[arg-type]
    add("release, sys.exit", "release hangs", STREAM + "leaving()\nsys.exit(3)\n", code=3)
    many = 'answers = classifier.predict_many([FILES["clip"], 0])\nnext(answers)\n'
    add("predict_many, open at the end", "open hangs", many + "time.sleep(2)\nleaving()\nsys.exit(3)\n", code=3)
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("live-exits")
    clip = write_clip(folder / "clip.avi", frames=50, rate=25)
    return {"model": str(write_model(folder / "model.onnx")), "clip": str(clip)}


@pytest.mark.parametrize("repetition", range(REPETITIONS), ids="run{}".format)
@pytest.mark.parametrize(
    "watching", [each for each in ways() if IS_SLOW or each.way.is_quick], ids=lambda each: each.way.name
)
def test_a_program_that_watches_a_camera_ends_with_its_own_code_and_lets_go_of_it(
    watching: Watching, repetition: int, files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera, own = tmp_path / "camera", tmp_path / "own"
    camera.mkdir()
    own.mkdir()
    for name, value in fake_camera.environment(camera, watching.camera).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")  # its thread leaves a file in programs that run for longer
    spread = SPREAD_SECONDS * repetition / REPETITIONS
    outcome = run(watching.way, files | {"folder": str(camera)}, own, spread=spread)
    assert not outcome.problems, f"{'; '.join(outcome.problems)}\n{outcome.stderr}"
