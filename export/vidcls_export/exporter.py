"""From a checkpoint to one ONNX file that carries its contract, in one straight line."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import onnxruntime

from vidcls.contract import Contract, ModelContract
from vidcls.files.atomic import publish
from vidcls.progress import Track, untracked
from vidcls.region import Region
from vidcls.selftest import Verification
from vidcls_export.checkpoint.opening import Opened, open_with_tokens
from vidcls_export.draft import Draft, make_draft
from vidcls_export.embed import complete_contract, embed, prove
from vidcls_export.graph.trace import count_operators, trace
from vidcls_export.negatives import Negatives, measure_negatives, with_false_acceptance
from vidcls_export.options import Graph, Precision, Target, check_options, target_of
from vidcls_export.page import report_page
from vidcls_export.parity import (
    NOT_COMPARED,
    Comparison,
    Loss,
    Videos,
    check_agreement,
    check_loss,
    compare,
    find_videos,
    measure_loss,
)
from vidcls_export.precision.choices import check_weights
from vidcls_export.precision.rounding import check_real_clips
from vidcls_export.reference import Reference, measure_reference, usable_threads
from vidcls_export.report import Report

# The distributions whose versions decide how a graph comes out.
_MADE_WITH = ("vidcls", "torch", "transformers", "optimum", "optimum-onnx", "onnx")


@dataclass(frozen=True, kw_only=True)
class _Finished:
    """The file with its contract, proven but not yet published."""

    path: Path
    contract: ModelContract
    verification: Verification


def export(
    checkpoint: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    precision: Precision = "fp32",
    graph: Graph = "onnxruntime",
    check: str | os.PathLike[str] | None = None,
    negatives: str | os.PathLike[str] | None = None,
    min_agreement: float = 0.99,
    region: Region | None = None,
    clip_seconds: float | None = None,
    tokens: str | None = None,
    max_loss: float = 0.03,
    report: str | os.PathLike[str] | None = None,
    track: Track = untracked,
) -> Report:
    """Export a checkpoint to one ONNX file, and prove on the way that its answers are PyTorch's.

    Args:
        checkpoint: a folder made by vidcls-train, or a plain Hugging Face video classifier: a folder or a hub id.
        output: the file, uint8 RGB [batch, T, size, size, 3] -> float32 [batch, labels]; on failure an old one stays.
        precision: what the graph computes in.
        graph: "onnxruntime" has its fused attention; "portable" is standard ONNX only, with int8 as OpenVINO knows it.
        check: folder of videos to compare with PyTorch on, and to calibrate on; one folder per label for accuracies.
        negatives: folder of videos that show none of the labels: how many are taken for known is measured, and stored.
        min_agreement, max_loss: shares of these, of PyTorch's top-1 at least, and lost by fewer `tokens` at most.
        region: as for `predict`; of the videos of `check` and `negatives`, where the checkpoint was trained on one.
        clip_seconds: seconds that a clip's frames are spread over, if the checkpoint does not say; None for 64/30.
        tokens: "all", "lattice:SHARE" or "moving:SHARE", SHARE 0.5, 0.25 or 0.125; None for those it was trained with.
        report, track: the HTML page, None for `output` as .html; what follows the comparison, video by video.

    Raises:
        ModelError: the checkpoint cannot be exported, or the export does not give PyTorch's answers.
        ValueError: an argument is out of range.

    Examples:
        >>> export("checkpoint", "model.onnx", precision="fp16", check="clips/test").contract.parity.top1_agreement
        1.0
    """
    check_options(precision, graph, tokens, check=check, shares={"min_agreement": min_agreement, "max_loss": max_loss})
    target = target_of(output, report, precision, graph, region)
    opened = open_with_tokens(checkpoint, tokens, clip_seconds=clip_seconds)
    videos, without = _find_videos(check, negatives, opened.contract, target.region)
    with usable_threads(), _folder_beside(target) as scratch:
        reference, draft = _drafted(opened, target, videos, scratch=scratch)
        comparison = _compare(draft, opened, target, reference, videos, min_agreement=min_agreement, track=track)
        loss = _measure_loss(draft, opened, reference, videos, most=max_loss, track=track)
        rejected = _measure_negatives(draft, opened.contract, comparison, without, track=track)
        finished = _embed(draft, target, with_false_acceptance(opened.contract, rejected), comparison, scratch=scratch)
        return _publish(_report(target, reference, draft, comparison, rejected, loss, finished), finished, scratch)


def _find_videos(
    check: str | os.PathLike[str] | None,
    negatives: str | os.PathLike[str] | None,
    contract: Contract,
    region: Region | None,
) -> tuple[Videos | None, Videos | None]:
    """The videos to compare on, and those that show none of the labels, if there are any."""
    none_label = contract.decision.none_label
    find = partial(find_videos, region=region)
    videos = None if check is None else find(Path(check), contract.labels, none_label=none_label)
    return videos, None if negatives is None else find(Path(negatives), ())


@contextmanager
def _folder_beside(target: Target) -> Iterator[Path]:
    """A temporary folder beside the file to write, so that the finished file only has to be renamed.

    The page's folder is made too: where it cannot be, that shows before the work and not after it.
    """
    for path in (target.path, target.page):
        path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target.path.parent, prefix=f".{target.path.name}.") as folder:
        yield Path(folder)


def _drafted(opened: Opened, target: Target, videos: Videos | None, *, scratch: Path) -> tuple[Reference, Draft]:
    """PyTorch's answers, and the graph that is to give them."""
    contract, graph = opened.contract, target.graph
    check_weights(opened.model, precision=target.precision)
    reference = measure_reference(opened.model, contract)
    traced = trace(opened.model, contract.image, graph=graph, scratch=scratch, shown=opened.selection.shown)
    draft = make_draft(traced, contract, reference, videos, precision=target.precision, graph=graph, scratch=scratch)
    return reference, draft


