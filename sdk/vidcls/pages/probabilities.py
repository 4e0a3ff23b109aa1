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
from vidcls.pages.wording import with_labels


def probability_section(answers: Answers, scores: Scores, contract: Contract) -> Section:
    """A reliability diagram of calibrated probabilities; of answers that have a label."""
    what = "answers" if contract.decision.activation == "softmax" else "labels"
    probabilities, targets = claims(with_labels(answers, contract), contract.decision)
    chart = reliability_chart(
        f"Calibrated probabilities of {len(probabilities)} {what}",
        reliability(probabilities, targets),
        caption="Bars and dots: the share that is right of the answers in a range of probabilities, at their mean "
        "probability; above them how many there are. Narrow grey bars: where a perfectly calibrated model with as many "
        "answers would have its dot 95 % of the time. Dashed: share and probability are equal.",
    )
    found = scores.calibration
    words = (
        f"Log loss {found['log_loss']:.3f}, Brier score {found['brier']:.3f}. The mean probability is "
        f"{probabilities.mean():.2f}, and {targets.mean():.2f} came true. The expected calibration error is "
        f"{found['error']:.3f}; a perfectly calibrated model would show {found['expected_error']:.3f} on as many."
    )
    return section("Are its probabilities right?", tag("p", words), chart)
