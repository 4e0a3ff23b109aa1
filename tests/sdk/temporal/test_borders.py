"""Where a border is put inside a window: against windows that answer in known ways about known borders."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from answered import answered
from vidcls.temporal.timeline import segments

LABELS = ("a", "b", "c", "d")
CLIP_SECONDS = 2.0


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max())
    return np.asarray(exponentials / exponentials.sum())


def answers(borders: np.ndarray, order: list[int], how: str, random: np.random.Generator) -> np.ndarray:
    """Probabilities of windows of 2 s, a second apart, of stretches that end at these borders.

    how: a window of two labels answers with the mean of their probabilities, of their logits, or as its larger part.
    """
    pure = [4.0 * np.eye(len(LABELS))[label] + random.normal(0, 0.6, len(LABELS)) for label in order]
    rows, stretch_starts = [], np.array([0, *borders[:-1]])
    for start in np.arange(0, borders[-1] - CLIP_SECONDS, CLIP_SECONDS / 2):
        shared = np.minimum(start + CLIP_SECONDS, borders) - np.maximum(start, stretch_starts)
        parts, noise = np.maximum(0, shared) / CLIP_SECONDS, random.normal(0, 0.6, len(LABELS))
        if how == "probabilities":
            rows.append(sum(part * softmax(logits + noise) for part, logits in zip(parts, pure, strict=True)))
        elif how == "logits":
            rows.append(softmax(sum(part * logits for part, logits in zip(parts, pure, strict=True)) + noise))
        else:
            rows.append(softmax(pure[int(parts.argmax())] + noise))
    return np.array(rows)


@pytest.mark.parametrize("how", ["probabilities", "logits", "larger part"])
def test_borders_are_nearer_to_the_truth_than_the_middles_of_their_windows(how: str) -> None:
    random = np.random.default_rng(0)
    errors, errors_of_middles = [], []
    for _ in range(8):
        order = [int(label) for label in np.cumsum(random.integers(1, len(LABELS), 12)) % len(LABELS)]
        borders = np.cumsum(random.uniform(3, 9, 12))
        rows = answers(borders, order, how, random)
        end = float(borders[-1])
        records = answered(rows, labels=LABELS, step=CLIP_SECONDS / 2, clip_seconds=CLIP_SECONDS)
        found = list(segments(records, duration=partial(float, end), change_odds=7))
        if [segment.label for segment in found] != [LABELS[label] for label in order]:
            continue
        for segment, border in zip(found[:-1], borders, strict=False):
            errors.append(abs(segment.end - border))
            # A border lies nearest to the middle of its own window, of which there is one every second from 1.0 s on.
            errors_of_middles.append(abs(round(segment.end) - border))
    assert len(errors) > 40
    assert np.mean(errors) < 0.7 * np.mean(errors_of_middles)
