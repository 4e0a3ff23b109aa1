"""Dropout inside the encoder, set after a model is made: a checkpoint brings its own rate with it."""

from __future__ import annotations

from transformers import VideoMAEForVideoClassification


def set_dropout(model: VideoMAEForVideoClassification, rate: float) -> None:
    """Drop this share of what each branch of the encoder adds in training, 0 to 1, whatever the model came with.

    Example:
        >>> from transformers import VideoMAEConfig
        >>> config = VideoMAEConfig(
        ...     hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48, image_size=32
        ... )
        >>> model = VideoMAEForVideoClassification(config)
        >>> set_dropout(model, 0.1)
        >>> model.videomae.encoder.layer[0].output.dropout.p
        0.1
    """
    model.config.hidden_dropout_prob = rate
    for layer in model.videomae.encoder.layer:
        for branch in (layer.attention.output, layer.output):
            branch.dropout.p = rate
