from __future__ import annotations

from typing import Any

import pytest

from vidcls_train.trainer.selection import best_row, epochs_without_progress


def history(accuracies: list[float], *, clips: int) -> list[dict[str, Any]]:
    rows = []
    for epoch, accuracy in enumerate(accuracies, start=1):
        rows += [{"epoch": epoch, "loss": 1.0}, {"epoch": epoch, "eval_accuracy": accuracy, "eval_clips": clips}]
    return rows


@pytest.mark.parametrize(
    ("accuracies", "clips", "kept"),
    [
        ([0.3, 0.9, 0.5, 0.6, 0.6], 30, 4),  # one lucky epoch is no reason
        ([0.5, 0.6, 0.7, 0.7, 0.7, 0.68, 0.68], 30, 7),  # thirty clips cannot tell these apart
        ([0.5, 0.6, 0.7, 0.7, 0.7, 0.68, 0.68], 10**6, 5),  # a million can
        ([0.5, 0.8, 0.8, 0.8, 0.2, 0.2, 0.2], 30, 4),  # it fell apart
        ([0.0, 0.0], 30, 2),
        ([1.0], 3, 1),
    ],
)
def test_the_latest_epoch_is_kept_that_the_clips_cannot_tell_from_the_best(
    accuracies: list[float], clips: int, kept: int
) -> None:
    row = best_row(history(accuracies, clips=clips))
    assert row is not None
    assert row["epoch"] == kept


def test_without_a_validation_no_epoch_is_the_best() -> None:
    assert best_row([{"loss": 1.0}]) is None
    assert epochs_without_progress([{"loss": 1.0}]) == 0


def test_progress_is_counted_from_the_best_average() -> None:
    assert epochs_without_progress(history([0.1, 0.5, 0.5, 0.5, 0.4, 0.4], clips=30)) == 2


def test_the_kept_epoch_is_always_the_present_or_one_kept_before() -> None:
    # The weights of other epochs are gone.
    accuracies = [0.1, 0.0, 0.2, 0.6, 0.55, 0.3, 0.9, 0.2, 0.88, 0.85, 0.85, 0.7, 0.8]
    for clips in (5, 31, 1000):
        rows = history(accuracies, clips=clips)
        saved = set()
        for end in range(2, len(rows) + 1, 2):
            row = best_row(rows[:end])
            assert row is not None
            assert row["epoch"] == end // 2 or row["epoch"] in saved
            saved = {row["epoch"]}
