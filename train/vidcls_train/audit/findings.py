"""All that is to be said of the data, and whether training on it would be worthless."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from vidcls_train.audit.clip_findings import encoding_findings, length_findings, readability_findings
from vidcls_train.audit.data_report import ClipPair, DataReport, Finding
from vidcls_train.audit.label_findings import (
    balance_findings,
    coverage_findings,
    none_findings,
    typo_findings,
    val_findings,
)
from vidcls_train.audit.leakage_findings import (
    copy_findings,
    group_findings,
    known_findings,
    label_conflict_findings,
    repetition_findings,
    scene_findings,
)
from vidcls_train.data.clip_list import ClipList, DataError

_LOG = logging.getLogger("vidcls.train")


def collect_findings(
    report: DataReport, pairs: Sequence[ClipPair], used: ClipList, *, torn_scenes: bool, clip_seconds: float
) -> list[Finding]:
    """All there is to say, the worst first.

    Args:
        report: its findings still empty.
        pairs: all of them, where the report may list the first.
        used: the readable clips; with DATA's own splits, if it has any.
        torn_scenes: whether there were too few scenes to keep each in one split.
        clip_seconds: length of the model's window.
    """
    findings = [
        *coverage_findings(report),
        *val_findings(report),
        *copy_findings(report, pairs),
        *known_findings(report),
        *scene_findings(report, pairs, torn_scenes=torn_scenes),
        *group_findings(used),
        *label_conflict_findings(pairs),
        *typo_findings(report),
        *none_findings(report),
        *readability_findings(report),
        *encoding_findings(report),
        *balance_findings(report),
        *length_findings(report, clip_seconds=clip_seconds),
        *repetition_findings(pairs),
    ]
    return sorted(findings, key=lambda finding: ("stop", "warning", "note").index(finding.level))


def refuse_worthless(report: DataReport, *, allow_duplicates: bool) -> None:
    """Refuse data on which training would be worthless.

    Args:
        report: with its findings.
        allow_duplicates: whether copies of train in val and test are accepted.

    Raises:
        DataError: for the first finding that stops a training; says what to do about it.
    """
    stops = [
        finding
        for finding in report.findings
        if finding.level == "stop" and not (finding.allowable and allow_duplicates)
    ]
    if stops:
        more = f" ({len(stops) - 1} more such finding{'s' * (len(stops) > 2)})" if len(stops) > 1 else ""
        raise DataError(f"{report.data}: {stops[0].what}; {stops[0].mend}{more}. --check-only reports all there is")


def log_findings(report: DataReport) -> None:
    """Log what was found in the data, but for what is only noted."""
    about_val = report.about_val()
    if about_val is not None:
        _LOG.info(about_val)
    for finding in report.findings:
        if finding.level != "note":
            _LOG.warning(finding.what)
