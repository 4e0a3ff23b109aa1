"""What stands first on a page: the verdict in words, and the key figures with their intervals."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from vidcls.contract import Contract
from vidcls.decision import known
from vidcls.evaluation.answers import Answers, positives
from vidcls.evaluation.intervals import wilson_interval
from vidcls.evaluation.metrics import Scores
from vidcls.pages.markup import Markup, name, tag
from vidcls.pages.tables import Card, cards
from vidcls.pages.wording import between, has_rule, in_brackets, with_labels


def verdict(scores: Scores, clips: str) -> Markup:
    """How many of `clips`, which says how many there are of what kind, are answered rightly.

    >>> import numpy as np
    >>> from vidcls.contract import NEUTRAL
    >>> from vidcls.evaluation.metrics import score_logits
    >>> from vidcls.pages.headline import verdict
    >>> verdict(score_logits(np.array([[2.0, 0.0], [1.0, 0.5]]), [0, 1], ["clap", "wave"], NEUTRAL), "2 test clips")
    '<p class="verdict">1 of 2 test clips are answered rightly: top-1 0.50 (95 % interval 0.09 to 0.91).</p>'
    """
    if scores.average_precision is not None:
        within = in_brackets(scores.average_precision_interval)
        words = f"Mean average precision {scores.average_precision:.2f}{within} on {clips}."
    else:
        right = round(scores.top1 * scores.videos)
        words = f"{right} of {clips} are answered rightly: top-1 {scores.top1:.2f}{in_brackets(scores.top1_interval)}."
    return tag("p", words, class_="verdict")


def figure_cards(scores: Scores, answers: Answers, contract: Contract, *, failed: int) -> Markup:
    """The key figures of some clips' answers."""
    return cards(_figures(scores, answers, contract, failed=failed))


def _figures(scores: Scores, answers: Answers, contract: Contract, *, failed: int) -> Iterable[Card]:
    labels, decision = contract.labels, contract.decision
    others = len(answers) - len(with_labels(answers, contract))
    notes = [f"{others} more show none of the labels"] if others else []
    notes += [f"{failed} more could not be read"] if failed else []
    yield Card(name="clips", value=str(len(answers) - others), note="; ".join(notes))
    if scores.average_precision is not None:
        within = between(scores.average_precision_interval)
        yield Card(name="mean average precision", value=f"{scores.average_precision:.2f}", note=within)
    else:
        within = between(scores.top1_interval)
        yield Card(name="top-1", value=f"{scores.top1:.2f}", note=f"{within}; {_guess(answers, labels)}")
        if len(labels) > 5:
            yield Card(name="top-5", value=f"{scores.top5:.2f}", note=between(scores.top5_interval))
    yield Card(name="macro F1", value=f"{scores.macro_f1:.2f}", note=between(scores.macro_f1_interval))
    calibration = scores.calibration
    yield Card(
        name="calibration error",
        value=f"{calibration['error']:.2f}",
        note=f"a calibrated model would show {calibration['expected_error']:.2f} on as many",
    )
    if has_rule(contract):
        accepted, shown = known(answers.logits, labels, decision), positives(answers, labels, decision)
        for what, mask in (("clips of a label taken for known", shown), ("clips of none taken for known", ~shown)):
            if mask.any():
                interval = wilson_interval(int(accepted[mask].sum()), int(mask.sum()))
                yield Card(
                    name=what, value=f"{accepted[mask].mean():.2f}", note=f"{between(interval)}, of {mask.sum()}"
                )
    fitted = decision.fitted_on
    note = "not fitted" if fitted is None else f"fitted on {fitted.videos} clips of {name(fitted.split, limit=20)}"
    yield Card(name="temperature", value=f"{decision.temperature:.2f}", note=note)


def _guess(answers: Answers, labels: tuple[str, ...]) -> str:
    """What always the most frequent label would get."""
    counts = answers.targets.sum(axis=0)
    most = int(counts.argmax())
    share = counts[most] / max(1, np.count_nonzero(answers.targets.any(axis=1)))
    return f"always '{name(labels[most], limit=30)}': {share:.2f}"
