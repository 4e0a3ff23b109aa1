"""What an export made, and its figures."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidcls.contract import ModelContract
from vidcls.evaluation.apart import Parts
from vidcls.selftest import Verification
from vidcls_export.negatives import Negatives
from vidcls_export.parity import Disagreement


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an export made and how it compares with PyTorch.

    Attributes:
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
        parts: figures of the file on the videos to check on, by what the model knows of them; None where their labels
            are unknown, or there are none.
        counts: {"new", "trained_on", "chosen_by": how many of these videos}; None where the model does not say.
        negatives: what the file makes of clips that show none of the labels; None without any.
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
    parts: Parts | None
    counts: dict[str, int] | None
    negatives: Negatives | None
    versions: dict[str, str]


def report_fields(report: Report) -> dict[str, Any]:
    """The report's figures for JSON; those of the comparison are null where nothing was compared."""
    parity, parts, negatives = report.contract.parity, report.parts, report.negatives
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
        "clips": report.counts,
        "calibration": None if parts is None or parts.new.scores is None else parts.new.scores.calibration,
        "negatives": None if negatives is None else dataclasses.asdict(negatives),
    }
