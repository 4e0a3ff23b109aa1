"""Whether a clip's label can be told from how its file is encoded, without looking at a picture.

Where it can, a model that scores well may have learnt the camera, the site or the exporter of a class. It is also the
baseline that a video model must beat.
"""

from __future__ import annotations

import math
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
from vidcls_train.audit.footage import Footage

# Ranking clips by one property: 1 puts all clips of a label before all others, 0.5 is a coin's toss.
_TELLS = 0.95

# Fewer clips are parted by chance: a label's 5 are the 5 highest of 15 once in 3000 draws.
_FEWEST_INSIDE, _FEWEST_OUTSIDE = 5, 10

_FOLDS = 5
_FEWEST = 20
_TREES = 60


@dataclass(frozen=True, kw_only=True)
class Tell:
    """A property that parts one label from all others.

    auc: area under the ROC curve, 0.5 to 1. inside, outside: the property's 5th and 95th percentile.
    """

    label: str
    feature: str
    auc: float
    inside: tuple[float, float]
    outside: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Guess:
    """How well labels are guessed from encodings, in cross-validation by group; shares 0..1.

    interval: 95 % of `accuracy`. majority: what the most frequent label alone gets right.
    """

    videos: int
    accuracy: float
    interval: tuple[float, float]
    majority: float

    @property
    def far_above_chance(self) -> bool:
        """Whether, of what the most frequent label gets wrong, a quarter or more is surely right."""
        return self.interval[0] - self.majority >= 0.25 * (1 - self.majority)


def guess_labels(footage: Sequence[Footage], labels: Sequence[str], groups: Sequence[str]) -> Guess | None:
    """Cross-validate a random forest on encodings; None where there are too few clips or groups of footage."""
    folds = min(_FOLDS, len(set(groups)))
    if len(footage) < _FEWEST or folds < 2 or len(set(labels)) < 2:
        return None
    _, table = _features(footage)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of labels with fewer groups than folds: they count as missed
        guessed = cross_val_predict(
            _forest(), table, labels, groups=groups, cv=StratifiedGroupKFold(folds, shuffle=True, random_state=0)
        )
    right = int((guessed == np.asarray(labels)).sum())
    return Guess(
        videos=len(labels),
        accuracy=right / len(labels),
        interval=wilson_interval(right, len(labels)),
        majority=max(Counter(labels).values()) / len(labels),
    )


def guess_held_out(
    train: Sequence[Footage], train_labels: Sequence[str], held_out: Sequence[Footage]
) -> list[str] | None:
    """Labels of held-out clips, guessed from their encodings by a forest fitted on the training clips'.

    None where there are too few clips to learn from.
    """
    if len(train) < _FEWEST or not held_out:
        return None
    _, table = _features([*train, *held_out])
    forest = _forest().fit(table[: len(train)], train_labels)
    return [str(label) for label in forest.predict(table[len(train) :])]


def find_tells(footage: Sequence[Footage], labels: Sequence[str]) -> list[Tell]:
    """For every label, the property that parts it best from all others, if one does; the sharpest first."""
    names, table = _features(footage)
    tells = []
    for label in sorted(set(labels)):
        inside = np.asarray(labels) == label
        if inside.sum() < _FEWEST_INSIDE or (~inside).sum() < _FEWEST_OUTSIDE:
            continue
        found = []
        for name, column in zip(names, table.T, strict=True):
            auc = float(roc_auc_score(inside, column))
            found.append((max(auc, 1 - auc), name, column))
        auc, name, column = max(found, key=lambda row: row[0])
        if auc >= _TELLS:
            tells.append(
                Tell(label=label, feature=name, auc=auc, inside=_range(column[inside]), outside=_range(column[~inside]))
            )
    return sorted(tells, key=lambda tell: -tell.auc)


def _forest() -> RandomForestClassifier:
    return RandomForestClassifier(_TREES, min_samples_leaf=2, random_state=0)


def _range(column: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(column, [5, 95])
    return float(low), float(high)


def _features(footage: Sequence[Footage]) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Names, and a table [clips, properties]; what is not a number has a column of 0 and 1 for each of its values."""
    columns: dict[str, list[float]] = {
        "kbit/s": [clip.bits_per_second / 1000 for clip in footage],
        "frames/s": [clip.frame_rate for clip in footage],
        "seconds": [clip.seconds for clip in footage],
        "kB": [clip.file_bytes / 1000 for clip in footage],
        "width": [clip.width for clip in footage],
        "height": [clip.height for clip in footage],
        "sound": [float(clip.audio) for clip in footage],
    }
    for kind in ("codec", "pixels", "container"):
        values = [getattr(clip, kind) for clip in footage]
        for value in sorted(set(values)):
            columns[f"{kind} {value}"] = [float(other == value) for other in values]
    return list(columns), np.array(list(columns.values())).T


def significant(value: float) -> str:
    """A number for people: three digits."""
    return f"{value:.0f}" if abs(value) >= 100 or math.isclose(value, round(value)) else f"{value:.3g}"
