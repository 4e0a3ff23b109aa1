"""Validation answers -> when events begin and end, and what a change costs a timeline."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from vidcls.contract import Decision, EventRule
from vidcls.decision import label_columns
from vidcls.evaluation.answers import Answers
from vidcls.evaluation.event_metrics import temporal_iou
from vidcls.fitting.simulated import Simulation, simulations
from vidcls.temporal.event_finder import ENTER_SCORE, LEAVE_SCORE, EventFinder, finder_rule, label_scores
from vidcls.temporal.path import LEAST_PROBABILITY
from vidcls.temporal.states import present_probabilities, state_probabilities
from vidcls.temporal.timeline import CHANGE_ODDS

# Below so many clips that show a label, nothing is chosen; below so many that show none, nothing about false alarms.
LEAST_CLIPS = LEAST_NEGATIVES = 20

CHANGE_COSTS = (1.0, 2.0, 3.0, 5.0, CHANGE_ODDS, 10.0, 20.0, 50.0, 100.0, 300.0, 1000.0)
ON = (0.3, 0.4, 0.5, ENTER_SCORE, 0.7, 0.8, 0.9)
OFF_OF_ON = (0.5, LEAVE_SCORE / ENTER_SCORE)

# A stretch counts as found where what was found overlaps it by that tIoU.
FOUND_TIOU = 0.5

# A choice is as good as the best one where its mean F1 in the simulated videos is lower by no more than that, or by no
# more than two standard errors of the difference.
LEAST_GAIN = 0.01

# Of a label that a model does not know: its probability is 0 whatever the others are, and every sum stays finite.
HIDDEN_LOGIT = -1e4

# With fewer labels, what stays when one is hidden says little: of two, the other one is certain.
LEAST_LABELS_TO_HIDE_ONE = 4

# Videos for the cost, and of these for the rest, which takes longer; clips to a video.
VIDEOS, EVENT_VIDEOS, CLIPS, SEED = 32, 8, 40, 0

Found = list[tuple[int, float, float]]  # class id, start, end


def fit_events(
    validation: Answers,
    labels: Sequence[str],
    decision: Decision,
    *,
    clip_seconds: float,
    negatives: npt.NDArray[np.floating] | None = None,
) -> EventRule | None:
    """Choose what a change costs a timeline, and when events begin and end, on long videos simulated from clips.

    By the F1 of what is found at tIoU 0.5 in videos (`vidcls.fitting.simulated`), always the same ones. Of the
    costs that are as good as the best one it is the nearest to 7; of the rules for events, the one with the fewest
    false alarms per hour, which are those of the simulated videos, of whose time half shows nothing. Where fewer than
    20 clips show none of the labels, nothing is known of false alarms: the clips themselves, each with its own labels'
    logits hidden, stand in for what the model does not know, and with fewer than 4 labels events stay at 0.6, 0.4, 0 s.

    Args:
        validation: answers of clips that were not trained on; those that show none of the labels are the videos' other
            half. decision: with temperature, reject rule and operating points, which stay as they are.
        clip_seconds: what one answer is of.
        negatives: logits [clips, labels] of more clips that show none of the labels.

    Returns:
        None where fewer than 20 clips show a label, or all the same one and none shows nothing.
    """
    names = tuple(labels)
    columns = label_columns(names, decision)
    logits, shown = _clips(validation, columns, negatives)
    is_negative = ~shown.any(axis=1)
    if (~is_negative).sum() < LEAST_CLIPS or len(np.unique(shown, axis=0)) < 2:
        return None
    videos = simulations(shown, videos=VIDEOS, clips=CLIPS, seed=SEED)
    rule = EventRule(
        on=ENTER_SCORE,
        off=LEAVE_SCORE,
        min_seconds=0.0,
        change_cost=_change_cost(videos, logits, names, decision),
        false_alarms_per_hour=None,
    )
    if is_negative.sum() >= LEAST_NEGATIVES:
        scores = label_scores(logits, names, decision)
        return _with_thresholds(rule, videos[:EVENT_VIDEOS], scores, names, decision, clip_seconds=clip_seconds)
    if len(columns) < LEAST_LABELS_TO_HIDE_ONE:
        return rule
    logits, shown = _with_hidden_labels(logits, shown)
    videos = simulations(shown, videos=EVENT_VIDEOS, clips=CLIPS, seed=SEED)
    scores = label_scores(logits, names, decision)
    chosen = _with_thresholds(rule, videos, scores, names, decision, clip_seconds=clip_seconds)
    return replace(chosen, false_alarms_per_hour=None)


def _clips(
    validation: Answers, columns: npt.NDArray[np.intp], negatives: npt.NDArray[np.floating] | None
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.bool_]]:
    """Logits and what is shown, both [clips, labels], of all clips; only labels of these columns count as shown."""
    shown = np.zeros_like(validation.targets)
    shown[:, columns] = validation.targets[:, columns]
    if negatives is None or not len(negatives):
        return validation.logits, shown
    return np.concatenate([validation.logits, negatives]), np.concatenate([shown, np.zeros(negatives.shape, bool)])


def _with_hidden_labels(
    logits: npt.NDArray[np.floating], shown: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.bool_]]:
    """The clips, and once more those that show a label, answered as by a model that does not know it."""
    hidden = np.where(shown, HIDDEN_LOGIT, logits)[shown.any(axis=1)]
    return np.concatenate([logits, hidden]), np.concatenate([shown, np.zeros(hidden.shape, bool)])


def _with_thresholds(
    rule: EventRule,
    videos: Sequence[Simulation],
    scores: npt.NDArray[np.float64],
    labels: tuple[str, ...],
    decision: Decision,
    *,
    clip_seconds: float,
) -> EventRule:
    """The rule with on, off and min_seconds chosen by scores [clips, labels], and the false alarms of these videos."""
    points = decision.operating_points or {}
    columns = label_columns(labels, decision)
    on_is_used = any(points.get(labels[column]) is None for column in columns)
    rules = [
        replace(rule, on=on, off=on * part, min_seconds=seconds)
        for on, part, seconds in itertools.product(ON if on_is_used else (rule.on,), OFF_OF_ON, (0.0, clip_seconds))
    ]
    step = clip_seconds / 2
    tried = [[_tried(each, video, scores, labels, decision, step=step) for video in videos] for each in rules]
    hours = sum(trial.hours for trial in tried[0])
    alarms = np.array([sum(trial.false_alarms for trial in trials) for trials in tried]) / hours
    f1 = np.array([[trial.f1 for trial in trials] for trials in tried])
    best = _least(alarms, f1)
    return replace(rules[best], false_alarms_per_hour=float(alarms[best]))


def _least(values: npt.NDArray[np.float64], f1: npt.NDArray[np.float64]) -> int:
    """The choice with the least value of those whose f1, [choices, videos], is as good as the best one's."""
    losses = f1[f1.mean(axis=1).argmax()] - f1
    errors = losses.std(axis=1, ddof=1) / math.sqrt(f1.shape[1])
    is_as_good = losses.mean(axis=1) <= np.maximum(LEAST_GAIN, 2 * errors)
    return int(np.where(is_as_good, values, np.inf).argmin())


