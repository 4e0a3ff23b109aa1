from __future__ import annotations

from pathlib import Path

import torch
from transformers import VideoMAEForVideoClassification

from vidcls_train.trainer.ema import EmaWeights


def test_the_ema_follows_the_weights_and_survives_a_stop(model: VideoMAEForVideoClassification, tmp_path: Path) -> None:
    ema = EmaWeights(model, steps=4)
    expected = model.classifier.weight.detach().clone()
    for step in range(1, 60):
        with torch.no_grad():
            model.classifier.weight.add_(torch.randn(3, 24))
        ema.update(step)
        share = 1 / min(4, 1 + step / 10)
        expected += (model.classifier.weight.detach() - expected) * share
    own = model.classifier.weight.detach().clone()
    with ema.applied():
        torch.testing.assert_close(model.classifier.weight.detach(), expected)
    assert torch.equal(model.classifier.weight, own)
    ema.save(tmp_path / "average.safetensors")
    assert [file.name for file in tmp_path.iterdir()] == ["average.safetensors"]
    EmaWeights(model, steps=4).keep(tmp_path / "average.safetensors")
    torch.testing.assert_close(model.classifier.weight.detach(), expected)
