"""What an export made, and its figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidcls.contract import ModelContract, Parity, tokens_fields, tokens_words
from vidcls.evaluation.apart import Parts
from vidcls.evaluation.intervals import share_text, wilson_interval
from vidcls.region import Region, region_text
from vidcls.selftest import Verification
from vidcls_export.negatives import Negatives
from vidcls_export.parity import Disagreement, Loss

# (what, PyTorch's figure, the file's, remark)
_Row = tuple[str, str, str, str]

# Said of a file with fewer tokens than its checkpoint was trained with.
ANOTHER_MODEL = (
    "this is another model than the trained one, which saw all of them: temperature, thresholds and measured accuracy "
    "were that one's, and are left out"
)


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
        region: of the picture that all these clips were cut to; None for all of it.
        loss: what all tokens would give, of a model that was made to see fewer than it was trained with; None of one as
            it was trained.
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
    region: Region | None
    loss: Loss | None
    versions: dict[str, str]


def report_fields(report: Report) -> dict[str, Any]:
    """The report's figures for JSON; those of the comparison are null where nothing was compared."""
    parity, parts, negatives = report.contract.parity, report.parts, report.negatives
    scores = None if parts is None else parts.new.scores
    return {
        "path": str(report.path),
        "precision": report.contract.model.precision,
        "top1_agreement": parity.top1_agreement if parity else None,
        "max_abs_logit_diff": parity.max_abs_logit_diff if parity else None,
        "mean_abs_logit_diff": parity.mean_abs_logit_diff if parity else None,
        "accuracy_pytorch": parity.accuracy_pytorch if parity else None,
        "accuracy_onnx": parity.accuracy_onnx if parity else None,
        "accuracy_videos": 0 if scores is None else scores.videos,
        "accuracy_interval": None if scores is None else list(scores.top1_interval),
        "top1_agreement_interval": None
        if parity is None
        else list(wilson_interval(round(parity.top1_agreement * parity.videos), parity.videos)),
        "file_mb": report.file_mb,
        "latency_ms": report.latency_ms,
        "latency_pytorch_ms": report.latency_pytorch_ms,
        "videos": parity.videos if parity else 0,
        "ops": report.ops,
        "clips": report.counts,
        "calibration": None if scores is None else scores.calibration,
        "negatives": None if negatives is None else dataclasses.asdict(negatives),
        "region": None if report.region is None else list(report.region),
        "tokens": tokens_fields(report.contract.tokens),
        "all_tokens": None if report.loss is None else dataclasses.asdict(report.loss),
    }


def report_lines(report: Report, *, checked: Path | None) -> Iterator[str]:
    """The lines. checked: the folder that the export was compared on, if any."""
    contract, verification, parity = report.contract, report.verification, report.contract.parity
    yield f"{report.path}: {report.file_mb} MB, {contract.model.precision}, graph for {contract.model.graph}"
    rows: list[_Row] = []
    if parity is None:
        yield "  unproven: give --check DATA_DIR to compare with PyTorch on real clips"
    else:
        rows += [
            (
                "same top-1 answer",
                "",
                f"{parity.top1_agreement:.4f}",
                f"{_within(parity.top1_agreement, parity.videos)}, on {parity.videos} videos{_of_region(report)}",
            ),
            ("logit difference, largest", "", f"{parity.max_abs_logit_diff:.2g}", ""),
            ("logit difference, mean", "", f"{parity.mean_abs_logit_diff:.2g}", ""),
            *_accuracy_rows(report, parity, checked=checked),
        ]
    rows += [
        ("ms a clip, on this CPU", f"{report.latency_pytorch_ms:.1f}", f"{report.latency_ms:.1f}", ""),
        ("self-test", "", f"{verification.max_abs_diff:.2g}", f"allowed: {verification.tolerance:.2g}"),
    ]
    yield f"  {'':26} {'PyTorch':>9} {'file':>9}"
    for name, pytorch, found, remark in rows:
        yield f"  {name:26} {pytorch:>9} {found:>9}  {remark}".rstrip()
    yield from _token_lines(report, checked=checked)
    yield from _known_lines(report)
    if report.negatives is not None:
        yield from _negative_lines(report.negatives)
    kept = f"; {report.kept_in_fp32} of them stay in fp32" if report.kept_in_fp32 else ""
    yield f"  operators: {', '.join(f'{count} {name}' for name, count in report.ops.items())}{kept}"
    if report.failed:
        yield f"  failed: {report.failed} videos could not be read and are not counted"
    yield f"  report: {report.page}"


