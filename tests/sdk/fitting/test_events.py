"""A rule for events chosen on clips' answers that are drawn from known distributions."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from answered import answered_record
from paths import most_probable_halves
from vidcls.contract import NEUTRAL, Decision, OperatingPoint
from vidcls.evaluation.answers import Answers
from vidcls.fitting import events
from vidcls.fitting.events import CHANGE_COSTS, fit_events
from vidcls.fitting.simulated import simulations
from vidcls.temporal.event_finder import label_scores
from vidcls.temporal.timeline import segments

CLIP_SECONDS = 64 / 30


def answers(
    clips: int, labels: int, *, sharpness: float, noise: float, scale: float = 1.0, negatives: int = 0, seed: int = 0
) -> Answers:
    """Logits of which the true one is higher, and at the end those of clips that show none of the labels."""
    random = np.random.default_rng(seed)
    targets = np.zeros((clips + negatives, labels), bool)
    targets[np.arange(clips), random.integers(0, labels, clips)] = True
    logits = sharpness * targets + random.normal(0, noise, targets.shape)
    return Answers(logits=(scale * logits).astype(np.float32), targets=targets)


def names(count: int) -> tuple[str, ...]:
    return tuple(f"label {number}" for number in range(count))


def best_temperature(validation: Answers) -> float:
    """The one with the least log loss, of many."""

    def log_loss(temperature: float) -> float:
        logits = validation.logits.astype(float) / temperature
        return float((np.log(np.exp(logits).sum(axis=1)) - logits[validation.targets]).mean())

    return min(np.geomspace(0.05, 20, 400).tolist(), key=log_loss)


def found_of_alternating_labels(decision: Decision, *, sharpness: float, noise: float, scale: float) -> tuple[int, int]:
    """How many of the ten-second stretches of two labels in turn a timeline finds, and how many there are."""
    hits = total = 0
    for seed in range(8):
        random = np.random.default_rng([7, seed])
        truth = [(number % 2, 10.0 * number, 10.0 * number + 10) for number in range(8)]
        records = []
        for start in np.arange(0, 80 - CLIP_SECONDS, CLIP_SECONDS / 2).tolist():
            logits = random.normal(0, noise, 2)
            for class_id, begin, end in truth:
                logits[class_id] += (
                    sharpness * max(0, min(end, start + CLIP_SECONDS) - max(begin, start)) / CLIP_SECONDS
                )
            logits = scale * logits
            records.append(
                answered_record(logits, labels=names(2), decision=decision, start=start, clip_seconds=CLIP_SECONDS)
            )
        found = list(segments(records, duration=partial(float, 80)))
        hits += sum(
            any(
                segment.label == names(2)[class_id]
                and min(segment.end, end) - max(segment.start, begin)
                > 0.5 * (max(segment.end, end) - min(segment.start, begin))
                for segment in found
            )
            for class_id, begin, end in truth
        )
        total += len(truth)
    return hits, total


def test_two_labels_in_turn_are_all_found_however_underconfident_the_scores() -> None:
    """The case of a newcomer, who lost two of the ten-second fights: probability 0.63 at accuracy 0.9."""
    kind: dict[str, Any] = {"sharpness": 1.9, "noise": 1.05, "scale": 0.27}
    validation = answers(300, 2, seed=1, **kind)
    exponentials = np.exp(validation.logits)
    probability = (exponentials.max(axis=1) / exponentials.sum(axis=1)).mean()
    right = (validation.logits.argmax(axis=1) == validation.targets.argmax(axis=1)).mean()
    assert (float(probability), float(right)) == (pytest.approx(0.63, abs=0.01), pytest.approx(0.9, abs=0.02))
    decision = replace(NEUTRAL, temperature=best_temperature(validation))
    rule = fit_events(validation, names(2), decision, clip_seconds=CLIP_SECONDS)
    hits, total = found_of_alternating_labels(replace(decision, events=rule), **kind)
    assert hits == total
    # As it was: no temperature, and the price of 7.
    hits_before, _ = found_of_alternating_labels(NEUTRAL, **kind)
    assert hits_before < 0.9 * total


def test_the_paths_of_all_costs_are_those_of_the_timeline() -> None:
    random = np.random.default_rng(0)
    for _ in range(4):
        windows = random.dirichlet([0.4] * 4, size=25)
        found = events._paths(windows[:, None])
        for number, cost in enumerate(CHANGE_COSTS):
            halves = list(most_probable_halves(windows, change_cost=cost))
            assert found[number, 0].tolist() == [halves[0][0], *(second for _, second in halves)]


def test_a_simulated_video_shows_nothing_for_half_of_its_time_and_averages_across_borders() -> None:
    targets = np.zeros((30, 3), bool)
    targets[np.arange(20), np.arange(20) % 3] = True
    videos = simulations(targets, videos=6, clips=60, seed=0)
    shown = np.concatenate([targets[video.clips] for video in videos])
    assert 0.35 < shown.any(axis=1).mean() < 0.65
    for video in videos:
        for stretch in video.stretches:
            (class_id,) = stretch.class_ids
            assert targets[video.clips[stretch.start : stretch.end], class_id].all()
        assert all(first.end <= second.start for first, second in itertools.pairwise(video.stretches))
        by_clip = np.arange(30.0)
        np.testing.assert_allclose(video.windows(by_clip)[4], (video.clips[4] + video.clips[5]) / 2)


def test_few_clips_or_one_label_choose_nothing() -> None:
    few = answers(19, 4, sharpness=3, noise=1)
    assert fit_events(few, names(4), NEUTRAL, clip_seconds=2.0) is None
    alone = Answers(logits=np.ones((50, 1), np.float32), targets=np.ones((50, 1), bool))
    assert fit_events(alone, names(1), replace(NEUTRAL, activation="sigmoid"), clip_seconds=2.0) is None


def test_wrong_windows_among_right_ones_make_a_change_cost_more() -> None:
    noisy = answers(200, 4, sharpness=2.6, noise=1.2)
    rule = fit_events(noisy, names(4), replace(NEUTRAL, temperature=0.55), clip_seconds=CLIP_SECONDS)
    assert rule is not None
    assert rule.change_cost > 7
    sure = answers(200, 3, sharpness=12, noise=1)
    flat = fit_events(sure, names(3), NEUTRAL, clip_seconds=CLIP_SECONDS)
    assert flat is not None
    assert flat.change_cost == 7


def test_few_labels_without_clips_that_show_nothing_leave_the_thresholds() -> None:
    rule = fit_events(answers(200, 3, sharpness=3, noise=1.2), names(3), NEUTRAL, clip_seconds=CLIP_SECONDS)
    assert rule is not None
    assert (rule.on, rule.off, rule.min_seconds, rule.false_alarms_per_hour) == (0.6, 0.4, 0.0, None)


def test_clips_with_their_own_labels_hidden_stand_in_for_what_the_model_does_not_know() -> None:
    decision = replace(NEUTRAL, temperature=0.5)
    rule = fit_events(answers(200, 8, sharpness=3, noise=1.2), names(8), decision, clip_seconds=CLIP_SECONDS)
    assert rule is not None
    assert rule.false_alarms_per_hour is None
    new = answers(200, 8, sharpness=3, noise=1.2, negatives=100, seed=5)
    usual = replace(rule, on=0.6, off=0.4, min_seconds=0.0)
    assert false_alarms(rule, new, decision) < 0.5 * false_alarms(usual, new, decision)


def test_a_clip_whose_label_is_hidden_is_given_to_the_other_labels() -> None:
    known = answers(50, 8, sharpness=3, noise=1.2)
    logits, shown = events._with_hidden_labels(known.logits, known.targets)
    assert (shown[:50] == known.targets).all()
    assert not shown[50:].any()
    scores = label_scores(logits[50:], names(8), NEUTRAL)
    assert (scores[known.targets] == 0).all()
    # Softmax over the seven others, by hand.
    others = np.exp(known.logits[~known.targets].reshape(50, 7).astype(float))
    expected = (others / others.sum(axis=1, keepdims=True)).ravel()
    np.testing.assert_allclose(scores[~known.targets], expected, atol=1e-6)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_clips_that_show_nothing_choose_a_rule_with_fewer_false_alarms(activation: str) -> None:
    decision = replace(NEUTRAL, activation=activation)  # type: ignore[arg-type]
    validation = answers(200, 4, sharpness=3, noise=1.2, negatives=100)
    if activation == "sigmoid":
        validation = Answers(logits=validation.logits - 2, targets=validation.targets)
    rule = fit_events(validation, names(4), decision, clip_seconds=CLIP_SECONDS)
    assert rule is not None
    assert rule.false_alarms_per_hour is not None
    usual = replace(rule, on=0.6, off=0.4, min_seconds=0.0)
    assert rule.false_alarms_per_hour < 0.7 * false_alarms(usual, validation, decision)
    # The same clips, given apart; and nothing is left to chance.
    positive = Answers(logits=validation.logits[:200], targets=validation.targets[:200])
    assert rule == fit_events(
        positive, names(4), decision, clip_seconds=CLIP_SECONDS, negatives=validation.logits[200:]
    )


def false_alarms(rule: object, validation: Answers, decision: Decision) -> float:
    """Per hour of the simulated videos, by the same search for events."""
    step = CLIP_SECONDS / 2
    labels = names(validation.targets.shape[1])
    scores = label_scores(validation.logits, labels, decision)
    videos = simulations(validation.targets, videos=events.EVENT_VIDEOS, clips=events.CLIPS, seed=events.SEED)
    trials = [events._tried(rule, video, scores, labels, decision, step=step) for video in videos]  # type: ignore[arg-type]
    return sum(trial.false_alarms for trial in trials) / sum(trial.hours for trial in trials)


def test_where_every_label_has_an_operating_point_the_threshold_that_none_uses_stays() -> None:
    point = OperatingPoint(probability=0.9, precision=0.9, recall=0.5)
    decision = replace(NEUTRAL, operating_points=dict.fromkeys(names(4), point))
    rule = fit_events(
        answers(200, 4, sharpness=3, noise=1.2, negatives=60), names(4), decision, clip_seconds=CLIP_SECONDS
    )
    assert rule is not None
    assert rule.on == 0.6