def _compare(
    draft: Draft,
    opened: Opened,
    target: Target,
    reference: Reference,
    videos: Videos | None,
    *,
    min_agreement: float,
    track: Track,
) -> Comparison:
    """The draft compared with PyTorch on the videos, if there are any."""
    if videos is None:
        return NOT_COMPARED
    comparison = compare(videos, opened.contract, pytorch=reference.classify, exported=draft.classify, track=track)
    check_agreement(comparison, minimum=min_agreement)
    if comparison.parity is not None:
        check_real_clips(comparison.parity.max_abs_logit_diff, reach=comparison.reach, precision=target.precision)
    return comparison


def _measure_negatives(
    draft: Draft, contract: Contract, comparison: Comparison, videos: Videos | None, *, track: Track
) -> Negatives | None:
    """What the draft makes of clips that show none of the labels, if there are any."""
    if videos is None:
        return None
    labelled = None if comparison.parts is None else comparison.parts.new.answers
    return measure_negatives(videos, contract, exported=draft.classify, labelled=labelled, track=track)


def _measure_loss(
    draft: Draft, opened: Opened, reference: Reference, videos: Videos | None, *, most: float, track: Track
) -> Loss | None:
    """What fewer tokens than in training cost, of which no more than `most` may be lost; None of a model as trained."""
    if opened.is_as_trained:
        return None
    loss = measure_loss(
        videos,
        opened.contract,
        selection=opened.selection,
        pytorch=reference.classify,
        exported=draft.classify,
        track=track,
    )
    check_loss(loss, most=most)
    return loss


def _embed(draft: Draft, target: Target, contract: Contract, comparison: Comparison, *, scratch: Path) -> _Finished:
    """The file with its contract, opened once more as any user would."""
    complete = complete_contract(
        contract,
        precision=target.precision,
        graph=target.graph,
        parity=comparison.parity,
        self_test=draft.self_test,
    )
    path = scratch / "finished.onnx"
    embedded = embed(draft.converted.proto, complete, path)
    return _Finished(path=path, contract=embedded, verification=prove(path, embedded))


def _report(
    target: Target,
    reference: Reference,
    draft: Draft,
    comparison: Comparison,
    negatives: Negatives | None,
    loss: Loss | None,
    finished: _Finished,
) -> Report:
    return Report(
        path=target.path,
        page=target.page,
        contract=finished.contract,
        verification=finished.verification,
        file_mb=round(finished.path.stat().st_size / 1e6, 3),
        latency_ms=draft.latency_ms,
        latency_pytorch_ms=reference.latency_ms,
        ops=count_operators(draft.converted.proto),
        kept_in_fp32=len(draft.converted.kept_in_fp32),
        failed=comparison.failed + (0 if negatives is None else negatives.failed),
        disagreements=comparison.disagreements,
        parts=comparison.parts,
        counts=comparison.counts,
        negatives=negatives,
        loss=loss,
        region=target.region,
        versions={name: version(name) for name in _MADE_WITH} | {"onnxruntime": onnxruntime.__version__},
    )


def _publish(report: Report, finished: _Finished, scratch: Path) -> Report:
    """Put the page and the file in their places, the file last; the report."""
    page = scratch / "report.html"
    page.write_text(report_page(report), encoding="utf-8")
    shutil.move(page, report.page)  # may lie on another disk
    publish(finished.path, report.path)
    return report
