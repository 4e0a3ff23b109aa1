"""The draft of a file: the graph in its precision, still without a contract, measured on the self-test's clip."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnx

from vidcls.contract import Contract, SelfTest
from vidcls.runtime.onnxruntime_session import OnnxRuntimeSession
from vidcls_export.latency import median_ms
from vidcls_export.options import Graph, Precision
from vidcls_export.parity import Videos
from vidcls_export.precision.calibration import calibration_clips
from vidcls_export.precision.choices import needs_calibration
from vidcls_export.precision.convert import Converted, convert
from vidcls_export.precision.rounding import check_rounding
from vidcls_export.precision.tolerances import self_test_tolerance
from vidcls_export.reference import TEST_HEIGHT, TEST_WIDTH, Classify, Reference


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A graph in its precision, open in onnxruntime.

    converted: the graph.
    classify: its logits for any cropped frames, on the CPU.
    latency_ms: median time of the self-test's clip.
    self_test: PyTorch's logits for that clip, and how far from them the file's may be.
    """

    converted: Converted
    classify: Classify
    latency_ms: float
    self_test: SelfTest


def make_draft(
    traced: onnx.ModelProto,
    contract: Contract,
    reference: Reference,
    videos: Videos | None,
    *,
    precision: Precision,
    graph: Graph,
    scratch: Path,
) -> Draft:
    """Convert a traced graph, open it, and compare it with PyTorch on the self-test's clip.

    Args:
        traced: the fp32 graph, which may be changed in place.
        contract: the checkpoint's.
        reference: PyTorch's answers.
        videos: what it is calibrated on besides the self-test's clip, if its precision needs that; or None.
        precision: what the graph is to compute in.
        graph: what it was traced for.
        scratch: a folder with room for the graph.

    Raises:
        ModelError: the graph is not as expected, or its logits are further from PyTorch's than `precision` explains.
    """
    clips = [reference.clip]
    if videos is not None and needs_calibration(precision, graph):
        clips += calibration_clips(videos.paths, contract, region=videos.region)
    converted = convert(traced, precision=precision, graph=graph, clips=clips, scratch=scratch)
    file = scratch / "graph.onnx"
    onnx.save(converted.proto, file)
    onnx.checker.check_model(file)
    check_rounding(file, reference.clip, reference.logits, precision=precision, reach=reference.reach)
    classify = OnnxRuntimeSession(file, device="cpu").run
    difference = float(np.abs(classify(reference.clip)[0].astype(np.float64) - reference.logits).max())
    return Draft(
        converted=converted,
        classify=classify,
        latency_ms=median_ms(partial(classify, reference.clip)),
        self_test=_self_test(reference, precision=precision, difference=difference),
    )


def _self_test(reference: Reference, *, precision: Precision, difference: float) -> SelfTest:
    return SelfTest(
        input="pattern-1",
        height=TEST_HEIGHT,
        width=TEST_WIDTH,
        logits=reference.logits,
        tolerance=self_test_tolerance(reference.logits, precision=precision, difference=difference),
    )
