"""Findings on labels: missing from a split, misspelt, or of very different size."""

from __future__ import annotations

from collections.abc import Iterable

from vidcls.evaluation.metrics import wilson_interval
from vidcls_train.audit.data_report import DataReport, Finding
from vidcls_train.audit.label_typos import find_label_typos
from vidcls_train.audit.wording import counted
from vidcls_train.data.clip_list import NONE_LABEL, SEPARATOR

# Times as many clips of one label as of another.
_UNEVEN = 10

# Clips of a split below which its accuracy is hardly known: an interval of 20 points at 80 %.
_FEW = 60


def coverage_findings(report: DataReport) -> Iterable[Finding]:
    """Labels that train, or another split, has no readable clip of."""
    for label, by_split in report.counts.items():
        if not by_split["train"]:
            broken = sum(
                label in (row["label"], *row["label"].split(SEPARATOR)) and row["split"] in ("", "train")
                for row in report.unreadable
            )
            twins = [a if b == label else b for a, b in find_label_typos(list(report.counts)) if label in (a, b)]
            why = f" (it looks like a misspelt '{twins[0]}')" if twins else ""
            unread = f", {broken} cannot be read" if broken else ""
            yield Finding(
                level="stop",
                what=f"the label '{label}' has no readable clip in train{unread}{why}: the model cannot learn it",
                mend="rename its folder" if twins else "add clips, or remove the label from every split",
            )
            continue
        for split in ("val", "test"):
            if not by_split[split] and any(row[split] for row in report.counts.values()):
                what = "the choice of the epoch" if split == "val" else "the test"
                yield Finding(
                    level="warning",
                    what=f"the label '{label}' has no readable clip in {split}: {what} says nothing of it",
                    mend=f"move clips of it to {split}, whole recordings rather than single clips",
                )
    if not report.clips_in("test"):
        yield Finding(
            level="warning",
            what="there is no test clip: the figures will be those of val, by which the epoch is chosen, and too high",
            mend="set clips aside in test/, from recordings of their own",
        )


def val_findings(report: DataReport) -> Iterable[Finding]:
    """A val that was made of train's clips."""
    about = report.about_val()
    if about is not None:
        yield Finding(
            level="note", what=about, mend="choose its clips yourself by a folder val/, or by val in the CSV's split"
        )


def typo_findings(report: DataReport) -> Iterable[Finding]:
    """Labels that are likely one, misspelt."""
    for first, second in find_label_typos(list(report.counts)):
        sizes = {label: sum(report.counts[label].values()) for label in (first, second)}
        rare, common = sorted(sizes, key=lambda label: sizes[label])
        yield Finding(
            level="warning",
            what=f"the labels '{rare}' ({counted(sizes[rare], 'clip')}) and '{common}' "
            f"({counted(sizes[common], 'clip')}) look like one, misspelt",
            mend=f"if they are one, move the clips of '{rare}' to '{common}'",
        )


def none_findings(report: DataReport) -> Iterable[Finding]:
    """A label that may be meant for clips that show none of the others."""
    for label in report.counts:
        if label != NONE_LABEL and label.casefold().strip(" _-") == NONE_LABEL.strip("_"):
            yield Finding(
                level="note",
                what=f"the label '{label}' is one like the others, which the model is to find",
                mend=f"if its clips show none of the others, rename it to '{NONE_LABEL}'",
            )


def balance_findings(report: DataReport) -> Iterable[Finding]:
    """Labels of very different size, and a test split too small to measure much.

    Of clips that show none of the labels there may be as many as there are.
    """
    trained = {label: by_split["train"] for label, by_split in report.counts.items() if label != NONE_LABEL}
    sizes = {label: count for label, count in trained.items() if count}
    if sizes:
        rare, common = min(sizes, key=lambda label: sizes[label]), max(sizes, key=lambda label: sizes[label])
        if sizes[common] > _UNEVEN * sizes[rare]:
            yield Finding(
                level="warning",
                what=f"train has {sizes[common]} clips of '{common}' and {sizes[rare]} of '{rare}': it will favour "
                f"'{common}'",
                mend="add clips of the rare label, or weigh labels in training; judge by the accuracy per label",
            )
    test = report.clips_in("test")
    if 0 < test < _FEW:
        low, high = wilson_interval(round(0.8 * test), test)
        yield Finding(
            level="note",
            what=f"test has {test} clips: an accuracy of 80 % on them may be {low:.0%} to {high:.0%} in truth",
            mend="more test clips narrow it with the square root of their number",
        )
