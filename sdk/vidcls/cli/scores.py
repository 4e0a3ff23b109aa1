"""The figures of an evaluation, as `vidcls evaluate` prints them for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from vidcls.cli.columns import columns_of, padded
from vidcls.printable import printable

if TYPE_CHECKING:
    from vidcls.contract import Contract
    from vidcls.evaluation.apart import Part, Parts
    from vidcls.evaluation.metrics import Scores

_SHARE_WIDTH = len("0.1234 (0.12 to 0.12)")
_KNOWN = {"trained_on": "that the model was trained on", "chosen_by": "that it was chosen by"}


def score_lines(parts: Parts, contract: Contract, *, failed: int) -> Iterator[str]:
    """Line by line: the figures of new videos first, then those of videos that the model knows."""
    new = parts.new
    if new.scores is not None:
        yield f"{_headline(new.scores)}{_kind(parts)}, {failed} failed"
        yield new.scores.reliability
        yield from _decision_lines(new.scores, contract)
    elif len(new.answers):
        yield f"{len(new.answers)} videos{_kind(parts)} show none of the labels, {failed} failed: there is no accuracy"
    else:
        yield f"{_all_known(parts)}: this is no accuracy on new videos; {failed} failed"
    if new.negatives is not None:
        yield f"{_negatives(new.negatives)}"
    if new.scores is not None:
        yield from _label_lines(new.scores)
        yield from _operating_lines(new)
    yield from _known_lines(parts)


def _headline(scores: Scores) -> str:
    top = (
        f"top-1 {scores.top1:.4f}{_between(scores.top1_interval)}, "
        f"top-5 {scores.top5:.4f}{_between(scores.top5_interval)}"
    )
    if scores.average_precision is not None:
        top = f"mAP {scores.average_precision:.4f}{_between(scores.average_precision_interval)}, {top}"
    return f"{top} on {scores.videos} videos"


def _kind(parts: Parts) -> str:
    return "" if parts.trained_on is None else " that the model does not know"


def _all_known(parts: Parts) -> str:
    trained_on, chosen_by = (0 if part is None else len(part.answers) for part in (parts.trained_on, parts.chosen_by))
    how = " or chosen by" if trained_on and chosen_by else ""
    known = f"was trained on{how}" if trained_on else "was chosen by"
    return f"all {trained_on + chosen_by} videos are among those that the model {known}"


def _decision_lines(scores: Scores, contract: Contract) -> Iterator[str]:
    yield f"macro F1 {scores.macro_f1:.4f}{_between(scores.macro_f1_interval)}"
    decision, known = contract.decision, scores.known
    if (decision.reject is None and decision.none_label is None) or known["share"] is None:
        return
    accuracy = _share(known, "accuracy")
    # Of a model without a class for none, what is falsely accepted is counted apart, and said in the next line.
    apart = decision.none_label is None
    whose = "those" if apart else "all that it takes for known, those that show none of the labels among them"
    right = "" if known["accuracy"] is None else f"; of {whose}, {accuracy} are right"
    yield f"takes {known['share']:.4f}{_between(known['interval'])} of the videos with a label for known{right}"


def _negatives(negatives: dict[str, Any]) -> str:
    share = f"{negatives['falsely_accepted']:.4f}{_between(negatives['interval'])}"
    return f"of {negatives['videos']} videos that show none of the labels, {share} are taken for one that does"


def _label_lines(scores: Scores) -> Iterator[str]:
    names = {label: printable(label) for label in scores.per_class}
    width = max(map(columns_of, names.values()))
    measures = ["precision", "recall", "f1"]
    if scores.average_precision is not None:
        measures.append("average_precision")
    for label, row in scores.per_class.items():
        shown = "  ".join("     -" if row[measure] is None else f"{row[measure]:.4f}" for measure in measures)
        top = "-" if row["top1"] is None else _share(row, "top1")
        yield f"  {padded(names[label], width)}  {top:<{_SHARE_WIDTH}}  {shown}  {row['videos']:4} videos"
    average = ", average precision" if scores.average_precision is not None else ""
    yield f"  {'':<{width}}  top-1, precision, recall, F1{average}"


def _operating_lines(part: Part) -> Iterator[str]:
    for label, point in (part.operating_points or {}).items():
        if point is not None:
            precision = f"precision {_share(point, 'precision')}"
            recall = f"recall {_share(point, 'recall')}"
            yield f"  at its operating point {point['probability']:.3f}, {printable(label)}: {precision}, {recall}"


def _known_lines(parts: Parts) -> Iterator[str]:
    if parts.trained_on is None:
        yield "which videos the model was trained on is not known: it holds no fingerprints of them"
    for name, words in _KNOWN.items():
        part: Part | None = getattr(parts, name)
        if part is not None and len(part.answers):
            figures = "no labels" if part.scores is None else _headline(part.scores)
            yield f"counted apart: {len(part.answers)} videos {words}: {figures}"


def _share(figures: dict[str, Any], name: str) -> str:
    if figures[name] is None:
        return "unknown"
    return f"{figures[name]:.4f}{_between(figures[f'{name}_interval'])}"


def _between(interval: tuple[float, float] | None) -> str:
    """Nothing where the interval is not known."""
    return "" if interval is None else f" ({interval[0]:.2f} to {interval[1]:.2f})"
