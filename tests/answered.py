"""Predictions of logits, and records of probabilities, that are written out by hand, as a stream would give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone

import numpy as np

from vidcls import Prediction, Record
from vidcls.contract import NEUTRAL, Decision

BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)


def answered_prediction(
    logits: Sequence[float] | np.ndarray,
    *,
    labels: tuple[str, ...],
    decision: Decision = NEUTRAL,
    window: tuple[float, float] = (0.0, 1.0),
    timing_ms: Mapping[str, float] | None = None,
) -> Prediction:
    """One of a clip from that window, of two frames, which took no time if nothing else is said."""
    return Prediction(
        labels=labels,
        logits=np.asarray(logits, np.float32),
        decision=decision,
        windows=[window],
        timestamps=np.array([window]),
        decoded_share=None,
        device="cpu",
        timing_ms=dict(timing_ms or {"decode": 0.0, "preprocess": 0.0, "inference": 0.0, "total": 0.0}),
    )


def answered(
    rows: Sequence[Sequence[float]] | np.ndarray,
    *,
    labels: tuple[str, ...],
    decision: Decision = NEUTRAL,
    step: float = 0.5,
    clip_seconds: float = 1.0,
) -> list[Record]:
    """A record for each row of probabilities, `step` seconds after the one before; at temperature 1, which the decision
    may differ from, these are the model's."""
    probabilities = np.asarray(rows, np.float64)
    softmax = decision.activation == "softmax"
    logits = np.log(probabilities) if softmax else np.log(probabilities) - np.log1p(-probabilities)
    return [
        answered_record(row, labels=labels, decision=decision, start=step * number, clip_seconds=clip_seconds)
        for number, row in enumerate(logits)
    ]


def answered_record(
    logits: Sequence[float] | np.ndarray,
    *,
    labels: tuple[str, ...],
    decision: Decision = NEUTRAL,
    start: float,
    clip_seconds: float = 1.0,
    gap: float = 0.0,
) -> Record:
    """One record, of these logits."""
    window = (start, start + clip_seconds)
    return Record(
        prediction=answered_prediction(logits, labels=labels, decision=decision, window=window),
        window=window,
        time=BEGIN + timedelta(seconds=window[1]),
        lag_seconds=0.1,
        dropped_frames=0,
        dropped_windows=0,
        gap_seconds=gap,
        picture=np.zeros((1, 1, 3), np.uint8),
    )
