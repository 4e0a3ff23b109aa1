"""Shortcuts: whether a clip's label can be predicted from how its file is encoded, without its pictures.

Where it can, a model that scores well may have learnt the camera, the site or the exporter of a class. It is also the
baseline that a video model must beat.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

from vidcls.evaluation.metrics import wilson_interval
from vidcls_train.audit.probe import ClipInfo

# Ranking clips by one property: 1 puts all clips of a label before all others, 0.5 is a coin's toss.
_SHARP = 0.95

# Fewer clips are separated by chance: a label's 5 are the 5 highest of 15 once in 3000 draws.
_FEWEST_INSIDE, _FEWEST_OUTSIDE = 5, 10

_FOLDS = 5
_FEWEST = 20
_TREES = 60


@dataclass(frozen=True, kw_only=True)
class Shortcut:
    """A property of files that separates one label from all others.

    auc: area under the ROC curve, 0.5 to 1. inside, outside: the property's 5th and 95th percentile.
    """

    label: str
    feature: str
    auc: float
    inside: tuple[float, float]
    outside: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class EncodingBaseline:
    """How well labels are predicted from encodings, in cross-validation by group; shares 0 to 1.

    interval: 95 % of `accuracy`. majority: what the most frequent label alone gets right.
    """

    videos: int
    accuracy: float
    interval: tuple[float, float]
    majority: float

    @property
    def far_above_chance(self) -> bool:
        """Whether, of what the most frequent label gets wrong, a quarter or more is surely right.

        Example:
            >>> EncodingBaseline(videos=200, accuracy=0.5, interval=(0.43, 0.57), majority=0.1).far_above_chance
            True
        """
        return self.interval[0] - self.majority >= 0.25 * (1 - self.majority)


def cross_validate(clips: Sequence[ClipInfo], labels: Sequence[str], groups: Sequence[str]) -> EncodingBaseline | None:
    """Cross-validate a random forest on encodings.

    Args:
        clips: of training.
        labels: one per clip.
        groups: of footage, one per clip; no group is in two folds.

    Returns:
        its accuracy; None where there are too few clips, labels or groups.
    """
    # Of labels that all have fewer clips than folds scikit-learn makes no folds.
    folds = min(_FOLDS, len(set(groups)), max(Counter(labels).values(), default=0))
    if len(clips) < _FEWEST or folds < 2 or len(set(labels)) < 2:
        return None
    _, table = _features(clips)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of labels with fewer groups than folds: they count as missed
        predicted = cross_val_predict(
            _forest(), table, labels, groups=groups, cv=StratifiedGroupKFold(folds, shuffle=True, random_state=0)
        )
    right = int((predicted == np.asarray(labels)).sum())
    return EncodingBaseline(
        videos=len(labels),
        accuracy=right / len(labels),
        interval=wilson_interval(right, len(labels)),
        majority=max(Counter(labels).values()) / len(labels),
    )


def predict_labels(
    train: Sequence[ClipInfo], train_labels: Sequence[str], held_out: Sequence[ClipInfo]
) -> list[str] | None:
    """Labels of held-out clips, predicted from their encodings by a random forest fitted on the training clips'.

    Args:
        train: the clips to fit on.
        train_labels: one per clip.
        held_out: the clips to predict.

    Returns:
        a label for each of `held_out`; None where there are too few clips to learn from, or none to predict.
    """
    if len(train) < _FEWEST or not held_out:
        return None
    _, table = _features([*train, *held_out])
    forest = _forest().fit(table[: len(train)], train_labels)
    return [str(label) for label in forest.predict(table[len(train) :])]


def find_shortcuts(clips: Sequence[ClipInfo], labels: Sequence[str]) -> list[Shortcut]:
    """For every label, the property that separates it best from all others, if one does; the sharpest first.

    Args:
        clips: of training.
        labels: one per clip.
    """
    names, table = _features(clips)
    shortcuts = []
    for label in sorted(set(labels)):
        inside = np.asarray(labels) == label
        if inside.sum() < _FEWEST_INSIDE or (~inside).sum() < _FEWEST_OUTSIDE:
            continue
        found = []
        for name, column in zip(names, table.T, strict=True):
            auc = float(roc_auc_score(inside, column))
            found.append((max(auc, 1 - auc), name, column))
        auc, name, column = max(found, key=lambda row: row[0])
        if auc >= _SHARP:
            inside_range, outside_range = _range(column[inside]), _range(column[~inside])
            shortcuts.append(Shortcut(label=label, feature=name, auc=auc, inside=inside_range, outside=outside_range))
    return sorted(shortcuts, key=lambda shortcut: -shortcut.auc)


def _forest() -> RandomForestClassifier:
    return RandomForestClassifier(_TREES, min_samples_leaf=2, random_state=0)


def _range(column: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(column, [5, 95])
    return float(low), float(high)


def _features(clips: Sequence[ClipInfo]) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Names, and a table [clips, properties]; what is not a number has a column of 0 and 1 for each of its values."""
    columns: dict[str, list[float]] = {
        "kbit/s": [clip.bits_per_second / 1000 for clip in clips],
        "frames/s": [clip.frame_rate for clip in clips],
        "seconds": [clip.file_seconds for clip in clips],
        "kB": [clip.file_bytes / 1000 for clip in clips],
        "width": [clip.width for clip in clips],
        "height": [clip.height for clip in clips],
        "sound": [float(clip.audio) for clip in clips],
    }
    for kind in ("codec", "pixels", "container"):
        values = [getattr(clip, kind) for clip in clips]
        for value in sorted(set(values)):
            columns[f"{kind} {value}"] = [float(other == value) for other in values]
    return list(columns), np.array(list(columns.values())).T
