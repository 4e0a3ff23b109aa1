"""Small models of every video classifier that can be exported, with random weights, as they are saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from generated import LABELS
from vidcls_train.hybrid.videomae_hybrid import VideoMAEHybridConfig, VideoMAEHybridForVideoClassification

SHAPE: dict[str, Any] = {
    **{"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3, "initializer_range": 0.2, "patch_size": 8},
    **{"id2label": dict(enumerate(LABELS)), "label2id": {label: index for index, label in enumerate(LABELS)}},
}
FRAMES = {"num_frames": 4, "image_size": 32, "intermediate_size": 96}
VIDEOMAE_PROCESSOR: dict[str, Any] = {
    "size": {"shortest_edge": 36},
    "crop_size": {"height": 32, "width": 32},
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.3, 0.25],
}


def videomae() -> tuple[Any, Any]:
    config = transformers.VideoMAEConfig(**SHAPE, **FRAMES)
    processor = transformers.VideoMAEImageProcessor(**VIDEOMAE_PROCESSOR)
    return transformers.VideoMAEForVideoClassification(config), processor


def videomae_hybrid(*, static_scale: float = 0.5) -> tuple[Any, Any]:
    stages = [[1, 8, 1, 3, 1], [2, 8, 2, 3, 2], [2, 12, 1, 5, 2]]  # of strides 2, 4 and 8
    own: dict[str, Any] = {
        **FRAMES,
        "stem_stages": stages,
        "stem_channels": 8,
        "finest_stride": 4,
        "static_scale": static_scale,
    }
    config = VideoMAEHybridConfig(**SHAPE, **own)
    processor = transformers.VideoMAEImageProcessor(**VIDEOMAE_PROCESSOR)
    return VideoMAEHybridForVideoClassification(config), processor


def timesformer(**settings: Any) -> tuple[Any, Any]:
    config = transformers.TimesformerConfig(**SHAPE, **FRAMES, **settings)
    processor = transformers.VideoMAEImageProcessor(**VIDEOMAE_PROCESSOR)
    return transformers.TimesformerForVideoClassification(config), processor


def vivit() -> tuple[Any, Any]:
    config = transformers.VivitConfig(**SHAPE, **FRAMES, tubelet_size=[2, 8, 8])
    processor = transformers.VivitImageProcessor(size={"shortest_edge": 36}, crop_size={"height": 32, "width": 32})
    return transformers.VivitForVideoClassification(config), processor


def vjepa2() -> tuple[Any, Any]:
    predictor = {"pred_hidden_size": 24, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1}
    shape = {"crop_size": 32, "frames_per_clip": 4, "mlp_ratio": 2, "num_pooler_layers": 1}
    config = transformers.VJEPA2Config(**SHAPE, **shape, **predictor)
    return transformers.VJEPA2ForVideoClassification(config), transformers.VJEPA2VideoProcessor(crop_size=32)


MAKERS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "videomae": videomae,
    "videomae_hybrid": videomae_hybrid,
    "vjepa2": vjepa2,
    "timesformer": timesformer,
    "vivit": vivit,
}


def save(make: Callable[[], tuple[Any, Any]], folder: Path) -> tuple[Any, Any]:
    """A random model and its processor in a folder; the tables that are zero in a new model are drawn too."""
    torch.manual_seed(0)
    model, processor = make()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.abs().max() == 0 or "norm" in name or "classifier" in name:
                parameter.normal_(std=0.5)
    model.eval().save_pretrained(folder)
    processor.save_pretrained(folder)
    return model, processor


def with_some_tokens(model: Any, pixels: torch.Tensor, kept: np.ndarray) -> Any:
    """Logits of a model that is shown the tokens of `kept`, bool [tokens], or of VideoMAE [clips, tokens].

    By the ways that transformers has itself.

    A mask, encoder parts one by one, and a position mask.
    """
    kind = model.config.model_type
    if kind in ("videomae", "videomae_hybrid"):
        hidden = torch.from_numpy(~kept).expand(len(pixels), -1)
        sequence = model.videomae(pixel_values=pixels, bool_masked_pos=hidden)[0]
        return model.classifier(model.fc_norm(sequence.mean(1)))
    if kind == "vivit":
        embedded = model.vivit.embeddings(pixels)
        sequence = torch.cat([embedded[:, :1], embedded[:, 1:][:, torch.from_numpy(kept)]], dim=1)
        encoded = model.vivit.layernorm(model.vivit.encoder(sequence)[0])
        return model.classifier(encoded[:, 0])
    encoder, positions = model.vjepa2.encoder, torch.from_numpy(np.flatnonzero(kept))[None]
    sequence = encoder.embeddings(pixels)[:, positions[0]]
    for layer in encoder.layer:
        sequence = layer(sequence, positions)[0]
    return model.classifier(model.pooler(encoder.layernorm(sequence)))
