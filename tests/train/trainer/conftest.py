from __future__ import annotations

import pytest
import torch
from transformers import VideoMAEConfig, VideoMAEForVideoClassification


@pytest.fixture
def model() -> VideoMAEForVideoClassification:
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
