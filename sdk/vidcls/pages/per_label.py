"""How good each label is: a bar, a row of figures, curves over every threshold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vidcls.contract import Contract
from vidcls.decision import label_columns, probabilities
from vidcls.evaluation.answers import Answers
from vidcls.evaluation.curves import Curve, auroc, average_precision, precision_recall, roc
from vidcls.pages.axes import Axes, Axis
from vidcls.pages.charts import KINDS, Line, curve_chart
from vidcls.pages.document import Section, section
from vidcls.pages.markup import tag

_GRID = np.linspace(0, 1, 101)


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
    which = "" if len(shown) == len(columns) else f", the {KINDS // 2} worst and the {KINDS // 2} best of {len(columns)}"
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
    """F1 of each label as bars with intervals, and all its figures."""
    return section("Label by label")
