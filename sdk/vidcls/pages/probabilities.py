"""Whether probabilities come true."""

from __future__ import annotations

from vidcls.contract import Contract
from vidcls.evaluation.answers import Answers
from vidcls.evaluation.calibration import claims
from vidcls.evaluation.curves import reliability
from vidcls.evaluation.metrics import Scores
from vidcls.pages.charts import reliability_chart
from vidcls.pages.document import Section, section
from vidcls.pages.markup import tag


def probability_section(answers: Answers, scores: Scores, contract: Contract) -> Section:
    """A reliability diagram of calibrated probabilities; of answers that have a label."""
    what = "answers" if contract.decision.activation == "softmax" else "labels"
    probabilities, targets = claims(answers, contract.decision)
    chart = reliability_chart(
        f"Calibrated probabilities of {len(probabilities)} {what}",
        reliability(probabilities, targets),
        caption="Bars: the share that is right among answers of such a probability; the figure at its foot says how "
        "many there are, the dot their mean probability. Bars that end within the grey ranges are what a perfectly "
        "calibrated model would show 95 % of the time on as many; on the dashed line both are equal.",
    )
    found = scores.calibration
    words = (
        f"Log loss {found['log_loss']:.3f}, Brier score {found['brier']:.3f}. The mean probability is "
        f"{probabilities.mean():.2f}, and {targets.mean():.2f} came true. The expected calibration error is "
        f"{found['error']:.3f}; a perfectly calibrated model would show {found['expected_error']:.3f} on as many."
    )
    return section("Are its probabilities right?", tag("p", words), chart)
