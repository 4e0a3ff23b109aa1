"""The teacher's part of a loss, beside PyTorch's own and by hand, and what is asked of a teacher only once."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
import torch
from torch.distributions import Bernoulli, Categorical, kl_divergence

from vidcls_train.config.groups import AugmentationConfig, RegularizationConfig
from vidcls_train.trainer.distillation import (
    Distillation,
    Remembered,
    binary_divergence,
    leaves_clips_alone,
    softmax_divergence,
)

ROUNDING = 1e-5  # float32, over a dozen numbers


@pytest.fixture
def answers() -> tuple[torch.Tensor, torch.Tensor]:
    """The student's logits and the teacher's."""
    made = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0)) * 3
    return made[0], made[1]


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_a_softmax_student_diverges_as_pytorchs_distributions_do(
    answers: tuple[torch.Tensor, torch.Tensor], temperature: float
) -> None:
    student, teacher = answers
    expected = kl_divergence(Categorical(logits=teacher / temperature), Categorical(logits=student / temperature))
    found = softmax_divergence(student, teacher, temperature=temperature)
    assert found.item() == pytest.approx(expected.sum().item() * temperature**2, rel=ROUNDING)
    assert softmax_divergence(teacher, teacher + 3, temperature=temperature).item() == pytest.approx(0, abs=ROUNDING)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_each_label_of_a_sigmoid_student_diverges_by_itself(
    answers: tuple[torch.Tensor, torch.Tensor], temperature: float
) -> None:
    student, teacher = answers
    expected = kl_divergence(Bernoulli(logits=teacher / temperature), Bernoulli(logits=student / temperature))
    found = binary_divergence(student, teacher, temperature=temperature)
    assert found.item() == pytest.approx(expected.mean(dim=1).sum().item() * temperature**2, rel=ROUNDING)
    assert binary_divergence(teacher, teacher, temperature=temperature).item() == pytest.approx(0, abs=ROUNDING)


def test_a_loss_by_hand() -> None:
    """Teacher: calibrated logits of 0 and 2 log 3 at twice the temperature are 1/4 and 3/4; the student's are even."""
    calibration = 0.5
    taught = torch.tensor([[0.0, 2 * torch.log(torch.tensor(3.0)).item() * calibration]])
    distillation = Distillation(
        teacher=None,  # type: ignore[arg-type]
        answer=lambda _: taught,
        weight=0.75,
        temperature=2.0,
        calibration=calibration,
        divergence=softmax_divergence,
    )
    found = distillation.loss(torch.tensor(8.0), torch.zeros(1, 2), torch.zeros(1, 2, 3, 4, 4))
    quarter, three = torch.tensor(0.25), torch.tensor(0.75)
    divergence = quarter * (quarter / 0.5).log() + three * (three / 0.5).log()
    assert found.item() == pytest.approx(0.25 * 8 + 0.75 * 4 * divergence.item(), rel=ROUNDING)


def test_the_gradient_leads_to_the_teachers_probabilities() -> None:
    teacher, student = torch.tensor([[1.0, -2.0, 0.5]]), torch.zeros(1, 3, requires_grad=True)
    optimizer = torch.optim.SGD([student], lr=0.5)
    for _ in range(300):
        optimizer.zero_grad()
        softmax_divergence(student, teacher, temperature=2.0).backward()
        optimizer.step()
    torch.testing.assert_close(student.softmax(dim=1), teacher.softmax(dim=1), atol=1e-4, rtol=0)


def test_the_same_clip_is_answered_once_and_another_one_anew() -> None:
    asked: list[int] = []

    def answer(clips: torch.Tensor) -> torch.Tensor:
        asked.append(len(clips))
        return clips.flatten(1)[:, :3] * 2

    remembered = Remembered(answer)
    clips = torch.rand(4, 2, 3, 4, 4)
    assert torch.equal(remembered(clips[:2]), answer(clips[:2]))
    assert torch.equal(remembered(clips[[3, 1, 0, 2]]), answer(clips[[3, 1, 0, 2]]))
    assert torch.equal(remembered(clips.flip(0)), answer(clips.flip(0)))
    assert asked == [2, 2, 2, 4, 4]  # of which the last of each pair is this test's
    changed = clips[:1].clone()
    changed[0, 1, 2, 3, 3] += 1e-6
    assert torch.equal(remembered(changed), answer(changed))


@pytest.mark.parametrize("labels", [1, 100])
def test_answers_that_are_kept_take_no_more_memory_than_they_may(labels: int) -> None:
    """With few labels what names a clip takes more than its answer."""
    limit = 1 << 20
    remembered = Remembered(lambda clips: torch.zeros(len(clips), labels), limit_bytes=limit)
    every = [
        torch.full((100, 1, 1, 1, 1), float(number)) + torch.arange(100).reshape(-1, 1, 1, 1, 1) / 128
        for number in range(60)
    ]
    tracemalloc.start()
    try:
        for clips in every:
            remembered(clips)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert limit / 4 < kept <= limit


def test_a_clip_that_is_twice_in_a_batch_is_answered_once() -> None:
    asked: list[int] = []

    def answer(clips: torch.Tensor) -> torch.Tensor:
        asked.append(len(clips))
        return clips.flatten(1)[:, :3]

    clips = torch.rand(2, 2, 3, 4, 4)[[0, 1, 0]]
    assert torch.equal(Remembered(answer)(clips), clips.flatten(1)[:, :3])
    assert asked == [2]


@pytest.mark.parametrize(
    ("augmentation", "regularization", "flip", "alone"),
    [
        ({}, {}, False, True),
        ({}, {"label_smoothing": 0.1, "dropout": 0.1, "patch_dropout": 0.5, "drop_path": 0.1}, False, True),
        ({}, {}, True, False),
        ({"crop_scale_min": 0.5}, {}, False, False),
        ({"color_jitter": 0.1}, {}, False, False),
        ({"random_erasing_prob": 0.1}, {}, False, False),
        ({"rand_augment": 1}, {}, False, False),
        ({}, {"mixup": 0.1}, False, False),
        ({}, {"cutmix": 0.1}, False, False),
    ],
)
def test_answers_are_kept_where_clips_are_left_alone(
    augmentation: dict[str, Any], regularization: dict[str, Any], flip: bool, alone: bool
) -> None:
    found = leaves_clips_alone(AugmentationConfig(**augmentation), RegularizationConfig(**regularization), flip=flip)
    assert found is alone
