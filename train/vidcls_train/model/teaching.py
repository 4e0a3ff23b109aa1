"""A run's configuration -> the teacher that it asks for: found and checked before a step is trained, loaded for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vidcls.contract import Image
from vidcls_train.config.groups import TEACHER_TEMPERATURE, TEACHER_WEIGHT
from vidcls_train.config.settings import TrainConfig
from vidcls_train.data.clip_list import ClipList
from vidcls_train.teacher_file import TeacherFile, check_teacher, read_teacher, teacher_notices


def find_teacher(config: TrainConfig, found: ClipList, *, notice: Callable[[str], None]) -> TeacherFile | None:
    """The teacher's file, checked for the labels of the clips; None where the run has no teacher.

    Args:
        config: of the run.
        found: DATA's clips.
        notice: takes sentences for the user.

    Raises:
        ModelError, ValueError: as `read_teacher` and `check_teacher`.
    """
    if config.distillation.teacher is None:
        return None
    teacher = read_teacher(config.distillation.teacher)
    check_teacher(teacher, found.labels, found.problem_type)
    for sentence in teacher_notices(teacher, found.labels, clip_seconds=config.data.clip_seconds):
        notice(sentence)
    return teacher


def teacher_settings(config: TrainConfig, teacher: TeacherFile | None) -> dict[str, Any]:
    """What a run's settings say of its teacher: which weights, and how much they count."""
    if teacher is None:
        return {}
    weight, temperature = config.distillation.teacher_weight, config.distillation.teacher_temperature
    return {
        "teacher_sha256": teacher.sha256,
        "teacher_weight": TEACHER_WEIGHT if weight is None else weight,
        "teacher_temperature": TEACHER_TEMPERATURE if temperature is None else temperature,
    }


def larger_image(image: Image, teacher: TeacherFile | None) -> Image:
    """The image section of the student, or of its teacher where that has larger crops: stored frames suit both."""
    if teacher is None or teacher.contract.image.crop_size <= image.crop_size:
        return image
    return teacher.contract.image