def _of_region(report: Report) -> str:
    return "" if report.region is None else f", their region {region_text(report.region)}"


def _accuracy_rows(report: Report, parity: Parity, *, checked: Path | None) -> Iterator[_Row]:
    scores = None if report.parts is None else report.parts.new.scores
    if scores is None:
        yield "accuracy", "", "unknown", _no_accuracy(report, checked=checked)
        return
    kind = "" if report.counts is None else " that the model does not know"
    yield (
        "accuracy",
        f"{parity.accuracy_pytorch:.4f}",
        f"{parity.accuracy_onnx:.4f}",
        f"{_within(scores.top1, scores.videos)}, on {scores.videos} videos{kind}",
    )
    yield "log loss", "", f"{scores.log_loss:.3f}", "of the calibrated probabilities, on the same"
    error, expected = scores.calibration["error"], scores.calibration["expected_error"]
    yield "calibration error", "", f"{error:.3f}", f"a perfectly calibrated model: {expected:.3f} on as many"


def _within(share: float, videos: int) -> str:
    low, high = wilson_interval(round(share * videos), videos)
    return f"{low:.2f} to {high:.2f}"


def _no_accuracy(report: Report, *, checked: Path | None) -> str:
    """Why accuracies are unknown."""
    if report.contract.parity is None:
        return "there were no clips to compare on; give --check DATA_DIR, one folder per label"
    if report.parts is None:
        return f"the folders in {checked or 'DATA_DIR'} are not the model's labels"
    return "no video is new to the model and shows one of its labels"


def _known_lines(report: Report) -> Iterator[str]:
    counts = report.counts
    if report.contract.parity is None:
        return
    if counts is None:
        yield "  which videos the model was trained on is not known: the checkpoint holds no fingerprints of them"
        return
    for kind, words in (("trained_on", "that the model was trained on"), ("chosen_by", "that it was chosen by")):
        part = None if report.parts is None else getattr(report.parts, kind)
        if counts[kind]:
            scores = None if part is None else part.scores
            accuracy = "" if scores is None else f", accuracy {share_text(scores.top1, scores.videos, digits=4)}"
            yield f"  counted apart: {counts[kind]} videos {words}{accuracy}"


def _token_lines(report: Report, *, checked: Path | None) -> Iterator[str]:
    tokens, loss = report.contract.tokens, report.loss
    if tokens.share is None:
        return
    yield f"  tokens: {tokens_words(tokens)}"
    if loss is not None:
        yield f"  {ANOTHER_MODEL}"
        yield from (f"  {line}" for line in loss_lines(report, loss, checked=checked))


def loss_lines(report: Report, loss: Loss, *, checked: Path | None = None) -> Iterator[str]:
    """What fewer tokens cost beside the model with all of them, and whether that was measured."""
    if loss.top1_agreement is not None:
        accuracies = ""
        if loss.accuracy is not None and loss.accuracy_all is not None:
            own, whole = (share_text(one, loss.accuracy_videos, digits=4) for one in (loss.accuracy, loss.accuracy_all))
            accuracies = f", accuracy {own} instead of {whole} on {loss.accuracy_videos} videos"
        yield (
            f"beside the model with all of them, as it was trained: the same label on {loss.top1_agreement:.4f} of "
            f"{loss.videos} videos{accuracies}"
        )
    if loss.accuracy is None:
        why = _no_accuracy(report, checked=checked)
        yield f"what fewer tokens cost in accuracy was not measured, and --max-loss did not apply: {why}"


def _negative_lines(negatives: Negatives) -> Iterator[str]:
    what = f"  of {negatives.videos} videos that show none of the labels"
    if negatives.falsely_accepted is not None and negatives.interval is not None:
        low, high = negatives.interval
        yield f"{what}, {negatives.falsely_accepted:.4f} ({low:.2f} to {high:.2f}) are taken for one that does"
    else:
        yield (
            f"{what}, all are taken for one that does: the file has no rule against that; vidcls-train fits one "
            "on enough validation clips"
        )
    if negatives.auroc is not None:
        yield f"  a clip with a label scores above one without in {negatives.auroc:.4f} of pairs (AUROC)"
    if negatives.known:
        yield f"  {negatives.known} videos without a label are not counted: the model knows them"
