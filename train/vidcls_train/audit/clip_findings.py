"""Findings on clips themselves: unreadable, cut off, short, or encoded in a way that gives the label away."""

from __future__ import annotations

from collections.abc import Iterable

from vidcls_train.audit.data_report import DataReport, Finding
from vidcls_train.audit.wording import counted, first_names, three_digits


def readability_findings(report: DataReport) -> Iterable[Finding]:
    """Clips that cannot be read, or of which the end is missing."""
    if report.unreadable:
        yield Finding(
            level="warning",
            what=f"{counted(len(report.unreadable), 'clip')} cannot be read and will be left out",
            mend="convert or remove them; the list below says what is wrong with each",
        )
    if report.truncated:
        yield Finding(
            level="warning",
            what=f"the end is missing of {counted(len(report.truncated), 'clip')}, by a tenth or more of what "
            f"there should be: {first_names(report.truncated)}",
            mend="copy them again; what is there is used",
        )


def encoding_findings(report: DataReport) -> Iterable[Finding]:
    """Labels that are predicted from encodings alone."""
    for shortcut in report.tells:
        inside, outside = (
            f"{three_digits(low)} to {three_digits(high)}" if low != high else three_digits(low)
            for low, high in (shortcut.inside, shortcut.outside)
        )
        yield Finding(
            level="warning",
            what=f"'{shortcut.label}' can be told by {shortcut.feature} alone "
            f"(area under the curve {shortcut.auc:.2f}): {inside}, all other labels {outside}",
            mend="record or re-encode all labels alike, else the model may learn the camera or the encoder",
        )
    baseline = report.encoding
    if baseline is not None and baseline.far_above_chance:
        low, high = baseline.interval
        yield Finding(
            level="warning",
            what=f"file size, bit rate, frame rate and the like alone tell the label of {baseline.accuracy:.0%} of the "
            f"training clips (95 % interval {low:.0%} to {high:.0%}; the most frequent label: {baseline.majority:.0%})",
            mend="compare the model's score with this, not with chance; record or re-encode all labels alike",
        )


def length_findings(report: DataReport, *, clip_seconds: float) -> Iterable[Finding]:
    """Clips shorter than the model's window, `clip_seconds`, and clips of a single frame."""
    if report.short:
        yield Finding(
            level="note",
            what=f"frames are repeated in {len(report.short)} of {len(report.clips)} clips, since the model's window "
            f"is longer ({clip_seconds:.2f} s)",
            mend="a smaller --clip-seconds fits if most are",
        )
    single = [row.video for row in report.clips if row.frames == 1]
    if single:
        yield Finding(
            level="warning",
            what=f"there is a single frame in {counted(len(single), 'clip')}: {first_names(single)}",
            mend="remove them: there is no motion to learn",
        )
