"""The losses of training, and the measure of validation, beside PyTorch's, transformers' and scikit-learn's own."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score
from transformers import EvalPrediction

from vidcls_train.trainer.class_weights import class_weights
from vidcls_train.trainer.classification import binary_loss, softmax_loss
from vidcls_train.trainer.selection import best_row, epochs_without_progress
from vidcls_train.trainer.validation import accuracy, mean_average_precision

ROUNDING = 1e-5  # float32, over a dozen numbers
EVEN = torch.ones(4)


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(6, 4, generator=torch.Generator().manual_seed(0)) * 3


TARGETS = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 1], [0, 0, 1, 0], [0.3, 0.7, 0, 1]])


def test_the_loss_of_several_labels_is_the_one_that_transformers_computes(model: Any) -> None:
    model.config.problem_type = "multi_label_classification"
    pixels = torch.rand(2, 2, 3, 32, 32)
    targets = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    answer = model.eval()(pixel_values=pixels, labels=targets)
    ours = binary_loss(answer.logits, targets, class_weights=torch.ones(3), smoothing=0.0)
    assert ours.item() / len(pixels) == pytest.approx(answer.loss.item(), abs=ROUNDING)


WEIGHTS = torch.tensor([1.0, 2.0, 0.5, 9.0])


def test_the_loss_of_several_labels_is_smoothed_and_weighted_by_hand(logits: torch.Tensor) -> None:
    expected = 0.0
    for row, shown in zip(logits.double(), TARGETS.double(), strict=True):
        for logit, target, weight in zip(row, shown, WEIGHTS.double(), strict=True):
            smoothed = target * 0.8 + 0.1
            probability = 1 / (1 + torch.exp(-logit))
            loss = -smoothed * probability.log() - (1 - smoothed) * (1 - probability).log()
            expected += (target * weight + (1 - target)).item() * loss.item() / 4
    found = binary_loss(logits, TARGETS, class_weights=WEIGHTS, smoothing=0.2).item()
    assert found == pytest.approx(expected, rel=ROUNDING)


def test_the_loss_of_one_label_is_smoothed_and_weighted_by_hand(logits: torch.Tensor) -> None:
    class_ids = [0, 3, 1, 1, 2, 0]
    expected = 0.0
    for row, class_id in zip(logits.double(), class_ids, strict=True):
        logs = (row.exp() / row.exp().sum()).log()
        expected -= WEIGHTS[class_id].item() * (0.8 * logs[class_id] + 0.2 * logs.mean()).item()
    found = softmax_loss(logits, torch.eye(4)[class_ids], class_weights=WEIGHTS, smoothing=0.2).item()
    assert found == pytest.approx(expected, rel=ROUNDING)


def test_the_loss_of_a_mixed_clip_is_its_shares_of_the_losses_of_both(logits: torch.Tensor) -> None:
    def loss(targets: torch.Tensor) -> float:
        return softmax_loss(logits, targets, class_weights=WEIGHTS, smoothing=0.2).item()

    of, other = torch.eye(4)[[0, 3, 1, 1, 2, 0]], torch.eye(4)[[1, 0, 1, 3, 3, 2]]
    assert loss(0.7 * of + 0.3 * other) == pytest.approx(0.7 * loss(of) + 0.3 * loss(other), rel=ROUNDING)


@pytest.mark.parametrize(("weights", "smoothing"), [(WEIGHTS, 0.0), (EVEN, 0.2)], ids=["weights", "smoothing"])
def test_with_weights_or_smoothing_alone_the_loss_of_one_label_is_pytorchs(
    weights: torch.Tensor, smoothing: float, logits: torch.Tensor
) -> None:
    class_ids = torch.tensor([0, 3, 1, 1, 2, 0])
    expected = torch.nn.functional.cross_entropy(
        logits, class_ids, weight=weights, label_smoothing=smoothing, reduction="sum"
    )
    found = softmax_loss(logits, torch.eye(4)[class_ids], class_weights=weights, smoothing=smoothing)
    assert found.item() == pytest.approx(expected.item(), rel=ROUNDING)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_clips_are_answered_with_their_own_labels_whatever_weights_and_smoothing(
    activation: Literal["softmax", "sigmoid"], smoothing: float
) -> None:
    rare = torch.arange(416) < 16
    targets = torch.eye(2)[rare.long()]
    clips = torch.randn(416, 8, generator=torch.Generator().manual_seed(0))
    clips[:, 0] += torch.where(rare, 6.0, -6.0)
    weights = torch.tensor(class_weights(targets.numpy(), "balanced", activation=activation))
    logits_of = torch.nn.Linear(8, 2)
    torch.nn.init.zeros_(logits_of.weight)
    torch.nn.init.zeros_(logits_of.bias)
    optimizer = torch.optim.AdamW(logits_of.parameters(), 0.01)
    loss_of = softmax_loss if activation == "softmax" else binary_loss
    for _ in range(300):
        optimizer.zero_grad()
        (loss_of(logits_of(clips), targets, class_weights=weights, smoothing=smoothing) / len(clips)).backward()
        optimizer.step()
    logits = logits_of(clips)
    probabilities = logits.softmax(dim=1) if activation == "softmax" else logits.sigmoid()
    assert torch.equal(probabilities > 0.5, targets.bool())


def test_accuracy_is_the_share_of_clips_whose_label_has_the_largest_logit(logits: torch.Tensor) -> None:
    class_ids = np.array([0, 3, 1, 1, 2, 0])
    found = accuracy(EvalPrediction(logits.numpy(), np.eye(4)[class_ids]))
    assert found == {"accuracy": float((logits.argmax(dim=1).numpy() == class_ids).mean()), "clips": 6}


def test_average_precision_is_the_mean_over_labels_that_have_one(logits: torch.Tensor) -> None:
    shown = np.array([[1, 0, 1, 0], [0, 0, 1, 1], [0, 0, 1, 0], [1, 0, 1, 1], [0, 0, 1, 0], [0, 0, 1, 1]], np.float32)
    expected = [average_precision_score(shown[:, label], logits[:, label].numpy()) for label in (0, 3)]
    found = mean_average_precision(EvalPrediction(logits.numpy(), shown))
    assert found == {"map": pytest.approx(np.mean(expected)), "clips": 6}
    assert mean_average_precision(EvalPrediction(logits.numpy(), np.zeros((6, 4)))) == {"map": 0.0, "clips": 6}
    assert mean_average_precision(EvalPrediction(logits.numpy() * np.nan, shown))["map"] == 0.0


def test_weights_of_rare_labels_make_shown_and_not_shown_weigh_the_same() -> None:
    shown = np.random.default_rng(0).random((50, 3)) < (0.5, 0.1, 0.0)
    weights = class_weights(shown.astype(np.float32), "balanced", activation="sigmoid")
    for label in (0, 1):
        assert shown[:, label].sum() * weights[label] == pytest.approx((~shown[:, label]).sum())
    assert weights[2] == 1.0


def test_a_label_that_every_clip_shows_is_trained_all_the_same() -> None:
    assert class_weights(np.ones((5, 1), np.float32), "balanced", activation="sigmoid") == [1.0]


def row(epoch: int, *, mean_ap: float, loss: float) -> dict[str, Any]:
    return {"epoch": epoch, "eval_map": mean_ap, "eval_loss": loss, "eval_clips": 30}


def test_the_epoch_of_the_highest_mean_average_precision_is_kept_and_of_equal_ones_that_of_the_lowest_loss() -> None:
    history = [row(1, mean_ap=0.4, loss=0.2), row(2, mean_ap=0.8, loss=0.5), row(3, mean_ap=0.8, loss=0.4)]
    history += [row(4, mean_ap=0.8, loss=0.4), row(5, mean_ap=0.7, loss=0.1)]
    kept = best_row(history)
    assert kept is not None
    assert kept["epoch"] == 3
    assert epochs_without_progress(history) == 2
