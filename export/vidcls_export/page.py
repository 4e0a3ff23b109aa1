"""A report as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from vidcls.clips import read_clips
from vidcls.errors import VideoError
from vidcls.pages.export import Export, Otherwise, export_page
from vidcls_export.report import ANOTHER_MODEL, Report, loss_lines, report_fields


def report_page(report: Report) -> str:
    """The page for a report; clips answered otherwise are read once more, to be played."""
    return export_page(
        Export(
            file=report.path.name,
            contract=report.contract,
            file_mb=report.file_mb,
            latency_ms=report.latency_ms,
            latency_pytorch_ms=report.latency_pytorch_ms,
            ops=report.ops,
            kept_in_fp32=report.kept_in_fp32,
            failed=report.failed,
            self_test=(report.verification.max_abs_diff, report.verification.tolerance),
            otherwise=[
                Otherwise(
                    file=found.video.name,
                    answer=found.answer,
                    pytorch_answer=found.pytorch_answer,
                    label=found.label,
                    margin=found.margin,
                    difference=found.difference,
                )
                for found in report.disagreements
            ],
            measured=list(_measured(report)),
            made_with=report.versions,
            fields=report_fields(report),
        ),
        frames_of=lambda number: _frames(report, number),
    )


def _frames(report: Report, number: int) -> npt.NDArray[np.uint8]:
    """A clip as the model gets it, uint8 RGB [T, H, W, 3]; its middle frame where it cannot be read any more."""
    found = report.disagreements[number]
    try:
        return np.asarray(read_clips(found.video, report.contract, region=report.region).frames[0])
    except VideoError:
        return np.asarray(found.frame[None])


def _measured(report: Report) -> Iterator[tuple[str, str]]:
    """What else was measured on the clips: on new ones, on those that the model knows, on those of none."""
    scores = None if report.parts is None else report.parts.new.scores
    if scores is not None:
        found = scores.calibration
        yield (
            "probabilities",
            f"log loss {scores.log_loss:.3f}, calibration error {found['error']:.3f}; a perfectly calibrated model "
            f"would show {found['expected_error']:.3f} on as many",
        )
    if report.loss is not None:
        yield "fewer tokens", "; ".join((ANOTHER_MODEL, *loss_lines(report, report.loss)))
    if report.counts is None:
        if report.contract.parity is not None:
            yield "clips that the model knows", "not known: the checkpoint holds no fingerprints of them"
    else:
        counts = report.counts
        yield (
            "clips that the model knows",
            f"{counts['trained_on']} that it was trained on and {counts['chosen_by']} that it was chosen by, counted "
            f"apart from {counts['new']} new ones, of which alone the accuracy is",
        )
    negatives = report.negatives
    if negatives is not None and negatives.falsely_accepted is not None and negatives.interval is not None:
        low, high = negatives.interval
        yield (
            "clips of none",
            f"{negatives.falsely_accepted:.3f} of {negatives.videos} are taken for known (95 % interval {low:.2f} to "
            f"{high:.2f})",
        )
    elif negatives is not None:
        yield "clips of none", f"all {negatives.videos} are taken for known: the file has no rule against that"
