"""Dropout inside the encoder, set after a model is made: a checkpoint brings its own rate with it."""

from __future__ import annotations

from transformers import PreTrainedModel

from vidcls_train.model.families import family_of, layers_of


def set_dropout(model: PreTrainedModel, rate: float) -> None:
    """Drop this share of what each branch of the encoder adds in training, 0 to 1, whatever the model came with.

    Where a family has no dropout there, nothing is done: its recipes have none, and others are refused before.

    Example:
        >>> from transformers import VideoMAEConfig, VideoMAEForVideoClassification
        >>> config = VideoMAEConfig(
        ...     hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48, image_size=32
        ... )
        >>> model = VideoMAEForVideoClassification(config)
        >>> set_dropout(model, 0.1)
        >>> model.videomae.encoder.layer[0].output.dropout.p
        0.1
    """
    family = family_of(model)
    if not family.has_dropout:
        return
    model.config.hidden_dropout_prob = rate
    for layer in layers_of(model):
        for name, module in layer.named_modules():
            if name.endswith("output.dropout"):
                module.p = rate
