"""What a graph returns is compared with its contract, whichever engine ran it, and a run that does not end is ended."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from fuzz.hostile_graphs import GRAPHS
from fuzz.model_mutants import complete_fields, embedded
from vidcls import ModelError
from vidcls.runtime import deadline
from vidcls.runtime.deadline import ended_after, longest_run
from vidcls.runtime.model import open_model
from vidcls.runtime.onnxruntime_session import OnnxRuntimeSession
from vidcls.runtime.session import Engine, run_checked

BATCH = np.random.default_rng(0).standard_normal((3, 4, 3, 32, 32)).astype(np.float32)


@pytest.fixture(params=["onnxruntime", "openvino"])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "openvino":
        pytest.importorskip("openvino", reason='needs pip install "vidcls[openvino]"')
    found: Engine = request.param
    return found


def write_graph(path: Path, name: str) -> Path:
    import json

    path.write_bytes(embedded(json.dumps(complete_fields()), GRAPHS[name]()))
    return path


def test_the_sound_graph_answers(engine: Engine, tmp_path: Path) -> None:
    session, _ = open_model(write_graph(tmp_path / "m.onnx", "the sound one"), device="cpu", engine=engine)
    assert run_checked(session, BATCH, labels=4).shape == (3, 4)


@pytest.mark.parametrize("name", ["five logits", "one logit", "two answers", "no answer", "three dimensions"])
def test_another_shape_than_the_contracts_is_no_answer(name: str, engine: Engine, tmp_path: Path) -> None:
    path = write_graph(tmp_path / "m.onnx", name)
    with pytest.raises(ModelError, match=r"^[^\n]*m\.onnx: [^\n]*(returned|the contract says|cannot run)[^\n]*$"):
        run_checked(open_model(path, device="cpu", engine=engine)[0], BATCH, labels=4)


@pytest.mark.parametrize("name", ["NaN", "infinity"])
def test_what_is_not_finite_is_no_answer(name: str, engine: Engine, tmp_path: Path) -> None:
    session, _ = open_model(write_graph(tmp_path / "m.onnx", name), device="cpu", engine=engine)
    with pytest.raises(ModelError, match=r"m\.onnx: the model's logits are not finite on cpu"):
        run_checked(session, BATCH, labels=4)


@pytest.mark.parametrize(
    "answer",
    [np.zeros((2, 4)), np.zeros((2, 4), np.float16), np.zeros((4, 2), np.float32), np.float32(0), [0.0], None],
)
def test_only_float32_of_the_right_shape_is_an_answer(answer: object, tmp_path: Path) -> None:
    session = OnnxRuntimeSession(write_graph(tmp_path / "m.onnx", "the sound one"), device="cpu")
    session.run = lambda _: answer  # type: ignore[method-assign, assignment, return-value]
    with pytest.raises(ModelError, match=r"m\.onnx: the graph returned .*, expected float32 \[2, 4\] by the contract"):
        run_checked(session, BATCH[:2], labels=4)


def watchers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "vidcls run limit"]


def test_a_graph_without_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(deadline.LEAST_SECONDS, "cpu", 0.3)
    path = tmp_path / "m.onnx"
    path.write_bytes(GRAPHS["an endless loop"]().SerializeToString())
    session = OnnxRuntimeSession(path, device="cpu")  # `open_model` would not open it
    started = time.monotonic()
    with pytest.raises(ModelError, match=r"m\.onnx: the graph ran for 0 s, longer than its size allows, and was ended"):
        session.run(BATCH[:1])
    assert time.monotonic() - started < 60
    deadline_of_watcher = time.monotonic() + 60
    while watchers() and time.monotonic() < deadline_of_watcher:
        time.sleep(0.05)
    assert watchers() == []


def test_one_thread_watches_all_runs_and_a_process_that_waits_is_not_ended() -> None:
    ended: list[str] = []
    with ended_after(0.2, lambda: ended.append("one")), ended_after(60, lambda: ended.append("other")):
        assert len(watchers()) == 1
        time.sleep(1)  # takes no processor, as a stopped process does
        assert ended == []
        until = time.monotonic() + 60
        while not ended and time.monotonic() < until:
            sum(range(10_000))
    assert set(ended) == {"one"}


def test_a_run_may_take_what_its_size_explains() -> None:
    tiny = longest_run(file_bytes=200_000, input_shape=["batch", 4, 3, 32, 32], device="cpu")
    base = longest_run(file_bytes=90_000_000, input_shape=["batch", 16, 224, 224, 3], device="cpu")  # ViT-B in int8
    assert tiny < 6
    # 180 GMAC for a processor of 1 GMAC a second: a Raspberry Pi Zero.
    assert base > 10 * 180
