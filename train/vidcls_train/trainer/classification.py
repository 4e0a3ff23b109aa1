"""Training a classifier: the loss on mixed labels, and how good it is after every epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from transformers import PreTrainedModel, TrainerState

from vidcls.contract import configured_tokens
from vidcls_train.config.groups import RegularizationConfig
from vidcls_train.config.settings import TrainConfig
from vidcls_train.data.augmentation import PairMixing
from vidcls_train.data.clip_list import MULTI_LABEL
from vidcls_train.data.collate import Collate
from vidcls_train.data.datasets import ClipDataset, ViewDataset
from vidcls_train.data.masks import lattice_mask, patch_dropout_mask
from vidcls_train.model.drop_path import DropPath, branches_per_layer
from vidcls_train.model.dropout import set_dropout
from vidcls_train.model.families import token_count, token_grid
from vidcls_train.model.patch_dropout import PatchDropout
from vidcls_train.trainer.callbacks import EarlyStop
from vidcls_train.trainer.distillation import Distillation
from vidcls_train.trainer.selection import epochs_without_progress
from vidcls_train.trainer.trainer import VideoTrainer
from vidcls_train.trainer.validation import accuracy, mean_average_precision


class ClassificationTrainer(VideoTrainer):
    """Cross entropy on mixed labels; binary cross entropy of each label where a clip has any number of them."""

    def __init__(
        self,
        config: TrainConfig,
        model: PreTrainedModel,
        *,
        train: ClipDataset,
        val: ViewDataset,
        class_weights: Sequence[float],
        distillation: Distillation | None = None,
    ) -> None:
        """Take a model and clips.

        Args:
            config: of the run.
            model: whose configuration says, as "problem_type", whether a clip has one label or any number.
            train: its clips.
            val: what is validated on.
            class_weights: one per label, as `vidcls_train.trainer.class_weights` gives them.
            distillation: the teacher's part of the loss; None where there is no teacher.
        """
        regularization = config.regularization
        self._is_multi_label = model.config.problem_type == MULTI_LABEL
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
            compute_metrics=mean_average_precision if self._is_multi_label else accuracy,
            collate=Collate(
                PairMixing(mixup=regularization.mixup, cutmix=regularization.cutmix),
                branches=branches_per_layer(model) * model.config.num_hidden_layers,
                hide=_hiding(model, inner.patch_dropout),
                seed=config.run.seed,
            ),
        )
        self._smoothing = regularization.label_smoothing
        self.distillation = distillation
        self._class_weights = torch.tensor(class_weights, device=self.args.device)
        self._patience = config.classification.early_stopping
        if self._patience is not None:
            self.add_callback(EarlyStop(self._patience))

    def is_over(self, state: TrainerState) -> bool:
        """Whether a run that has got so far trains no more; after so many epochs without progress it does not."""
        is_early = self._patience is not None and epochs_without_progress(state.log_history) >= self._patience
        return is_early or super().is_over(state)

    def compute_loss(
        self, model: Any, inputs: dict[str, torch.Tensor], **_: Any
    ) -> torch.Tensor | tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """In training a part of the batch's loss, to be summed up; in validation the mean over `inputs`, and logits."""
        if "labels" in inputs:
            logits = self._logits(model, inputs)
            loss_of = binary_cross_entropy_with_logits if self._is_multi_label else cross_entropy
            return loss_of(logits, inputs["labels"]), {"logits": logits}
        self._drop_path.draw(inputs["skip_draws"])
        self._patch_dropout.hide(inputs["hidden"])
        logits = self._logits(model, inputs)
        training_loss = binary_loss if self._is_multi_label else softmax_loss
        loss = training_loss(logits, inputs["targets"], class_weights=self._class_weights, smoothing=self._smoothing)
        if self.distillation is not None:
            loss = self.distillation.loss(loss, logits, inputs.get("teacher_values", inputs["pixel_values"]))
        return loss * self.part_of_batch()

    def _logits(self, model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """float32 [clips, labels]. model: `self.model`, or what runs it on several devices."""
        logits: torch.Tensor = model(**{self.model.main_input_name: inputs["pixel_values"]}).logits
        return logits.float()


def _hiding(model: PreTrainedModel, patch_dropout: float) -> Callable[[], torch.Tensor]:
    """What draws the tokens that a training clip's encoder does not see; fewer tokens take patch dropout's place."""
    tokens = configured_tokens(model.config)
    if tokens.rule == "lattice":
        return partial(lattice_mask, tokens, token_grid(model.config))
    return partial(patch_dropout_mask, token_count(model.config), patch_dropout if tokens.rule == "all" else 0.0)


def softmax_loss(
    logits: torch.Tensor, targets: torch.Tensor, *, class_weights: torch.Tensor, smoothing: float
) -> torch.Tensor:
    """Cross entropy, summed over clips.

    The weight is the clip's, not the label's that it is compared with: the share that smoothing gives a clip's other
    labels counts by what that clip counts for. PyTorch's own `weight` counts it by theirs, so that a clip of a common
    label would be trained to be answered with a rare one.

    Args:
        logits: float32 [clips, labels].
        targets: float32 [clips, labels], shares that add up to 1.
        class_weights: float32 [labels], what the clips of each label count for; of a mixed clip, each share of it.
        smoothing: share of each clip's weighted target that is spread evenly over all labels.
    """
    weighted = targets * class_weights
    spread = weighted.sum(dim=1, keepdim=True) / targets.shape[1]
    return -((weighted * (1 - smoothing) + spread * smoothing) * logits.log_softmax(dim=1)).sum()


def binary_loss(
    logits: torch.Tensor, targets: torch.Tensor, *, class_weights: torch.Tensor, smoothing: float
) -> torch.Tensor:
    """Binary cross entropy of each label, its mean over labels, summed over clips.

    As in `softmax_loss` the weight is the clip's, for its smoothed target as a whole. PyTorch's `pos_weight` would also
    count what smoothing gives a label that the clip does not show.

    Args:
        logits: float32 [clips, labels].
        targets: float32 [clips, labels], from 0 to 1 each.
        class_weights: float32 [labels], what a clip that shows a label counts for in its loss; one that does not: 1;
            one of target t: 1 + (weight - 1) * t.
        smoothing: targets move by half of this towards 0.5: t becomes t * (1 - smoothing) + smoothing / 2.
    """
    smoothed = targets * (1 - smoothing) + smoothing / 2
    weights = 1 + (class_weights - 1) * targets
    loss = binary_cross_entropy_with_logits(logits, smoothed, weight=weights, reduction="none")
    return loss.mean(dim=1).sum()
