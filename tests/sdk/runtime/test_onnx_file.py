"""What an ONNX file holds is read as protobuf's own readers read it, or the file is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from fuzz.hostile_graphs import GRAPHS, sound_graph
from fuzz.model_mutants import varint
from generated import write_model
from vidcls import ModelError, VideoClassifier
from vidcls.runtime import onnx_file
from vidcls.runtime.onnx_file import foreign_part, read_text


def entry(key: bytes, value: bytes) -> bytes:
    content = b"\x0a" + varint(len(key)) + key + b"\x12" + varint(len(value)) + value
    return b"\x72" + varint(len(content)) + content


def test_a_text_is_found_wherever_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    other, wanted = entry(b"other!", b"x" * 1000), entry(b"vidcls", "été".encode())
    for content in (wanted, other + wanted, wanted + other, sound_graph().SerializeToString() + wanted + other):
        path.write_bytes(content)
        assert read_text(path, "vidcls", limit=10) == "été"
        assert {prop.key: prop.value for prop in onnx.load(path).metadata_props}["vidcls"] == "été"
    path.write_bytes(other)
    assert read_text(path, "vidcls", limit=10) is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (entry(b"vidcls", b"1") * 2, "holds 'vidcls' 2 times"),
        (entry(b"vidcls", b"12345678901"), "a text of 11 bytes, expected at most 10"),
        (entry(b"vidcls", b"\xff"), "can't decode"),
        (entry(b"vidcls", b"\xed\xa0\x80"), "can't decode"),
        (b"\x72\xff\xff\xff\xff\x07", "no protobuf message at byte 0"),  # longer than the file
        (b"\x72\x05\x0a\x7fabc", "no protobuf message at byte 2"),  # longer than what it stands in
        (b"\x72" + b"\xff" * 9 + b"\x01", "no protobuf message at byte 0"),
        (b"\x08" + b"\xff" * 11, "no protobuf number"),
        (varint(1 << 32 | 14 << 3 | 2) + b"\x00", "no protobuf message"),  # 14 to a reader that drops high bits
        (b"\x00\x01", "no protobuf message"),
        (b"\x73\x74", "no protobuf message"),  # a group, which protobuf readers skip
    ],
)
def test_what_two_readers_could_understand_otherwise_is_refused(content: bytes, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=problem):
        read_text(path, "vidcls", limit=10)


def test_a_text_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    size = 2_000_000_000
    with path.open("wb") as file:  # of which the disk keeps nothing
        file.write(b"\x72" + varint(size + 8 + 6) + b"\x0a\x06vidcls\x12" + varint(size))
        file.truncate(size + 20)
    with pytest.raises(ModelError, match=r"a text of 2,000,000,000 bytes, expected at most 33,554,432"):
        VideoClassifier(path)
    with path.open("r+b") as file:
        file.truncate(3_000_000_000)
    with pytest.raises(ModelError, match=r"it has 3,000,000,000 bytes, and no ONNX file has more than 2,147,483,647"):
        VideoClassifier(path)


def test_fields_without_end_are_not_read_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "MAX_FIELDS", 100)
    path = tmp_path / "model.onnx"
    path.write_bytes(b"\x98\x06\x01" * 101)
    with pytest.raises(ValueError, match="more than 100 fields"):
        read_text(path, "vidcls", limit=10)
    path.write_bytes(b"\x3a" + varint(202) + b"\x10\x01" * 101)  # inside the graph
    with pytest.raises(ValueError, match="more than 100 fields"):
        foreign_part(path)


def external(tensor: TensorProto) -> TensorProto:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    return tensor


def only_entries(tensor: TensorProto) -> TensorProto:
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


def in_initializer(model: onnx.ModelProto, tensor: TensorProto) -> None:
    model.graph.initializer.append(tensor)


def in_attribute(model: onnx.ModelProto, tensor: TensorProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))


def in_list(model: onnx.ModelProto, tensor: TensorProto) -> None:
    model.graph.node.append(helper.make_node("Other", [], ["c"], values=[tensor, tensor]))


@pytest.mark.parametrize("place", [in_initializer, in_attribute, in_list])
@pytest.mark.parametrize("spoil", [external, only_entries])
def test_values_in_other_files_are_found_wherever_they_are(
    place: Callable[[onnx.ModelProto, TensorProto], None],
    spoil: Callable[[TensorProto], TensorProto],
    tmp_path: Path,
) -> None:
    model = sound_graph()
    place(model, numpy_helper.from_array(np.ones(3, np.float32), "t"))
    onnx.save(model, tmp_path / "m.onnx")
    assert foreign_part(tmp_path / "m.onnx") is None
    model = sound_graph()
    place(model, spoil(numpy_helper.from_array(np.ones(3, np.float32), "t")))
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    assert foreign_part(tmp_path / "m.onnx") == "a tensor whose values are in another file"


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("the sound one", None),
        ("an endless loop", "a loop or a branch"),
        ("a branch", "a loop or a branch"),
        ("a function", "a function"),
        ("a sparse tensor of a trillion", "a sparse tensor"),
        ("values in memory", "a tensor whose values are in another file"),
        ("values of an attribute elsewhere", "a tensor whose values are in another file"),
    ],
)
def test_what_no_export_holds_is_found(name: str, part: str | None, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(GRAPHS[name]().SerializeToString())
    assert foreign_part(path) == part
    two = sound_graph().SerializeToString() + path.read_bytes()  # protobuf merges two graphs into one
    path.write_bytes(two)
    assert foreign_part(path) == part


def test_the_name_of_a_file_does_not_say_how_it_is_read(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.ort")  # onnxruntime would read it as its own format
    assert VideoClassifier(model, device="cpu").labels
