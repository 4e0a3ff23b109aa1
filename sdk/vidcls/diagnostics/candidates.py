"""What can be compared on this machine: model files that answer one question, times the engines that run them here."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidcls.contract import ModelContract
from vidcls.diagnostics.doctor import usable_devices
from vidcls.errors import ArgumentError, ModelError, VidclsError
from vidcls.huggingface import DEFAULT_CLIP_SECONDS
from vidcls.runtime.devices import Device, is_cuda
from vidcls.runtime.model import read_contract
from vidcls.versions import package_version

# A hybrid's picture network, which is most of its work, is shown whole frames, so that fewer tokens save it little, and
# stays in float: in int8 one of vidcls/tiny takes as long as in fp32 with onnxruntime.
_HYBRID = "VideoMAEHybridForVideoClassification"
# Divided attention needs every token.
_NO_FEWER_TOKENS = ("TimesformerForVideoClassification", _HYBRID)
_EXPORT = "vidcls-export CHECKPOINT -o"


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """A file to compare. contract: None where the file cannot be used, and `problem` says why."""

    path: Path
    contract: ModelContract | None
    problem: VidclsError | None = None


@dataclass(frozen=True, kw_only=True)
class Placement:
    """What computes, and where."""

    engine: str
    device: Device


@dataclass(frozen=True, kw_only=True)
class MissingExport:
    """A kind of file that may be faster here and was not given. command: what makes it of the checkpoint."""

    what: str
    command: str


def find_files(model: str | os.PathLike[str], others: Sequence[str | os.PathLike[str]]) -> list[ModelFile]:
    """MODEL, and then the others: files, or folders whose files ending in .onnx count, by name. Each file once.

    Raises:
        ArgumentError: a folder holds no such file.
    """
    paths: dict[Path, Path] = {}
    for given in (model, *others):
        for path in _files_at(Path(given)):
            paths.setdefault(path.resolve(), path)
    return [_read(path) for path in paths.values()]


def check_one_question(files: Sequence[ModelFile]) -> None:
    """Refuse models whose answers do not mean the same: with other labels, or of clips of another length.

    Raises:
        ModelError: names two such files, and what differs.
    """
    usable = [(file.path, file.contract) for file in files if file.contract is not None]
    for path, contract in usable[1:]:
        difference = _difference(usable[0][1], contract)
        if difference is not None:
            raise ModelError(
                f"{path}: answers another question than {usable[0][0]}: {difference}; compare models with the same "
                "labels and clip_seconds"
            )


def find_placements(*, engine: str | None, device: str) -> list[Placement]:
    """Engines and devices that work here: onnxruntime on the CPU and on CUDA, OpenVINO on the CPU.

    Args:
        engine: this one alone, whether it works or not; None for all.
        device: "cpu" or a card such as "cuda" alone, whether it works or not; "auto" for all.

    Raises:
        ArgumentError: the engine is not for that device.
    """
    devices = usable_devices() if device == "auto" else (device,)
    has_openvino = package_version("openvino") is not None or engine == "openvino"
    found = [
        *([Placement(engine="onnxruntime", device="cpu")] if "cpu" in devices else []),
        *(Placement(engine="onnxruntime", device=card) for card in devices if is_cuda(card)),
        *([Placement(engine="openvino", device="cpu")] if has_openvino and not is_cuda(device) else []),
    ]
    kept = [placement for placement in found if engine in (None, placement.engine)]
    if not kept:
        raise ArgumentError(f"engine '{engine}' does not run on device '{device}'; leave one of them out")
    return kept


def fits(contract: ModelContract, placement: Placement) -> bool:
    """Whether a file is for that device at all: int8 files are for CPUs."""
    return placement.device == "cpu" or contract.model.precision != "int8"


def missing_exports(files: Sequence[ModelFile], placements: Sequence[Placement]) -> list[MissingExport]:
    """What else of the checkpoint may be faster with these engines, and would have to be exported first."""
    contracts = [file.contract for file in files if file.contract is not None]
    if not contracts:
        return []
    check = f"{_clip_seconds(contracts[0])}--check CLIPS"
    kinds = {(contract.model.precision, contract.model.graph) for contract in contracts}
    engines = {placement.engine for placement in placements if placement.device == "cpu"}
    missing = []
    is_hybrid = any(one.source.architecture == _HYBRID for one in contracts)
    if "onnxruntime" in engines and ("int8", "onnxruntime") not in kinds and not is_hybrid:
        missing.append(MissingExport(what="int8", command=f"{_EXPORT} int8.onnx --precision int8 {check}"))
    if "openvino" in engines and ("int8", "portable") not in kinds:
        command = f"{_EXPORT} int8-portable.onnx --precision int8 --graph portable {check}"
        missing.append(MissingExport(what="int8 for OpenVINO", command=command))
    if any(is_cuda(placement.device) for placement in placements) and "fp16" not in {kind for kind, _ in kinds}:
        missing.append(MissingExport(what="fp16", command=f"{_EXPORT} fp16.onnx --precision fp16 {check}"))
    if all(one.tokens.rule == "all" and one.source.architecture not in _NO_FEWER_TOKENS for one in contracts):
        command = f"{_EXPORT} quarter.onnx --tokens lattice:0.25 {check}"
        missing.append(MissingExport(what="fewer tokens", command=command))
    return missing


def _clip_seconds(contract: ModelContract) -> str:
    """The option by which a checkpoint's clips last as long again; "" where it says so itself.

    One of transformers' own says nothing of it, and is known by being trained on no data that it tells of.
    """
    seconds = contract.sampling.clip_seconds
    is_said = contract.source.data is not None or seconds == DEFAULT_CLIP_SECONDS
    return "" if is_said else f"--clip-seconds {seconds!r} "


def _files_at(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    found = sorted(one for one in path.glob("*.onnx") if one.is_file())
    if not found:
        raise ArgumentError(f"{path}: holds no file ending in .onnx; name a folder of models from vidcls-export")
    yield from found


def _read(path: Path) -> ModelFile:
    try:
        return ModelFile(path=path, contract=read_contract(path))
    except VidclsError as problem:
        return ModelFile(path=path, contract=None, problem=problem)


def _difference(first: ModelContract, second: ModelContract) -> str | None:
    """What keeps two models' answers from meaning the same, for a sentence."""
    if first.labels != second.labels:
        if sorted(first.labels) == sorted(second.labels):
            return "its labels are in another order"
        only = [label for label in second.labels if label not in first.labels]
        lacks = [label for label in first.labels if label not in second.labels]
        return f"it has the label {only[0]!r}" if only else f"it lacks the label {lacks[0]!r}"
    ours, theirs = first.sampling.clip_seconds, second.sampling.clip_seconds
    if ours != theirs:
        return f"its clips last {theirs:.3f} s and not {ours:.3f} s"
    if first.decision.activation != second.decision.activation:
        return "of only one of them several labels may hold together"
    return None
