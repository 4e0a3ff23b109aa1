"""The reject rule: its promise to new clips simulated, its threshold by hand, its score by a plain bootstrap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vidcls.contract import NEUTRAL
from vidcls.decision import known, reject_scores
from vidcls.evaluation.answers import Answers, answers_of
from vidcls.fitting.reject import auroc_advantage, conformal_threshold, fewest_right, fit_reject

LABELS = ("a", "b", "c")
DECISION = replace(NEUTRAL, temperature=1.3)


def right_answers(scores: np.ndarray) -> Answers:
    """Answers that are right with these logits of the label, the others being 0."""
    logits = np.zeros((len(scores), 3))
    logits[:, 0] = scores
    return answers_of(logits, [0] * len(scores), LABELS)


def test_the_threshold_is_the_kth_smallest_score_of_right_answers() -> None:
    scores = np.random.default_rng(0).permutation(np.linspace(1, 5, 59))  # k = floor(0.05 * 60) = 3
    wrong = answers_of(np.array([[0.1, 0.0, 0.0]] * 20), [1] * 20, LABELS)  # and do not count
    right = right_answers(scores)
    both = Answers(
        logits=np.concatenate([right.logits, wrong.logits]), targets=np.concatenate([right.targets, wrong.targets])
    )
    rule, notes = fit_reject(both, LABELS, DECISION, None)
    assert notes == ()
    assert rule is not None
    expected = np.exp(np.sort(scores)[2] / 1.3) / (np.exp(np.sort(scores)[2] / 1.3) + 2)
    assert rule.threshold == pytest.approx(expected)
    assert (rule.score, rule.accepted, rule.false_accepted) == ("max_probability", 57 / 59, None)
    assert known(right.logits, LABELS, replace(DECISION, reject=rule)).sum() == 57


@pytest.mark.parametrize("right", [19, 28, 39, 60])
def test_new_right_answers_are_kept_as_often_as_promised(right: int) -> None:
    """On average over validation sets, by 1 - k / (n + 1), whatever the distribution."""
    rng = np.random.default_rng(right)
    kept = []
    for _ in range(400):
        rule, _ = fit_reject(right_answers(rng.exponential(size=right) + 0.1), LABELS, DECISION, None)
        assert rule is not None
        new = right_answers(rng.exponential(size=200) + 0.1)
        kept.append(known(new.logits, LABELS, replace(DECISION, reject=rule)).mean())
    k = int(0.05 * (right + 1) + 1e-9)
    # One set's share scatters by 0.05 at most, its mean over 400 by 0.0025.
    assert np.mean(kept) == pytest.approx(1 - k / (right + 1), abs=0.008)
    assert np.mean(kept) >= 0.95 - 0.008


def test_too_few_right_answers_have_no_rule_and_a_sentence() -> None:
    assert fewest_right(0.95) == 19
    assert (fewest_right(0.9), fewest_right(0.99), fewest_right(0.8)) == (9, 99, 4)
    assert fit_reject(right_answers(np.arange(1.0, 20)), LABELS, DECISION, None)[0] is not None
    rule, notes = fit_reject(right_answers(np.arange(1.0, 19)), LABELS, DECISION, None)
    assert rule is None
    assert notes == (
        "no reject rule: only 18 validation clips are answered right, and a threshold that keeps 95% of right answers "
        "needs 19; every answer counts as one of the labels",
    )


def test_a_whole_rank_is_not_lost_to_binary_fractions() -> None:
    assert conformal_threshold(np.arange(1.0, 10), keep=0.9) == 1  # (1 - 0.9) * 10 is 0.9999999999999998
    assert conformal_threshold(np.arange(1.0, 9), keep=0.9) == -np.inf


def test_models_that_decide_otherwise_have_no_rule() -> None:
    answers = right_answers(np.arange(1.0, 60))
    assert fit_reject(answers, LABELS, replace(DECISION, none_label="c"), None) == (None, ())
    assert fit_reject(answers, LABELS, replace(DECISION, activation="sigmoid"), None) == (None, ())


def test_what_is_falsely_accepted_is_measured_on_the_negatives() -> None:
    answers = right_answers(np.linspace(2, 5, 59))
    negatives = np.array([[5.0, 0, 0], [1, 0, 0], [0.5, 0, 0], [9, 0, 0]])
    rule, _ = fit_reject(answers, LABELS, DECISION, negatives)
    assert rule is not None
    assert rule.false_accepted == 0.5
    among = answers_of(np.concatenate([answers.logits, negatives]), [0] * 59 + [None] * 4, LABELS)
    assert fit_reject(among, LABELS, DECISION, None)[0] == rule  # those in the answers themselves count as well
    both, _ = fit_reject(among, LABELS, DECISION, np.array([[0.2, 0, 0], [0, 0, 0]]))
    assert both is not None
    assert both.false_accepted == pytest.approx(2 / 6)


def energy_case(rng: np.random.Generator, *, advantage: float) -> tuple[Answers, np.ndarray]:
    """Known clips whose logits are all higher by `advantage`, which probabilities do not show."""
    ours, theirs = rng.normal(0, 1, (60, 3)), rng.normal(0, 1, (60, 3))
    ours[:, 0] += 2
    theirs[:, 0] += 1.5
    return answers_of(ours + advantage, [0] * 60, LABELS), theirs


def test_energy_is_taken_only_where_it_is_better_beyond_doubt() -> None:
    answers, negatives = energy_case(np.random.default_rng(0), advantage=3)
    rule, _ = fit_reject(answers, LABELS, DECISION, negatives)
    assert rule is not None
    assert rule.score == "energy"
    right = answers.logits[answers.logits.argmax(axis=1) == 0]
    assert known(right, LABELS, replace(DECISION, reject=rule)).mean() == rule.accepted >= 0.95
    taken = []
    for seed in range(15):  # its AUROC is higher on 4 of 10 sets, and by nothing but chance
        answers, negatives = energy_case(np.random.default_rng(seed), advantage=-0.1)
        rule, _ = fit_reject(answers, LABELS, DECISION, negatives)
        taken.append(rule is not None and rule.score == "energy")
    assert np.mean(taken) <= 0.1


def test_the_advantage_is_that_of_a_plain_paired_bootstrap() -> None:
    rng = np.random.default_rng(2)
    answers, negatives = energy_case(rng, advantage=0.7)
    both = np.concatenate([answers.logits, negatives])
    scores = {name: reject_scores(both, LABELS, DECISION, score=name) for name in ("energy", "max_probability")}

    def difference(rows: np.ndarray) -> float:
        areas = {}
        for name, found in scores.items():
            ours, theirs = found[rows[:60], None], found[None, rows[60:]]
            areas[name] = (ours > theirs).mean() + (ours == theirs).mean() / 2
        return areas["energy"] - areas["max_probability"]

    drawn = [np.append(rng.integers(60, size=60), 60 + rng.integers(60, size=60)) for _ in range(1000)]
    expected = np.quantile([difference(rows) for rows in drawn], [0.025, 0.975])
    mean, low, high = auroc_advantage(answers.logits, negatives, LABELS, DECISION, score="energy")
    assert mean == pytest.approx(difference(np.arange(120)))
    # The ends of 1000 resamples scatter by about 0.003.
    assert (low, high) == pytest.approx(expected.tolist(), abs=0.012)
