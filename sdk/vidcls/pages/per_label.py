"""How good each label is: a bar, a row of figures, curves over every threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vidcls.contract import Contract, Decision
from vidcls.decision import known, label_columns, probabilities, thresholds, top_class
from vidcls.evaluation.answers import Answers
from vidcls.evaluation.curves import Curve, auroc, average_precision, precision_recall, roc
from vidcls.evaluation.intervals import Interval, blocks, draw, resampled_interval
from vidcls.evaluation.metrics import Scores
from vidcls.pages.axes import Axes, Axis
from vidcls.pages.charts import KINDS, Bar, Line, bars, curve_chart
from vidcls.pages.document import Section, section
from vidcls.pages.markup import Markup, name, tag
from vidcls.pages.tables import MOST_ROWS, folded, table
from vidcls.pages.wording import in_brackets, with_labels

_MOST_BARS = 24
_GRID = np.linspace(0.01, 1, 100)


def curve_section(answers: Answers, contract: Contract) -> Section:
    """Precision over recall, and true over false positives, of each label, or of the worst and the best of many."""
    shares = probabilities(answers.logits, contract.decision)
    columns = [
        column
        for column in label_columns(contract.labels, contract.decision)
        if 0 < answers.targets[:, column].sum() < len(answers)
    ]
    if not columns:
        return section("Every threshold")
    precise = [average_precision(shares[:, column], answers.targets[:, column]) for column in columns]
    order = [columns[place] for place in np.argsort(precise, kind="stable")]
    shown = sorted(order if len(order) <= KINDS else [*order[: KINDS // 2], *order[-KINDS // 2 :]])
    which = (
        "" if len(shown) == len(columns) else f", the {KINDS // 2} worst and the {KINDS // 2} best of {len(columns)}"
    )
    mean = f"mean of {len(columns)}"
    recalls = [precision_recall(shares[:, column], answers.targets[:, column]) for column in columns]
    rates = [roc(shares[:, column], answers.targets[:, column]) for column in columns]
    chosen = [columns.index(column) for column in shown]
    labels = [contract.labels[column] for column in shown]
    areas = [auroc(shares[:, column], answers.targets[:, column]) for column in columns]
    precision = curve_chart(
        "Precision and recall",
        [*_lines(labels, [recalls[place] for place in chosen], [precise[place] for place in chosen]),
         Line(name=f"{mean} ({np.mean(precise):.2f})", x=_GRID, y=_mean_precision(recalls), kind="whole")],
        Axes(x=Axis(label="recall: share of its clips found"), y=Axis(label="precision")),
        caption=f"Each label against all others, at every threshold{which}; in brackets the average precision.",
    )  # fmt: skip
    operating = curve_chart(
        "Receiver operating characteristic",
        [*_lines(labels, [rates[place] for place in chosen], [areas[place] for place in chosen]),
         Line(name=f"{mean} ({np.mean(areas):.2f})", x=_GRID, y=_mean_rate(rates), kind="whole")],
        Axes(x=Axis(label="share of other clips taken for it"), y=Axis(label="share of its clips found")),
        caption=f"Each label against all others{which}; in brackets the area below the curve. Dashed: guessing.",
        ideal=Line(name="guessing", x=[0, 1], y=[0, 1], kind=""),
    )  # fmt: skip
    return section("Every threshold", tag("div", precision, operating, class_="charts"))


def _lines(labels: Sequence[str], curves: Sequence[Curve], areas: Sequence[float]) -> list[Line]:
    return [
        Line(name=f"{label} ({area:.2f})", x=curve.x, y=curve.y, kind=f"c{number}")
        for number, (label, curve, area) in enumerate(zip(labels, curves, areas, strict=True))
    ]


def _mean_precision(curves: Sequence[Curve]) -> npt.NDArray[np.float64]:
    """The mean over curves of the precision at the strictest threshold that reaches each recall."""
    rows = [curve.y[np.searchsorted(curve.x, _GRID - 1e-9).clip(max=len(curve.y) - 1)] for curve in curves]
    return np.asarray(np.mean(rows, axis=0))


def _mean_rate(curves: Sequence[Curve]) -> npt.NDArray[np.float64]:
    return np.asarray(np.mean([np.interp(_GRID, curve.x, curve.y) for curve in curves], axis=0))


def label_section(answers: Answers, scores: Scores, contract: Contract) -> Section:
    """F1 of each label as bars with intervals, and all its figures in a table."""
    labels = [label for label, row in scores.per_class.items() if row["f1"] is not None]
    order = sorted(labels, key=lambda label: (scores.per_class[label]["f1"], label))
    half = _MOST_BARS // 2
    shown = order if len(order) <= _MOST_BARS else [*order[:half], *order[-half:]]
    intervals = f1_intervals(answers, [contract.labels.index(label) for label in shown], contract)
    rows = [
        Bar(
            name=label,
            value=scores.per_class[label]["f1"],
            interval=interval,
            note=_note(scores.per_class[label], interval),
        )
        for label, interval in zip(shown, intervals, strict=True)
    ]
    which = "" if len(shown) == len(order) else f"; the {half} worst and the {half} best of {len(order)} labels"
    caption = (
        f"Whiskers: 95 % intervals, by drawing the clips again{which}. A label without them is answered the same "
        "whichever clips are drawn, which says nothing of others."
    )
    chart = bars("F1 of each label", rows, caption=caption)
    return section("Label by label", tag("div", chart, _label_table(scores), class_="charts"))


def f1_intervals(answers: Answers, columns: Sequence[int], contract: Contract) -> list[Interval | None]:
    """The 95 % interval of the F1 of each label, by drawing the clips again with replacement.

    None where the drawn clips never have the label, and where they always give the same, as where all are right.
    """
    judged = with_labels(answers, contract)
    given = predicted(judged, contract.labels, contract.decision)[:, columns].astype(np.float64)
    true = judged.targets[:, columns].astype(np.float64)
    found = []
    rng = np.random.default_rng(0)
    for rows in blocks(len(judged)):
        counts = draw(len(judged), rows, rng)
        with np.errstate(invalid="ignore"):
            found.append(2 * (counts @ (given * true)) / (counts @ (given + true)))
    return [resampled_interval(figures) for figures in np.concatenate(found).T] if columns else []


def predicted(answers: Answers, labels: tuple[str, ...], decision: Decision) -> npt.NDArray[np.bool_]:
    """What is said of each clip, bool [clips, labels]; with a none label that is said of those that are not known."""
    if decision.activation == "sigmoid":
        return np.asarray(probabilities(answers.logits, decision) >= thresholds(labels, decision))
    given = top_class(answers.logits, labels, decision)
    if decision.none_label is not None:
        given = np.where(known(answers.logits, labels, decision), given, labels.index(decision.none_label))
    return np.asarray(given[:, None] == np.arange(len(labels)))


def _note(row: Mapping[str, Any], interval: Interval | None) -> str:
    return f"F1 {row['f1']:.2f}{in_brackets(interval)}, {row['videos']} clips"


def _label_table(scores: Scores) -> Markup:
    columns = {"videos": "clips", "precision": "precision", "recall": "recall", "f1": "F1"}
    if scores.average_precision is not None:
        columns["average_precision"] = "average precision"
    order = sorted(scores.per_class.items(), key=lambda item: (item[1]["f1"] is None, item[1]["f1"] or 0.0))
    many = len(order) > MOST_ROWS
    shown = order[:MOST_ROWS] if many else scores.per_class.items()
    rows = [(name(label, limit=80), *(_cell(row.get(key)) for key in columns)) for label, row in shown]
    caption = "Precision: of the clips answered so, the share that are. Recall: of its clips, the share answered so."
    whole = table(["label", *columns.values()], rows, caption=caption)
    if len(rows) <= _MOST_BARS:
        return whole
    return folded(f"The {MOST_ROWS} of {len(order)} with the lowest F1" if many else f"All {len(rows)} labels", whole)


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"
