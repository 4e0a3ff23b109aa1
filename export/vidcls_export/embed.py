"""The contract into the file, and the proof that the file keeps it."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import onnx

from vidcls import Verification, VideoClassifier
from vidcls.contract import METADATA_KEY, Contract, Input, Model, ModelContract, Output, Parity, SelfTest, to_json
from vidcls.errors import ModelError
from vidcls.schema import FieldError
from vidcls_export.graph.trace import INPUT, OPSET, OUTPUT
from vidcls_export.options import Graph, Precision

NO_HASH = "0" * 64


def complete_contract(
    contract: Contract, *, precision: Precision, graph: Graph, parity: Parity | None, self_test: SelfTest
) -> ModelContract:
    """The checkpoint's contract with what only an exported file has, its hash still left out.

    Raises:
        ModelError: what was found when the model was exported is outside the contract's ranges.
    """
    model = Model(
        precision=precision,
        graph=graph,
        opset=OPSET,
        input=Input(name=INPUT, dtype="uint8", layout="BTHWC", normalised=False),
        output=Output(name=OUTPUT, dtype="float32"),
        file_sha256=NO_HASH,
    )
    fields = {field.name: getattr(contract, field.name) for field in dataclasses.fields(contract)}
    try:
        return ModelContract(**fields, model=model, parity=parity, self_test=self_test)
    except FieldError as error:
        raise ModelError(f"the model cannot be exported: {error}; train it again") from None


def embed(proto: onnx.ModelProto, contract: ModelContract, path: Path) -> ModelContract:
    """Write `proto` with its contract to `path`.

    Args:
        proto: the graph; gets the contract as its only metadata.
        contract: what the file is to say of itself, with `NO_HASH` as its file_sha256.
        path: the file to write.

    Returns:
        The contract as it stands in the file, with the hash.

    Raises:
        ModelError: the graph itself holds what looks like the place of the hash.
    """
    onnx.helper.set_model_props(proto, {METADATA_KEY: to_json(contract)})
    content = proto.SerializeToString()
    # The hash is over the file with zeros in its place; it is then written over just these zeros.
    before = b'"file_sha256": "'
    if content.count(before + NO_HASH.encode()) != 1:
        raise ModelError(
            "the place of the file's hash is not the only one of its kind in the file; no file was written"
        )
    start = content.index(before + NO_HASH.encode()) + len(before)
    sha256 = hashlib.sha256(content).hexdigest()
    with path.open("wb") as file:
        file.write(memoryview(content)[:start])
        file.write(sha256.encode())
        file.write(memoryview(content)[start + len(sha256) :])
    return dataclasses.replace(contract, model=dataclasses.replace(contract.model, file_sha256=sha256))


def prove(path: Path, contract: ModelContract) -> Verification:
    """Open the finished file as any user would, and compare it with what it should be.

    Raises:
        ModelError: it does not open, says something else of itself, or fails its self-test.
    """
    classifier = VideoClassifier(path, device="cpu")
    if classifier.contract != contract:
        raise ModelError("the contract read from the finished file is not the one written to it; no file was written")
    verification = classifier.verify()
    if not verification.ok:
        raise ModelError(f"the exported file failed its self-test: {verification.problem}; no file was written")
    return verification
