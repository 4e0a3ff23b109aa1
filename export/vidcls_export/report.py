"""What an export made, and its figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidcls.contract import ModelContract
from vidcls.selftest import Verification
from vidcls_export.parity import Disagreement


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an export made and how it compares with PyTorch.

    path: the ONNX file.
    page: the same report as one HTML page.
    contract: what the file says of itself, its precision and parity among it.
    verification: the file's self-test, run on the finished file.
    file_mb: megabytes of 10^6 bytes.
    latency_ms, latency_pytorch_ms: median of one clip through the model alone, on this CPU.
    ops: {operator: how many nodes}, the most frequent first.
    kept_in_fp32: how many nodes of an fp16 graph stay in fp32, as their numbers are too large.
    failed: how many of the videos to check on could not be read.
    disagreements: the videos on which the answers differ.
    versions: {package: version} of what the file was made with.
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
