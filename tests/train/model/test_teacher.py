"""A teacher's answers are its own, whatever it is and whatever is asked of it; what cannot teach is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import VideoMAEForVideoClassification

import random_models
from generated import LABELS, write_checkpoint, write_clip, write_model
from vidcls import VideoClassifier
from vidcls.clips import read_clips
from vidcls.contract import CHECKPOINT_FILE
from vidcls.errors import ModelError
from vidcls.preprocessing import normalise
from vidcls_train.data.clip_list import MULTI_LABEL, SINGLE_LABEL
from vidcls_train.model.teacher import Teacher, graph_input
from vidcls_train.teacher_file import check_teacher, read_teacher, teacher_notices

SAME_GRAPH = 1e-4  # PyTorch and onnxruntime sum in other orders
GREY_LEVELS = 0.05  # half a grey level of each pixel, in logits that spread over several units


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", frames=60, width=64, height=48)


def pixels(teacher: Teacher, clip: Path) -> torch.Tensor:
    frames = read_clips(clip, teacher.contract).frames
    return torch.from_numpy(normalise(frames, teacher.contract.image))


@pytest.mark.parametrize("make", ["videomae", "timesformer", "vivit", "vjepa2"])
def test_a_plain_checkpoint_answers_as_transformers_does(make: str, clip: Path, tmp_path: Path) -> None:
    model, _ = random_models.save(getattr(random_models, make), tmp_path / make)
    file = read_teacher(str(tmp_path / make))
    assert (file.contract.labels, file.contract.decision.temperature) == (LABELS, 1.0)
    teacher = Teacher(file, LABELS, device="cpu")
    asked = pixels(teacher, clip)
    with torch.no_grad():
        expected = model(asked).logits
    assert expected.std() > 0.01
    torch.testing.assert_close(teacher.logits(asked), expected)
    assert teacher.parameters == sum(weight.numel() for weight in model.parameters())


def test_labels_are_found_by_name_in_any_order(checkpoint: Path, clip: Path) -> None:
    file = read_teacher(str(checkpoint))
    whole, some = (Teacher(file, labels, device="cpu") for labels in (LABELS, (LABELS[3], LABELS[1])))
    asked = pixels(whole, clip)
    assert torch.equal(some.logits(asked), whole.logits(asked)[:, [3, 1]])


def test_a_checkpoint_and_its_export_answer_alike(tmp_path: Path, clip: Path) -> None:
    exporter = pytest.importorskip(
        "vidcls_export.exporter", exc_type=ImportError, reason="Optimum is for transformers 4 so far"
    )
    folder = write_checkpoint(tmp_path / "checkpoint")
    exporter.export(folder, tmp_path / "model.onnx")
    torch_teacher, onnx_teacher = (
        Teacher(read_teacher(str(path)), LABELS, device="cpu") for path in (folder, tmp_path / "model.onnx")
    )
    asked = pixels(torch_teacher, clip)
    asked = torch.cat([asked, asked.flip(1), asked.flip(-1)])
    torch.testing.assert_close(torch_teacher.logits(asked), onnx_teacher.logits(asked), atol=SAME_GRAPH, rtol=0)
    # A mixed clip has values between the grey levels that the exported graph takes.
    mixed = 0.3 * asked[:1] + 0.7 * asked[1:2]
    torch.testing.assert_close(torch_teacher.logits(mixed), onnx_teacher.logits(mixed), atol=GREY_LEVELS, rtol=0)
    predicted = VideoClassifier(tmp_path / "model.onnx", device="cpu").predict(clip).logits
    np.testing.assert_allclose(torch_teacher.logits(asked)[0].numpy(), predicted, atol=SAME_GRAPH, rtol=0)
    assert onnx_teacher.parameters is None
    assert (torch_teacher.engine, onnx_teacher.engine) == ("PyTorch", "onnxruntime")


def test_a_graph_that_normalises_is_given_the_very_frames(clip: Path, tmp_path: Path) -> None:
    path = write_model(tmp_path / "bytes.onnx", dtype="uint8")
    file = read_teacher(str(path))
    teacher = Teacher(file, file.contract.labels, device="cpu")
    frames = read_clips(clip, file.contract).frames
    asked = normalise(frames, file.contract.image)
    np.testing.assert_array_equal(graph_input(asked, file.contract), frames)  # type: ignore[arg-type]
    predicted = VideoClassifier(path, device="cpu").predict(clip).logits
    np.testing.assert_allclose(teacher.logits(torch.from_numpy(asked))[0].numpy(), predicted, atol=1e-5)


def test_tokens_are_the_teachers_own(tmp_path: Path, clip: Path) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint")
    config, contract = (json.loads((folder / name).read_text()) for name in ("config.json", CHECKPOINT_FILE))
    (folder / "config.json").write_text(json.dumps({**config, "vidcls_tokens": "lattice:0.5"}))
    (folder / CHECKPOINT_FILE).write_text(json.dumps({**contract, "tokens": {"rule": "lattice", "share": 0.5}}))
    teacher = Teacher(read_teacher(str(folder)), LABELS, device="cpu")
    asked = pixels(teacher, clip)
    with torch.no_grad():
        whole = VideoMAEForVideoClassification.from_pretrained(folder).eval()(asked).logits
    assert not torch.allclose(teacher.logits(asked), whole, atol=1e-3)


@pytest.mark.parametrize(
    ("labels", "problem_type", "message"),
    [
        (("clap", "swim", "wave"), SINGLE_LABEL, "does not know the label 'swim' of the data; take a teacher that"),
        (("a", "b", "c", "d", "e", "f", "wave"), SINGLE_LABEL, "the labels 'a', 'b', 'c', 'd', 'e' and 1 more of the"),
        (("clap", "_none"), SINGLE_LABEL, "does not know the label '_none'"),
        (("clap",), MULTI_LABEL, "was trained for one label a clip, and the data has any number of labels a clip"),
    ],
)
def test_a_teacher_that_cannot_answer_is_refused(
    labels: tuple[str, ...], problem_type: Any, message: str, checkpoint: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        check_teacher(read_teacher(str(checkpoint)), labels, problem_type)


def test_what_differs_is_told(checkpoint: Path) -> None:
    teacher = read_teacher(str(checkpoint))
    seconds = teacher.contract.sampling.clip_seconds
    assert not [line for line in teacher_notices(teacher, LABELS, clip_seconds=seconds) if "licen" not in line]
    told = "\n".join(teacher_notices(teacher, LABELS[:3], clip_seconds=2 * seconds))
    assert "1 of its 4 labels are left out, and its probabilities are those of the others alone" in told
    assert f"was trained on windows of {seconds:.2f} s, and is given the student's, of {2 * seconds:.2f} s" in told


def _no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _other_weights(folder: Path) -> None:
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"\0")


def _no_classifier(folder: Path) -> None:
    (folder / CHECKPOINT_FILE).unlink()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "architectures": ["VideoMAEForPreTraining"]}))


def _another_kind(folder: Path) -> None:
    (folder / CHECKPOINT_FILE).unlink()
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_no_weights, "holds no model.safetensors"),
        (_other_weights, "is cut off|is not|has more"),
        (_no_classifier, "has no trained classifier; fine-tune it first"),
        (_another_kind, "is of a bert, expected one of videomae, videomae_hybrid, timesformer, vivit, vjepa2"),
    ],
)
def test_what_is_no_teacher_is_refused(
    spoil: Callable[[Path], None], message: str, checkpoint: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(checkpoint, tmp_path / "spoilt"))
    spoil(folder)
    with pytest.raises(ModelError, match=message):
        read_teacher(str(folder))


def test_a_file_of_another_kind_and_a_name_of_nothing_are_refused(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"clip\.mp4: "):
        read_teacher(str(clip))
    with pytest.raises(
        ModelError, match=r"--teacher .*: there is no such folder; name a checkpoint's folder, a file that"
    ):
        read_teacher(str(tmp_path / "gone" / "away"))
