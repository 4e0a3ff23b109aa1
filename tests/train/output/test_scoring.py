"""Logits over views: a few clips at a time, so that what a card could train it can score."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lossless import noise_frames, write_lossless
from random_models import save, videomae
from vidcls.clips import read_clips
from vidcls.contract import Contract
from vidcls.preprocessing import normalise
from vidcls_train.data.clip_list import Footage
from vidcls_train.output.scoring import video_logits

ROUNDING = 1e-6  # float32: a batch of another size is summed in another order


def test_fifteen_views_are_computed_a_few_at_a_time(contract: Callable[..., Contract], tmp_path: Path) -> None:
    model = save(videomae, tmp_path / "checkpoint")[0]
    video = write_lossless(tmp_path / "clip.mkv", noise_frames(frames=40, width=96, height=64))
    batches: list[int] = []

    def count(_model: Any, _args: Any, inputs: dict[str, torch.Tensor]) -> None:
        batches.append(len(inputs["pixel_values"]))

    model.register_forward_pre_hook(count, with_kwargs=True)
    found = video_logits(model, Footage(video), contract(), views=5, crops=3)
    assert sum(batches) == 15
    assert max(batches) <= 4
    pixels = torch.from_numpy(normalise(read_clips(video, contract(), views=5, crops=3).frames, contract().image))
    with torch.inference_mode():
        expected = model(pixel_values=pixels).logits.mean(dim=0).numpy()
    np.testing.assert_allclose(found, expected, atol=ROUNDING, rtol=0)