@dataclass(frozen=True, kw_only=True)
class _Trial:
    f1: float
    false_alarms: int
    hours: float


def _tried(
    rule: EventRule,
    video: Simulation,
    scores: npt.NDArray[np.float64],
    labels: tuple[str, ...],
    decision: Decision,
    *,
    step: float,
) -> _Trial:
    """What a rule for events finds in a video, of scores [clips, labels]."""
    finder = EventFinder(finder_rule(labels, replace(decision, events=rule)))
    events = []
    for number, row in enumerate(video.windows(scores)):
        events += list(finder.add(row, window=(number * step, (number + 2) * step)))
    events += list(finder.finish())
    found = [(event.class_id, event.start, event.end) for event in events if event.end is not None]
    truth = _truth(video, step=step)
    false = [event for event in found if all(_overlap(event, true) == 0 for true in truth)]
    return _Trial(f1=_f1(found, truth), false_alarms=len(false), hours=len(video.clips) * step / 3600)


def _truth(video: Simulation, *, step: float) -> Found:
    return [
        (class_id, stretch.start * step, stretch.end * step)
        for stretch in video.stretches
        for class_id in stretch.class_ids
    ]


def _f1(found: Found, truth: Found) -> float:
    """Of stretches that overlap by at least half; none overlaps two others by more than that."""
    hits = sum(any(_overlap(event, true) > FOUND_TIOU for event in found) for true in truth)
    return 2 * hits / (len(found) + len(truth))


