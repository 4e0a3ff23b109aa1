"""From a checkpoint to one ONNX file that carries its contract, in one straight line."""

from __future__ import annotations

import dataclasses
import os
import shutil
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import onnxruntime

from vidcls.contract import Contract, Input, Model, ModelContract, Output, Parity, SelfTest
from vidcls.runtime.onnxruntime_session import OnnxRuntimeSession
from vidcls.selftest import Verification
from vidcls_export.checkpoint import open_checkpoint
from vidcls_export.embed import NO_HASH, embed, prove
from vidcls_export.graph.trace import INPUT, OPSET, OUTPUT, Graph, check_graph_kind, count_operators, trace
from vidcls_export.page import report_page
from vidcls_export.parity import Disagreement, check_agreement, compare, find_clips, sample_clips
from vidcls_export.precision.convert import (
    Precision,
    check_calibration,
    check_precision,
    check_rounding,
    check_weights,
    convert,
    looks_at_clips,
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

# The distributions whose versions decide how a graph comes out.
_MADE_WITH = ("vidcls", "torch", "transformers", "optimum", "optimum-onnx", "onnx")

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
    kept_in_fp32: how many nodes of an fp16 graph stay in fp32, as their numbers are too large.
    failed: how many of the videos to check on could not be read.
    disagreements: the videos on which the answers differ.
    versions: {package: version} of what the file was made with.
    page: the same as one HTML page.
    """

    path: Path
    page: Path
    contract: ModelContract
    verification: Verification
    file_mb: float
    latency_ms: float
    latency_pytorch_ms: float
    ops: dict[str, int]
    kept_in_fp32: int
    failed: int
    disagreements: list[Disagreement]
    versions: dict[str, str]


def export(
    checkpoint: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    precision: Precision = "fp32",
    graph: Graph = "onnxruntime",
    check: str | os.PathLike[str] | None = None,
    min_agreement: float = 0.99,
    clip_seconds: float | None = None,
    report: str | os.PathLike[str] | None = None,
) -> Report:
    """Export a checkpoint to one ONNX file, and prove on the way that its answers are PyTorch's.

    `output` and its report are written at the very end: if anything fails, no file is left and older
    ones stay.

    Args:
        checkpoint: a folder made by vidcls-train, or a plain Hugging Face video classifier: a folder or a
            hub id.
        output: the ONNX file to write.
        precision: what the graph computes in; its input is uint8 and its output float32.
        graph: "onnxruntime" uses its fused attention, "portable" standard ONNX only, with int8 in the form that
            OpenVINO and other compilers know.
        check: folder of videos to compare with PyTorch on; one folder per label also gives
            accuracies. Without it the file says that its parity is unproven. int8 with the portable graph
            needs it, as it takes the ranges of its numbers from there.
        min_agreement: share of `check`'s videos on which the top-1 answers have to agree.
        clip_seconds: seconds that a clip's frames are spread over, only for a checkpoint that does
            not say so itself; None for 64/30.
        report: the HTML page to write; None for `output` with the ending .html.

    Raises:
        ModelError: the checkpoint cannot be exported, or the export does not give PyTorch's answers.
        ValueError: an argument is out of range.
    """
    check_precision(precision)
    check_graph_kind(graph)
    if not 0 <= min_agreement <= 1:
        raise ValueError(f"min_agreement is {min_agreement}, expected a share from 0 to 1")
    check_calibration(precision, graph, clips=check)
    path = Path(output)
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; name the ONNX file to write")
    page = path.with_suffix(".html") if report is None else Path(report)
    if page.is_dir() or page == path:
        raise ValueError(f"{page}: is {'a folder' if page.is_dir() else 'the model'}; name an HTML file for the report")
    model, contract = open_checkpoint(checkpoint, clip_seconds=clip_seconds)
    clips = None if check is None else find_clips(Path(check), contract.labels)
    check_weights(model, precision=precision)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target, so that the finished file only has to be renamed.
    with usable_threads(), TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        scratch = Path(folder)
        clip, pytorch = self_test_clip(contract), partial(reference_logits, model, contract.image)
        expected = pytorch(clip)[0].tolist()
        check_finite(expected, of="PyTorch")
        latency_pytorch_ms = _median_ms(partial(pytorch, clip))

        sampled = clips if looks_at_clips(precision, graph) else None
        looked_at = [clip, *(sample_clips(sampled, contract) if sampled is not None else [])]
        traced = trace(model, contract.image, graph=graph, scratch=scratch)
        proto, kept = convert(traced, precision=precision, graph=graph, clips=looked_at, scratch=scratch)
        draft = scratch / "graph.onnx"
        onnx.save(proto, draft)
        onnx.checker.check_model(draft)
        check_rounding(draft, clip, expected, precision=precision)

        exported = OnnxRuntimeSession(draft, device="cpu").run
        latency_ms = _median_ms(partial(exported, clip))
        comparison = None
        if clips is not None:
            comparison = compare(clips, contract, pytorch=pytorch, exported=exported)
            check_agreement(comparison, minimum=min_agreement)

        difference = float(np.abs(exported(clip)[0].astype(np.float64) - expected).max())
        self_test = SelfTest(
            input="pattern-1",
            height=TEST_HEIGHT,
            width=TEST_WIDTH,
            logits=tuple(expected),
            tolerance=self_test_tolerance(expected, precision=precision, difference=difference),
        )
        parity = comparison.parity if comparison else None
        complete = _complete(contract, self_test, parity, precision=precision, graph=graph)
        finished = scratch / "finished.onnx"
        complete = embed(proto, complete, finished)
        verification = prove(finished, complete)
        made = Report(
            path=path,
            page=page,
            contract=complete,
            verification=verification,
            file_mb=round(finished.stat().st_size / 1e6, 3),
            latency_ms=latency_ms,
            latency_pytorch_ms=latency_pytorch_ms,
            ops=count_operators(proto),
            kept_in_fp32=len(kept),
            failed=comparison.failed if comparison else 0,
            disagreements=comparison.disagreements if comparison else [],
            versions={name: version(name) for name in _MADE_WITH} | {"onnxruntime": onnxruntime.__version__},
        )
        page.parent.mkdir(parents=True, exist_ok=True)
        draft_page = scratch / "report.html"
        draft_page.write_text(report_page(made, report_fields(made)), encoding="utf-8")
        shutil.move(draft_page, page)  # may lie on another disk
        finished.replace(path)
    return made


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
    contract: Contract, self_test: SelfTest, parity: Parity | None, *, precision: Precision, graph: Graph
) -> ModelContract:
    """The checkpoint's contract with what only an exported file has, its hash still left out."""
    return ModelContract(
        **{field.name: getattr(contract, field.name) for field in dataclasses.fields(contract)},
        model=Model(
            precision=precision,
            graph=graph,
            opset=OPSET,
            input=Input(name=INPUT, dtype="uint8", layout="BTHWC", normalised=False),
            output=Output(name=OUTPUT, dtype="float32"),
            file_sha256=NO_HASH,
        ),
        parity=parity,
        self_test=self_test,
    )
