from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from generated import write_clip


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder train/ val/ test/ of two labels, with a broken clip in train and in test."""
    root = tmp_path_factory.mktemp("clips")
    for split, count in (("train", 5), ("val", 2), ("test", 2)):
        for label, rate in (("jump", 30), ("wave", 20)):
            for number in range(count):
                write_clip(
                    root / split / label / f"{number}.mp4", frames=24 + 3 * number, rate=rate, width=64, height=48
                )
    (root / "train" / "wave" / "broken.mp4").write_bytes(b"not a video")
    (root / "test" / "jump" / "broken.avi").write_bytes(b"not a video")
    return root


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of this test, which looks at weights and figures, draw no pictures: a third of what each takes."""
    for writer in (
        "finetune.write_training_samples",
        "audit.report.write_data_picture",
        "output.checkpoint.write_curves",
        "output.checkpoint._write_pictures",
        "output.checkpoint.write_page",
    ):
        monkeypatch.setattr(f"vidcls_train.{writer}", lambda *_, **__: None)


@pytest.fixture
def model() -> Any:
    """A random VideoMAE of three layers and three labels, whose logits spread."""
    import torch
    from transformers import VideoMAEConfig, VideoMAEForVideoClassification

    torch.manual_seed(0)
    return VideoMAEForVideoClassification(
        VideoMAEConfig(
            hidden_size=24,
            num_hidden_layers=3,
            num_attention_heads=2,
            intermediate_size=48,
            num_frames=2,
            image_size=32,
            num_labels=3,
            initializer_range=0.2,
        )
    )
