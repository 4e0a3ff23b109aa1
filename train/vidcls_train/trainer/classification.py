"""Training a classifier: cross entropy on mixed labels, accuracy after every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from transformers import EvalPrediction, PreTrainedModel

from vidcls_train.config.groups import RegularizationConfig
from vidcls_train.config.settings import TrainConfig
from vidcls_train.data.augmentation import PairMixing
from vidcls_train.data.collate import Collate
from vidcls_train.data.datasets import ClipDataset, ViewDataset
from vidcls_train.model.drop_path import BRANCHES_PER_LAYER, DropPath
from vidcls_train.model.dropout import set_dropout
from vidcls_train.model.patch_dropout import PatchDropout
from vidcls_train.trainer.callbacks import EarlyStop
from vidcls_train.trainer.trainer import VideoTrainer


class ClassificationTrainer(VideoTrainer):
    """Cross entropy on mixed labels."""

    def __init__(
        self,
        config: TrainConfig,
        model: PreTrainedModel,
        *,
        train: ClipDataset,
        val: ViewDataset,
        class_weights: Sequence[float],
    ) -> None:
        """Args: class_weights: what the clips of each label count for."""
        regularization = config.regularization
        # An encoder that stays as it is shows the head all of what it finds.
        inner = RegularizationConfig() if config.classification.head_only else regularization
        self._drop_path = DropPath(model, inner.drop_path)
        self._patch_dropout = PatchDropout(model)
        set_dropout(model, inner.dropout)
        super().__init__(
            config,
            model,
            train_dataset=train,
            eval_dataset=val,
            compute_metrics=_accuracy,
            collate=Collate(
                PairMixing(mixup=regularization.mixup, cutmix=regularization.cutmix),
                labels=len(class_weights),
                branches=BRANCHES_PER_LAYER * model.config.num_hidden_layers,
                tokens=model.videomae.embeddings.num_patches,
                patch_dropout=inner.patch_dropout,
                seed=config.run.seed,
            ),
        )
        self._smoothing = regularization.label_smoothing
        self._class_weights = torch.tensor(class_weights, device=self.args.device)
        if config.classification.early_stopping is not None:
            self.add_callback(EarlyStop(config.classification.early_stopping))

    def compute_loss(
        self, model: Any, inputs: dict[str, torch.Tensor], **_: Any
    ) -> torch.Tensor | tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """In training a part of the batch's loss, to be summed up; in validation the mean over `inputs`, and logits."""
        if "labels" in inputs:
            logits = model(pixel_values=inputs["pixel_values"]).logits.float()
            return cross_entropy(logits, inputs["labels"]), {"logits": logits}
        self._drop_path.draw(inputs["skip_draws"])
        self._patch_dropout.hide(inputs["hidden"])
        logits = model(pixel_values=inputs["pixel_values"]).logits.float()
        loss = cross_entropy(
            logits, inputs["targets"], weight=self._class_weights, label_smoothing=self._smoothing, reduction="sum"
        )
        return loss * self.part_of_batch()


def _accuracy(prediction: EvalPrediction) -> dict[str, float]:
    right = prediction.predictions.argmax(axis=1) == prediction.label_ids
    return {"accuracy": float(right.mean()), "clips": len(right)}
