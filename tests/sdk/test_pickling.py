"""A classifier goes to other processes by its file's path and its options, and answers there as it does here."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from generated import write_clip, write_model
from vidcls import ModelError, VideoClassifier


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    write_clip(tmp_path / "clip.mp4", frames=40, width=64, height=48)
    return tmp_path / "clip.mp4"


def test_in_a_spawned_process_answers_are_the_same(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path / "model.onnx")
    monkeypatch.chdir(tmp_path)
    classifier = VideoClassifier("model.onnx", device="cpu")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")  # the path is the file's, wherever the program went
    here = classifier.predict(clip, views=2, crops=3, region=(0.1, 0.0, 1.0, 0.9), decoder="opencv")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        call = process.submit(classifier.predict, clip, views=2, crops=3, region=(0.1, 0.0, 1.0, 0.9), decoder="opencv")
        there = call.result(timeout=120)
    np.testing.assert_array_equal(there.logits, here.logits)
    assert (there.device, there.windows) == (here.device, here.windows)


TRAVELLING = """
import pickle, sys
from vidcls import VideoClassifier

classifier = VideoClassifier(sys.argv[1], device="cpu", engine="openvino")
print(classifier.provider, pickle.loads(pickle.dumps(classifier)).provider, sep="\\n")
"""


def test_options_travel(tmp_path: Path) -> None:
    """In a process of its own: one that had run OpenVINO crashed later on, once PyTorch had forked workers from it."""
    pytest.importorskip("openvino")
    command = [sys.executable, "-c", TRAVELLING, str(write_model(tmp_path / "model.onnx"))]
    here, there = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert here == there
    assert here.startswith("OpenVINO")


def test_what_a_subclass_adds_travels_too(tmp_path: Path) -> None:
    classifier = Named(write_model(tmp_path / "model.onnx"), device="cpu")
    classifier.name = "door"
    other = _loads(pickle.dumps(classifier))
    assert (type(other), other.name, other.labels) == (Named, "door", classifier.labels)


def _loads(pickled: bytes) -> Any:
    return pickle.loads(pickled)  # noqa: S301 - made here


class Named(VideoClassifier):
    """A classifier with a name."""

    name = ""


def test_another_file_at_its_place_is_refused(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.onnx")
    pickled = pickle.dumps(VideoClassifier(path, device="cpu"))
    write_model(path, labels=("a", "b", "c"))
    with pytest.raises(ModelError, match=r"model\.onnx: is another model than when the classifier was pickled"):
        _loads(pickled)
    path.unlink()
    with pytest.raises(ModelError, match=r"model\.onnx: there is no such file"):
        _loads(pickled)


def test_a_copy_is_the_classifier_itself(tmp_path: Path) -> None:
    classifier = VideoClassifier(write_model(tmp_path / "model.onnx"), device="cpu")
    assert copy.copy(classifier) is classifier
    assert copy.deepcopy({"classifier": classifier})["classifier"] is classifier


def test_calling_it_is_predicting(tmp_path: Path, clip: Path) -> None:
    classifier = VideoClassifier(write_model(tmp_path / "model.onnx"), device="cpu")
    options: dict[str, Any] = {"views": 3, "crops": 3, "region": (0.0, 0.0, 0.5, 1.0)}
    called, predicted = classifier(clip, **options), classifier.predict(clip, **options)
    np.testing.assert_array_equal(called.logits, predicted.logits)
    assert called.windows == predicted.windows
    assert not np.array_equal(called.logits, classifier(clip).logits)
