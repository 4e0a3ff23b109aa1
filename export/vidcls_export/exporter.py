"""From a checkpoint to one ONNX file that carries its contract, in one straight line."""

from __future__ import annotations

import dataclasses
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx

from vidcls.contract import Contract, Input, Model, ModelContract, Output, Parity, SelfTest
from vidcls.selftest import Verification
from vidcls.session import Session
from vidcls_export.checkpoint import open_checkpoint
from vidcls_export.embed import NO_HASH, embed, prove
from vidcls_export.graph import OPSET, Graph, check_graph_kind, count_operators, trace
from vidcls_export.parity import check_agreement, compare, find_clips
from vidcls_export.precision import (
    Precision,
    check_precision,
    check_rounding,
    check_weights,
    convert,
    self_test_tolerance,
)
from vidcls_export.reference import (
    TEST_HEIGHT,
    TEST_WIDTH,
    check_finite,
    reference_logits,
    self_test_clip,
    usable_threads,
)

# How often a clip is timed: large models take seconds a run, tiny ones are lost in noise.
_FEWEST_RUNS, _MOST_RUNS, _ENOUGH_MS = 3, 15, 500


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an export made and how it compares with PyTorch.

    contract: what the file says of itself, its precision and parity among it.
    verification: the file's self-test, run on the finished file.
    file_mb: megabytes of 10^6 bytes.
    latency_ms, latency_pytorch_ms: median of one clip through the model alone, on this CPU.
    ops: {operator: how many nodes}, the most frequent first.
    failed: how many of the videos to check on could not be read.
    """

    path: Path
    contract: ModelContract
    verification: Verification
    file_mb: float
    latency_ms: float
    latency_pytorch_ms: float
    ops: dict[str, int]
    failed: int


def export(
    checkpoint: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    precision: Precision = "fp32",
    graph: Graph = "onnxruntime",
    check: str | os.PathLike[str] | None = None,
    min_agreement: float = 0.99,
    clip_seconds: float | None = None,
) -> Report:
    """Export a checkpoint to one ONNX file, and prove on the way that its answers are PyTorch's.

    `output` is written at the very end: if anything fails, no file is left and an older one stays.

    Args:
        checkpoint: a folder made by vidcls-train, or a plain Hugging Face VideoMAE: a folder or a
            hub id.
        output: the ONNX file to write.
        precision: what the graph computes in; its input and output are float32.
        graph: "onnxruntime" uses its fused attention, "portable" standard ONNX only.
        check: folder of videos to compare with PyTorch on; one folder per label also gives
            accuracies. Without it the file says that its parity is unproven.
        min_agreement: share of `check`'s videos on which the top-1 answers have to agree.
        clip_seconds: seconds that a clip's frames are spread over, only for a checkpoint that does
            not say so itself; None for 64/30.

    Raises:
        ModelError: the checkpoint cannot be exported, or the export does not give PyTorch's answers.
        ValueError: an argument is out of range.
    """
    check_precision(precision)
    check_graph_kind(graph)
    if not 0 <= min_agreement <= 1:
        raise ValueError(f"min_agreement is {min_agreement}, expected a share from 0 to 1")
    path = Path(output)
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; name the ONNX file to write")
    model, contract = open_checkpoint(checkpoint, clip_seconds=clip_seconds)
    clips = None if check is None else find_clips(Path(check), contract.labels)
    check_weights(model, precision=precision)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target, so that the finished file only has to be renamed.
    with usable_threads(), TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        scratch = Path(folder)
        clip, pytorch = self_test_clip(contract), partial(reference_logits, model)
        expected = pytorch(clip)[0].tolist()
        check_finite(expected, of="PyTorch")
        latency_pytorch_ms = _median_ms(partial(pytorch, clip))

        proto = convert(trace(model, graph=graph, scratch=scratch), precision=precision)
        draft = scratch / "graph.onnx"
        onnx.save(proto, draft)
        onnx.checker.check_model(draft)
        check_rounding(draft, clip, expected, precision=precision)

        exported = Session(draft, device="cpu").run
        latency_ms = _median_ms(partial(exported, clip))
        parity = None
        if clips is not None:
            parity = compare(clips, contract, pytorch=pytorch, exported=exported)
            check_agreement(parity, minimum=min_agreement)

        complete = _complete(contract, expected, parity, precision=precision, graph=graph)
        finished = scratch / "finished.onnx"
        complete = embed(proto, complete, finished)
        verification = prove(finished, complete)
        file_mb = round(finished.stat().st_size / 1e6, 3)
        finished.replace(path)
    return Report(
        path=path,
        contract=complete,
        verification=verification,
        file_mb=file_mb,
        latency_ms=latency_ms,
        latency_pytorch_ms=latency_pytorch_ms,
        ops=count_operators(proto),
        failed=len(clips.videos) - parity.videos if clips and parity else 0,
    )


def report_fields(report: Report) -> dict[str, Any]:
    """The report's figures for JSON; those of the comparison are null where nothing was compared."""
    parity = report.contract.parity
    return {
        "path": str(report.path),
        "precision": report.contract.model.precision,
        "top1_agreement": parity.top1_agreement if parity else None,
        "max_abs_logit_diff": parity.max_abs_logit_diff if parity else None,
        "mean_abs_logit_diff": parity.mean_abs_logit_diff if parity else None,
        "accuracy_pytorch": parity.accuracy_pytorch if parity else None,
        "accuracy_onnx": parity.accuracy_onnx if parity else None,
        "file_mb": report.file_mb,
        "latency_ms": report.latency_ms,
        "latency_pytorch_ms": report.latency_pytorch_ms,
        "videos": parity.videos if parity else 0,
        "ops": report.ops,
    }


def _median_ms(run: Callable[[], object]) -> float:
    run()  # the first run also allocates
    times: list[float] = []
    while len(times) < _FEWEST_RUNS or (len(times) < _MOST_RUNS and sum(times) < _ENOUGH_MS):
        started = time.perf_counter()
        run()
        times.append((time.perf_counter() - started) * 1000)
    return round(statistics.median(times), 3)


def _complete(
    contract: Contract, logits: list[float], parity: Parity | None, *, precision: Precision, graph: Graph
) -> ModelContract:
    """The checkpoint's contract with what only an exported file has, its hash still left out."""
    return ModelContract(
        **{field.name: getattr(contract, field.name) for field in dataclasses.fields(contract)},
        model=Model(
            precision=precision,
            graph=graph,
            opset=OPSET,
            input=Input(name="pixel_values", dtype="float32", layout="BTCHW", normalised=True),
            output=Output(name="logits", dtype="float32"),
            file_sha256=NO_HASH,
        ),
        parity=parity,
        self_test=SelfTest(
            input="pattern-1",
            height=TEST_HEIGHT,
            width=TEST_WIDTH,
            logits=tuple(logits),
            tolerance=self_test_tolerance(logits, precision=precision),
        ),
    )
