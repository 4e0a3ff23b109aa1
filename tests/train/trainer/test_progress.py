"""The line of an epoch."""

from __future__ import annotations

import re
from typing import Any

import pytest
from transformers import TrainerState

from vidcls_train.trainer.progress import EpochLines


@pytest.mark.parametrize(
    ("measured", "told"),
    [
        ({"eval_accuracy": 0.75}, r"val loss 0\.500, top-1 0\.750 on 31 clips \(kept: epoch 1, 0\.750\)"),
        ({"eval_map": 0.625}, r"val loss 0\.500, mAP 0\.625 on 31 clips \(kept: epoch 1, 0\.625\)"),
    ],
)
def test_what_was_measured_stands_with_the_number_of_clips(measured: dict[str, Any], told: str) -> None:
    rows = [{"loss": 0.7}, {"eval_loss": 0.5, "eval_clips": 31, **measured}]
    state = TrainerState(epoch=1.0, global_step=4, max_steps=8)
    state.log_history = [{**row, "epoch": 1.0, "step": 4} for row in rows]
    said: list[str] = []
    EpochLines(said.append, of="", seconds_after=lambda: 0.0).on_save(None, state, None)
    assert re.fullmatch(rf"epoch +1\.0/2  loss 0\.700  {told}  [\d.]+ s left", said[0])
