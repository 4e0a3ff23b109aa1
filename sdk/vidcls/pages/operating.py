"""Operating points: from which probability on a label counts, and what that is worth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vidcls.contract import Contract, OperatingPoint
from vidcls.decision import probabilities
from vidcls.evaluation.answers import Answers
from vidcls.evaluation.intervals import wilson_interval
from vidcls.pages.document import Section, section
from vidcls.pages.markup import Content, name, tag
from vidcls.pages.tables import MOST_ROWS, table
from vidcls.pages.wording import between

_HEADING = "Operating points"
_NONE = "A label without one had too few clips, or no threshold that was precise enough."
_CHOSEN = ("label", "from probability", "precision", "recall")


def chosen_section(contract: Contract) -> Section:
    """The operating points, with precision and recall where they were chosen."""
    rows = [
        (name(label, limit=80), *_chosen(point)) for label, point in (contract.decision.operating_points or {}).items()
    ]
    caption = f"From which probability on a label counts; precision and recall are those of validation. {_NONE}"
    return section(_HEADING, table(_CHOSEN, rows[:MOST_ROWS], caption=caption) if rows else None, _left_out(rows))


def operating_section(answers: Answers, contract: Contract) -> Section:
    """The operating points, with precision and recall where they were chosen and on these clips."""
    points = contract.decision.operating_points
    if points is None:
        return section(_HEADING)
    shares = probabilities(answers.logits, contract.decision)
    rows = []
    for label, point in points.items():
        column = contract.labels.index(label)
        here: Iterable[str] = ("-", "-")
        if point is not None:
            found, true = shares[:, column] >= point.probability, answers.targets[:, column]
            hits = int((found & true).sum())
            here = (_share(hits, int(found.sum())), _share(hits, int(true.sum())))
        rows.append((name(label, limit=80), *_chosen(point), *here))
    caption = (
        "From which probability on a label counts: precision and recall on validation, by which it was chosen, and on "
        f"the clips of this page, with 95 % intervals. {_NONE}"
    )
    columns = [*_CHOSEN, "precision here", "recall here"]
    return section(_HEADING, table(columns, rows[:MOST_ROWS], caption=caption), _left_out(rows))


def _left_out(rows: Sequence[object]) -> Content:
    """A line about labels that have no row."""
    more = len(rows) - MOST_ROWS
    return tag("p", f"{more} more labels are not shown here.", class_="note") if more > 0 else None


def _chosen(point: OperatingPoint | None) -> tuple[str, str, str]:
    if point is None:
        return "-", "-", "-"
    return f"{point.probability:.3f}", f"{point.precision:.2f}", f"{point.recall:.2f}"


def _share(hits: int, count: int) -> str:
    if not count:
        return "-"
    return f"{hits / count:.2f} ({between(wilson_interval(hits, count))})"
