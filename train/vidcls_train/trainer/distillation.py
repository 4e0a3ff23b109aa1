"""What a student learns from its teacher: the divergence of its answers from the teacher's calibrated ones.

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network" (arXiv 1503.02531): both answers are softened
by a temperature, and the term is multiplied by its square, so that the weight of the labels stays what it is. Both see
the same varied and mixed clip, for which Beyer et al., "Knowledge distillation: A good teacher is patient and
consistent" (arXiv 2106.05237), give the reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, kl_div, log_softmax, logsigmoid

from vidcls_train.config.groups import AugmentationConfig, RegularizationConfig
from vidcls_train.config.settings import TrainConfig
from vidcls_train.model.teacher import Teacher

# That a teacher's answers may take; and what one takes beside its numbers: its key, both objects' own fields, and two
# places in the dictionary, which is copied when it grows.
_KEPT_BYTES = 1 << 26
_ENTRY_BYTES = 320


# Clips float32 [B, T, 3, H, W] -> logits for the student's labels, float32 [B, labels].
Answer = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class Distillation:
    """The teacher's part of a student's loss.

    teacher: who teaches. answer: its logits, without its temperature. weight: share of its term in the loss, 0 to 1;
    the rest is the labels'. temperature: softens both answers. calibration: the temperature of the teacher's contract.
    divergence: of the student's logits from the teacher's, `softmax_divergence` or `binary_divergence`.
    """

    teacher: Teacher
    answer: Answer
    weight: float
    temperature: float
    calibration: float
    divergence: Callable[..., torch.Tensor]

    def loss(self, label_loss: torch.Tensor, logits: torch.Tensor, pixel_values: torch.Tensor) -> torch.Tensor:
        """Of both, summed over clips.

        Args:
            label_loss: what the labels say, summed over clips.
            logits: the student's, float32 [B, labels].
            pixel_values: the same clips as the teacher is given them, float32 [B, T, 3, H, W].
        """
        taught = self.answer(pixel_values) / self.calibration
        divergence = self.divergence(logits, taught, temperature=self.temperature)
        return (1 - self.weight) * label_loss + self.weight * divergence


def distillation_of(config: TrainConfig, teacher: Teacher | None, *, flip: bool) -> Distillation | None:
    """The teacher's part of a run's loss; None where there is no teacher.

    Args:
        config: of the run, with the weight and the temperature that it has settled on.
        teacher: loaded, for the student's labels.
        flip: whether clips are mirrored.
    """
    weight, temperature = config.distillation.teacher_weight, config.distillation.teacher_temperature
    if teacher is None or weight is None or temperature is None:
        return None
    remembers = leaves_clips_alone(config.augmentation, config.regularization, flip=flip)
    decision = teacher.contract.decision
    return Distillation(
        teacher=teacher,
        answer=Remembered(teacher.logits) if remembers else teacher.logits,
        weight=weight,
        temperature=temperature,
        calibration=decision.temperature,
        divergence=binary_divergence if decision.activation == "sigmoid" else softmax_divergence,
    )


def softmax_divergence(logits: torch.Tensor, taught: torch.Tensor, *, temperature: float) -> torch.Tensor:
    """The Kullback-Leibler divergence of softmax(logits / temperature) from the teacher's, times temperature squared.

    Args:
        logits: the student's, float32 [B, labels].
        taught: the teacher's calibrated logits for these labels, likewise; others that it has count for nothing.
        temperature: of both.

    Returns:
        its sum over clips; 0 where both answer alike.

    Example:
        >>> softmax_divergence(torch.zeros(1, 2), torch.tensor([[2.0, -2.0]]), temperature=1.0)
        tensor(0.6031)
    """
    found, wanted = log_softmax(logits / temperature, dim=1), log_softmax(taught / temperature, dim=1)
    return kl_div(found, wanted, reduction="sum", log_target=True) * temperature**2


def binary_divergence(logits: torch.Tensor, taught: torch.Tensor, *, temperature: float) -> torch.Tensor:
    """As `softmax_divergence`, of each label by itself: its mean over labels, summed over clips."""
    wanted = torch.sigmoid(taught / temperature)
    cross = binary_cross_entropy_with_logits(logits / temperature, wanted, reduction="none")
    entropy = -wanted * logsigmoid(taught / temperature) - (1 - wanted) * logsigmoid(-taught / temperature)
    return (cross - entropy).mean(dim=1).sum() * temperature**2


def leaves_clips_alone(augmentation: AugmentationConfig, regularization: RegularizationConfig, *, flip: bool) -> bool:
    """Whether nothing varies a clip but its window and the place of its crop, which short and square videos leave."""
    off = AugmentationConfig()
    return (augmentation.crop_scale_min, augmentation.crop_aspect_ratio_max) == (
        off.crop_scale_min,
        off.crop_aspect_ratio_max,
    ) and not (
        flip
        or augmentation.color_jitter
        or augmentation.rand_augment
        or augmentation.random_erasing_prob
        or regularization.mixup
        or regularization.cutmix
    )


class Remembered:
    """A teacher's answers, computed once for the same clip: known by its pixels, so that it is never another's."""

    def __init__(self, answer: Answer, *, limit_bytes: int = _KEPT_BYTES) -> None:
        """Args: answer: gives those of clips that are new. limit_bytes: that what is kept may take."""
        self._answer = answer
        self._known: dict[bytes, bytes] = {}
        self._left = limit_bytes

    def __call__(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """float32 [B, labels] of float32 [B, T, 3, H, W]; as many as fit are kept."""
        keys = [hashlib.blake2b(clip.cpu().numpy().tobytes(), digest_size=16).digest() for clip in pixel_values]
        new = {key: number for number, key in enumerate(keys) if key not in self._known}
        found: dict[bytes, bytes] = {}
        if new:
            logits = self._answer(pixel_values[list(new.values())]).float().cpu().numpy()
            found = {key: row.tobytes() for key, row in zip(new, logits, strict=True)}
        for key, numbers in found.items():
            size = len(numbers) + _ENTRY_BYTES
            if self._left >= size:
                self._known[key] = numbers
                self._left -= size
        rows = bytearray().join(found[key] if key in found else self._known[key] for key in keys)
        return torch.frombuffer(rows, dtype=torch.float32).reshape(len(keys), -1).to(pixel_values.device)
