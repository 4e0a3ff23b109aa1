"""`verify` on an exported file that something has been done to: every way of spoiling it is found."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import numpy_helper

from vidcls import ModelError, VideoClassifier
from vidcls.cli.main import main


def flip_weight(path: Path) -> None:
    """The lowest bit of one weight's first byte: it moves no logit that anybody would see."""
    weights = max(onnx.load(path).graph.initializer, key=lambda tensor: len(tensor.raw_data)).raw_data
    flip(path, weights[:64])


def flip_label(path: Path) -> None:
    flip(path, b'"clap"', bit=2, offset=2)  # "chap"


def flip_seconds(path: Path) -> None:
    flip(path, b'"clip_seconds": 0.8', offset=len('"clip_seconds": 0.'))  # 0.9


def flip(path: Path, place: bytes, *, bit: int = 0, offset: int = 0) -> None:
    content = bytearray(path.read_bytes())
    assert content.count(place) == 1
    content[content.index(place) + offset] ^= 1 << bit
    path.write_bytes(content)


def append(path: Path) -> None:
    """A field that no reader of ONNX knows, which every one skips."""
    path.write_bytes(path.read_bytes() + b"\x9a\x06\x01x")


def other_hash(path: Path) -> None:
    path.write_bytes(re.sub(rb'("file_sha256": ")[0-9a-f]{64}', rb"\g<1>" + b"ab" * 32, path.read_bytes()))


def swap_labels(path: Path) -> None:
    """Two classes change their names and the hash is made right again: only the logits' own order shows it.

    Who can do this can also write other self-test logits; `verify` is against damage, not against an enemy.
    """
    proto = onnx.load(path)
    fields = json.loads(proto.metadata_props[0].value)
    fields["labels"][:2] = fields["labels"][1::-1]
    logits = fields["self_test"]["logits"]
    logits[:2] = logits[1::-1]
    write_with_hash(proto, fields, path)


def replace_matrix(path: Path) -> None:
    """Another matrix in the place of one, under a hash that is right again."""
    proto = onnx.load(path)
    tensor = max(proto.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    values = numpy_helper.to_array(tensor)
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values[::-1]), tensor.name))
    write_with_hash(proto, json.loads(proto.metadata_props[0].value), path)


def swap_colours(path: Path) -> None:
    """Blue for red: what a runtime would do that took frames as OpenCV has them."""
    proto = onnx.load(path)
    (first,) = (node for node in proto.graph.node if "pixel_values" in node.input)
    proto.graph.initializer.append(numpy_helper.from_array(np.array([2, 1, 0], np.int64), "bgr"))
    turn = onnx.helper.make_node("Gather", ["pixel_values", "bgr"], ["turned"], axis=4)
    first.input[0] = "turned"
    nodes = [turn, *proto.graph.node]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    write_with_hash(proto, json.loads(proto.metadata_props[0].value), path)


def write_with_hash(proto: onnx.ModelProto, fields: dict[str, Any], path: Path) -> None:
    """Write a model with that contract and the hash that fits it."""
    fields["model"]["file_sha256"] = "0" * 64
    onnx.helper.set_model_props(proto, {"vidcls": json.dumps(fields)})
    content = proto.SerializeToString()
    path.write_bytes(content.replace(b"0" * 64, hashlib.sha256(content).hexdigest().encode()))


BYTES, LOGITS = "the file was changed or damaged after it was exported", "the logits differ from PyTorch's by"
SPOILERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a bit of a weight": (flip_weight, BYTES),
    "a bit of a label": (flip_label, BYTES),
    "a bit of a setting": (flip_seconds, BYTES),
    "bytes at the end": (append, BYTES),
    "another hash": (other_hash, BYTES),
    "two labels, hash made right": (swap_labels, LOGITS),
    "a matrix, hash made right": (replace_matrix, LOGITS),
    "red and blue, hash made right": (swap_colours, LOGITS),
}


@pytest.fixture(params=["fp32", "fp16", "int8"])
def model(request: pytest.FixtureRequest, exports: dict[Any, Any], tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(exports[request.param, "onnxruntime"].path.read_bytes())
    return path


def test_untouched_file_verifies_by_the_command(model: Path) -> None:
    result = CliRunner().invoke(main, ["verify", str(model), "--json", "--device", "cpu"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["ok"] is True


@pytest.mark.parametrize("spoiler", SPOILERS)
def test_every_spoiled_file_fails(model: Path, spoiler: str) -> None:
    spoil, problem = SPOILERS[spoiler]
    spoil(model)
    if problem == BYTES:
        with pytest.raises(ModelError, match=BYTES):
            VideoClassifier(model, device="cpu")
    else:
        result = VideoClassifier(model, device="cpu").verify()
        assert not result.ok
        assert problem in str(result.problem)
    done = CliRunner().invoke(main, ["verify", str(model), "--device", "cpu"])
    assert done.exit_code == 1
    assert problem in done.stderr


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_cut_file_does_not_open(model: Path, share: float) -> None:
    content = model.read_bytes()
    model.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelError):
        VideoClassifier(model, device="cpu")
    assert CliRunner().invoke(main, ["verify", str(model)]).exit_code == 1
