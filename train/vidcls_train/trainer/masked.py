"""Masked pretraining: the mean squared error of what was hidden, as VideoMAE computes it."""

from __future__ import annotations

from typing import Any

import torch
from transformers import PreTrainedModel

from vidcls_train.config.settings import PretrainConfig
from vidcls_train.data.collate import CollateMasked
from vidcls_train.data.datasets import ClipDataset
from vidcls_train.trainer.trainer import VideoTrainer


class MaskedTrainer(VideoTrainer):
    """Trains an encoder and a decoder on clips of which most is hidden."""

    betas = (0.9, 0.95)  # the paper's for pretraining
    epochs_of = "pretraining "

    def __init__(self, config: PretrainConfig, model: PreTrainedModel, *, train: ClipDataset) -> None:
        collate = CollateMasked(model.config, ratio=config.masking.mask_ratio, seed=config.run.seed)
        super().__init__(config, model, train_dataset=train, collate=collate)

    def compute_loss(self, model: Any, inputs: dict[str, torch.Tensor], **_: Any) -> torch.Tensor:
        """A part of the batch's loss, to be summed up."""
        loss: torch.Tensor = model(**inputs).loss
        return loss * len(inputs["pixel_values"]) * self.part_of_batch()
