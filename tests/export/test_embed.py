"""The contract in the file: what is written, and what is not let out of the house."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import onnx
import pytest

from vidcls import ModelError
from vidcls_export.embed import NO_HASH, embed, prove


@pytest.fixture
def contract(exports: dict[Any, Any]) -> Any:
    """A contract as it goes to `embed`, and the graph it is of."""
    found = exports["fp32", "portable"].contract
    return dataclasses.replace(found, model=dataclasses.replace(found.model, file_sha256=NO_HASH))


@pytest.fixture
def proto(exports: dict[Any, Any]) -> onnx.ModelProto:
    return onnx.load(exports["fp32", "portable"].path)


def test_what_is_embedded_can_be_proven(proto: onnx.ModelProto, contract: Any, tmp_path: Path) -> None:
    embedded = embed(proto, contract, tmp_path / "model.onnx")
    assert embedded.model.file_sha256 != NO_HASH
    assert prove(tmp_path / "model.onnx", embedded).ok
    assert [prop.key for prop in onnx.load(tmp_path / "model.onnx").metadata_props] == ["vidcls"]


def test_other_contract_is_not_let_out(proto: onnx.ModelProto, contract: Any, tmp_path: Path) -> None:
    embedded = embed(proto, contract, tmp_path / "model.onnx")
    with pytest.raises(ModelError, match="is not the one written to it"):
        prove(tmp_path / "model.onnx", dataclasses.replace(embedded, parity=None))


def test_other_answers_are_not_let_out(proto: onnx.ModelProto, contract: Any, tmp_path: Path) -> None:
    logits = tuple(logit + 0.01 for logit in contract.self_test.logits)
    wrong = dataclasses.replace(contract, self_test=dataclasses.replace(contract.self_test, logits=logits))
    embedded = embed(proto, wrong, tmp_path / "model.onnx")
    with pytest.raises(ModelError, match=r"failed its self-test: the logits differ from PyTorch's by 0\.01"):
        prove(tmp_path / "model.onnx", embedded)


def test_damaged_file_is_not_let_out(proto: onnx.ModelProto, contract: Any, tmp_path: Path) -> None:
    embedded = embed(proto, contract, tmp_path / "model.onnx")
    content = bytearray((tmp_path / "model.onnx").read_bytes())
    start = content.index(proto.graph.initializer[0].raw_data)
    content[start] ^= 1
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(ModelError, match="changed or damaged after it was exported"):
        prove(tmp_path / "model.onnx", embedded)


def test_place_of_the_hash_must_be_the_only_one(proto: onnx.ModelProto, contract: Any, tmp_path: Path) -> None:
    proto.doc_string = f'"file_sha256": "{NO_HASH}'
    with pytest.raises(ModelError, match="the place of the file's hash is not the only one"):
        embed(proto, contract, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
