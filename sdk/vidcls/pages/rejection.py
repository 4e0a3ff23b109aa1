"""Known or none of the labels: what the model's rule keeps, what it lets through, and what others would."""

from __future__ import annotations

import numpy as np

from vidcls.contract import Contract
from vidcls.decision import known, reject_scores, top_class
from vidcls.evaluation.answers import Answers, positives
from vidcls.evaluation.curves import auroc, risk_coverage, roc
from vidcls.pages.axes import Axes, Axis, spanning
from vidcls.pages.charts import Line, Mark, curve_chart
from vidcls.pages.document import Section, section
from vidcls.pages.markup import Content, tag
from vidcls.pages.wording import has_rule, share_of


def rejection_section(answers: Answers, contract: Contract) -> Section:
    """The risk-coverage curve with the rule's point; with clips of none, how far they can be told from the others."""
    heading = "Known, or none of the labels"
    labels, decision = contract.labels, contract.decision
    shown = positives(answers, labels, decision)
    if decision.activation == "sigmoid" or not shown.any():
        return section(heading)
    score = "max_probability" if decision.reject is None else decision.reject.score
    scores = reject_scores(answers.logits, labels, decision, score=score)
    accepted = known(answers.logits, labels, decision)
    is_right = answers.targets[np.arange(len(answers)), top_class(answers.logits, labels, decision)]
    risk = risk_coverage(scores[shown], is_right[shown])
    kept = float(accepted[shown].mean())
    marks = []
    if accepted[shown].any():
        marks = [Mark(name="the model's rule" if has_rule(contract) else "all kept: no rule", x=kept,
                      y=float(1 - is_right[shown & accepted].mean()))]  # fmt: skip
    charts: list[Content] = [
        curve_chart(
            "Risk and coverage",
            [Line(name=f"by {score.replace('_', ' ')}", x=risk.x, y=risk.y, kind="c0")],
            Axes(
                x=Axis(label="coverage: share of clips kept"),
                y=spanning("risk: share of those that is wrong", [*risk.y]),
            ),
            caption="From left to right ever less certain answers are kept: what is wrong among them. A score that "
            "says nothing would give a level line.",
            marks=marks,
        )
    ]  # fmt: skip
    if not shown.all():
        area = auroc(scores, shown)
        curve = roc(scores, shown)
        rule = [Mark(name="the model's rule", x=float(accepted[~shown].mean()), y=kept)] if has_rule(contract) else []
        charts.append(
            curve_chart(
                "Clips of a label against clips of none",
                [Line(name=f"by {score.replace('_', ' ')}", x=curve.x, y=curve.y, kind="c0")],
                Axes(x=Axis(label="share of clips of none taken for known"), y=Axis(label="share of clips kept")),
                caption=f"The area below the curve is {area:.3f}: so often does a clip of a label score above one of "
                "none. Dashed: guessing.",
                marks=rule,
                ideal=Line(name="guessing", x=[0, 1], y=[0, 1], kind=""),
            )
        )
    return section(heading, *_words(answers, contract), tag("div", *charts, class_="charts"))


def _words(answers: Answers, contract: Contract) -> list[Content]:
    """What is kept and what is let through, in sentences."""
    labels, decision = contract.labels, contract.decision
    shown = positives(answers, labels, decision)
    accepted = known(answers.logits, labels, decision)
    if not has_rule(contract):
        words = "The model has no rule for clips that show none of its labels: it takes every clip for one of them."
        return [tag("p", words)]
    right = answers.targets[np.arange(len(answers)), top_class(answers.logits, labels, decision)] & shown
    sentences = [share_of(accepted[right], "right answers are kept")]
    if not shown.all():
        sentences.append(share_of(accepted[~shown], "clips that show none of the labels are taken for known"))
    else:
        sentences.append(
            "There are no clips here that show none of the labels, so what is falsely accepted is not known"
        )
    return [tag("p", f"{sentence}.") for sentence in sentences if sentence]
