"""A report as one HTML page."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vidcls.clips import read_clips
from vidcls.errors import VideoError
from vidcls.pages.export import Export, Otherwise, export_page
from vidcls_export.report import Report, report_fields


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
            measured=[],
            made_with=report.versions,
            fields=report_fields(report),
        ),
        frames_of=lambda number: _frames(report, number),
    )


def _frames(report: Report, number: int) -> npt.NDArray[np.uint8]:
    """A clip as the model gets it, uint8 RGB [T, H, W, 3]; its middle frame where it cannot be read any more."""
    found = report.disagreements[number]
    try:
        return np.asarray(read_clips(found.video, report.contract).frames[0])
    except VideoError:
        return np.asarray(found.frame[None])
