"""How a training went: loss and accuracy over its epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vidcls.contract import Contract
from vidcls.pages.axes import Axes, Axis, spanning
from vidcls.pages.charts import Line, Mark, curve_chart
from vidcls.pages.document import Section, section
from vidcls.pages.markup import tag


def learning_section(train: Mapping[str, Any], contract: Contract) -> Section:
    """Curves of a run.

    Args:
        train: the part of metrics.json: "history" has rows with "loss", "eval_loss" and "eval_accuracy" at an
            "epoch" count, "best_step" is that of the weights that were kept.
        contract: the model's.
    """
    history = train["history"]
    lines = [_line(history, "loss", "train", "c0"), _line(history, "eval_loss", "validation", "c1")]
    accuracy = _line(history, "eval_accuracy", "validation", "c1")
    losses = [line for line in lines if len(line.x)]
    if not losses:
        return section("How it learnt")
    epochs = spanning("epoch", [float(row["epoch"]) for row in history if "epoch" in row])
    highest = [float(value) for line in losses for value in line.y]
    charts = [
        curve_chart(
            "Loss", losses, Axes(x=epochs, y=spanning("loss", highest)),
            caption="Lower is better. Training's is of augmented clips and often the higher one.",
        )
    ]  # fmt: skip
    if len(accuracy.x):
        measure = "top-1" if contract.decision.activation == "softmax" else "mean average precision"
        kept = [
            Mark(name=f"kept {row['eval_accuracy']:.2f}", x=row["epoch"], y=row["eval_accuracy"])
            for row in history
            if "eval_accuracy" in row and row.get("step") == train["best_step"]
        ]
        charts.append(
            curve_chart(
                f"Validation {measure}", [accuracy], Axes(x=epochs, y=Axis(label=measure)),
                caption="The model is that of the ring: the latest epoch that is not clearly worse than the best.",
                marks=kept,
            )
        )  # fmt: skip
    return section("How it learnt", tag("div", *charts, class_="charts"))


def _line(history: Sequence[Mapping[str, Any]], key: str, words: str, kind: str) -> Line:
    rows = [row for row in history if key in row and "epoch" in row]
    return Line(name=words, x=[float(row["epoch"]) for row in rows], y=[float(row[key]) for row in rows], kind=kind)
