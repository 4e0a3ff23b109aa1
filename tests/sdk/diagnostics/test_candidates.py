"""Which files are compared, on what, and which are refused since their answers do not mean the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from generated import LABELS, contract_fields, write_model
from vidcls.diagnostics import candidates
from vidcls.diagnostics.candidates import Placement, find_files, find_placements, fits, missing_exports
from vidcls.errors import ArgumentError, ModelError

CPU = Placement(engine="onnxruntime", device="cpu")
CUDA = Placement(engine="onnxruntime", device="cuda")
OPENVINO = Placement(engine="openvino", device="cpu")


def written(path: Path, **sections: Any) -> Path:
    fields = contract_fields()
    for name, value in sections.items():
        fields[name] = {**fields[name], **value}
    return write_model(path, fields)


def test_a_folders_models_are_compared_by_name_and_each_file_once(model: Path, tmp_path: Path) -> None:
    for name in ("b.onnx", "a.onnx", "notes.txt"):
        (tmp_path / name).write_bytes(model.read_bytes())
    (tmp_path / "broken.onnx").write_bytes(b"\0")
    found = find_files(tmp_path / "b.onnx", [tmp_path, tmp_path / ".." / tmp_path.name / "a.onnx"])
    assert [file.path.name for file in found] == ["b.onnx", "a.onnx", "broken.onnx"]
    assert [file.contract is None for file in found] == [False, False, True]
    assert "cannot be read as an ONNX model" in str(found[2].problem)
    candidates.check_one_question(found)  # what cannot be read is no question


def test_a_folder_without_models_is_wrong_usage(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"holds no file ending in \.onnx"):
        find_files(model, [tmp_path])


@pytest.mark.parametrize(
    ("kind", "sections", "difference"),
    [
        ({"labels": (*LABELS[:3], "run")}, {}, "it has the label 'run'"),
        ({"labels": LABELS[:3]}, {}, "it lacks the label 'wave'"),
        ({"labels": LABELS[::-1]}, {}, "its labels are in another order"),
        ({"clip_seconds": 1.6}, {}, "its clips last 1.600 s and not 0.800 s"),
        ({}, {"decision": {"activation": "sigmoid"}}, "of only one of them several labels may hold together"),
    ],
)
def test_models_that_answer_different_questions_are_refused(
    model: Path, tmp_path: Path, kind: dict[str, Any], sections: dict[str, Any], difference: str
) -> None:
    fields = contract_fields(**kind)
    for name, value in sections.items():
        fields[name] |= value
    other = write_model(tmp_path / "other.onnx", fields, **kind)
    with pytest.raises(ModelError) as refused:
        candidates.check_one_question(find_files(model, [other]))
    assert str(refused.value) == (
        f"{other}: answers another question than {model}: {difference}; compare models with the same labels and "
        "clip_seconds"
    )


def test_an_engine_or_a_device_that_is_asked_for_is_the_only_one() -> None:
    assert find_placements(engine="onnxruntime", device="cpu") == [CPU]
    assert find_placements(engine="openvino", device="auto") == [OPENVINO]
    assert find_placements(engine=None, device="cuda") == [CUDA]
    with pytest.raises(ArgumentError, match="engine 'openvino' does not run on device 'cuda'"):
        find_placements(engine="openvino", device="cuda")


def test_unasked_there_is_what_works_here(request: pytest.FixtureRequest) -> None:
    pytest.importorskip("openvino")
    found = find_placements(engine=None, device="auto")
    assert [one for one in found if one != CUDA] == [CPU, OPENVINO]
    if CUDA in found:
        assert request.getfixturevalue("cuda_card")


def test_int8_is_not_tried_on_cuda(tmp_path: Path) -> None:
    (file,) = find_files(written(tmp_path / "m.onnx", model={"precision": "int8"}), [])
    assert file.contract is not None
    assert (fits(file.contract, CPU), fits(file.contract, CUDA)) == (True, False)


def test_what_was_not_given_is_named_with_the_command_that_makes_it(model: Path, tmp_path: Path) -> None:
    def missing(path: Path, *places: Placement) -> list[str]:
        return [one.what for one in missing_exports(find_files(model, [path]), places)]

    int8 = written(tmp_path / "int8.onnx", model={"precision": "int8", "graph": "onnxruntime"})
    lattice = written(tmp_path / "lattice.onnx", tokens={"rule": "lattice", "share": 0.5})
    divided = written(tmp_path / "divided.onnx", source={"architecture": "TimesformerForVideoClassification"})
    hybrid = written(tmp_path / "hybrid.onnx", source={"architecture": "VideoMAEHybridForVideoClassification"})
    trained = written(tmp_path / "trained.onnx", source={"data": {"train": 8, "val": 2, "test": 2}})
    plain = written(tmp_path / "plain.onnx", source={"data": None})
    usual = written(tmp_path / "usual.onnx", source={"data": None}, sampling={"clip_seconds": 64 / 30})
    assert missing(model, CPU, OPENVINO, CUDA) == ["int8", "int8 for OpenVINO", "fp16", "fewer tokens"]
    assert missing(int8, CPU) == ["fewer tokens"]
    assert missing(lattice, CPU) == ["int8"]
    assert missing(divided, CUDA) == ["fp16"]  # divided attention cannot leave tokens out
    assert missing(hybrid, CPU) == []  # whose picture network is shown whole frames, and stays in float

    def commands(path: Path) -> list[str]:
        return [one.command for one in missing_exports(find_files(path, []), [OPENVINO])]

    # A checkpoint of transformers' own does not say how long its clips last, and takes the option.
    for path, option in ((trained, ""), (plain, "--clip-seconds 0.8 "), (usual, "")):
        assert [command.partition("CHECKPOINT -o ")[2] for command in commands(path)] == [
            f"int8-portable.onnx --precision int8 --graph portable {option}--check CLIPS",
            f"quarter.onnx --tokens lattice:0.25 {option}--check CLIPS",
        ]