def _overlap(event: tuple[int, float, float], true: tuple[int, float, float]) -> float:
    return temporal_iou(event[1:], true[1:]) if event[0] == true[0] else 0.0


def _change_cost(
    videos: Sequence[Simulation], logits: npt.NDArray[np.floating], labels: tuple[str, ...], decision: Decision
) -> float:
    """The one of CHANGE_COSTS under which a timeline finds the most stretches."""
    columns = label_columns(labels, decision)
    if decision.activation == "softmax":
        by_clip = state_probabilities(logits, labels, decision)[:, None]
        class_ids = [[*columns.tolist(), -1][: by_clip.shape[2]]]  # -1: nothing known
    else:
        present = present_probabilities(logits, labels, decision)
        by_clip = np.stack([present, 1 - present], axis=2)
        class_ids = [[column, -1] for column in columns]
    f1 = np.zeros((len(CHANGE_COSTS), len(videos)))
    for number, video in enumerate(videos):
        truth = _truth(video, step=1.0)
        for row, cells in enumerate(_paths(video.windows(by_clip))):
            found = [stretch for track, ids in zip(cells, class_ids, strict=True) for stretch in _runs(track, ids)]
            f1[row, number] = _f1(found, truth)
    return CHANGE_COSTS[_least(np.abs(np.log(np.array(CHANGE_COSTS) / CHANGE_ODDS)), f1)]


def _paths(windows: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """The most probable state of every cell, int [costs, tracks, windows + 1]: `vidcls.temporal.path` for all costs.

    windows: probabilities, float64 [windows, tracks, states].
    """
    kept = np.zeros(windows.shape[2], bool)
    kept[np.unique(windows.argmax(axis=2))] = True  # a state that no window favours is on no path, but takes its time
    kept[:2] = kept[:2] | (windows.shape[1] > 1)
    believed = np.maximum(windows[:, :, kept], LEAST_PROBABILITY)
    count, tracks, states = believed.shape
    prices = np.log(CHANGE_COSTS)[:, None, None, None] * (1 - np.eye(states))
    scores = np.zeros((len(CHANGE_COSTS), tracks, states))
    came_from = np.zeros((count, *scores.shape), np.intp)
    for number, row in enumerate(believed):
        paths = scores[..., None] + np.log((row[:, :, None] + row[:, None]) / 2) - prices
        came_from[number] = paths.argmax(axis=2)
        scores = paths.max(axis=2)
    cells = np.zeros((count + 1, *scores.shape[:2]), np.intp)
    cells[count] = scores.argmax(axis=2)
    for number in range(count - 1, -1, -1):
        cells[number] = np.take_along_axis(came_from[number], cells[number + 1][..., None], axis=2)[..., 0]
    return np.moveaxis(np.nonzero(kept)[0][cells], 0, -1)


def _runs(cells: npt.NDArray[np.intp], class_ids: Sequence[int]) -> Found:
    """Stretches of one state, in cells."""
    borders = [0, *(np.nonzero(np.diff(cells))[0] + 1).tolist(), len(cells)]
    runs = [(class_ids[cells[start]], float(start), float(end)) for start, end in itertools.pairwise(borders)]
    return [run for run in runs if run[0] >= 0]
