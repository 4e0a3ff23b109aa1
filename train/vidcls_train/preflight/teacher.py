"""Whether a teacher can teach, as far as it says so itself."""

from __future__ import annotations

import logging
from pathlib import Path

from vidcls.files.run_status import why_incomplete
from vidcls_train.config.settings import TrainConfig
from vidcls_train.data.clip_list import ClipList
from vidcls_train.teacher_file import check_teacher, describe_teacher

_LOG = logging.getLogger("vidcls.train")


def check_described_teacher(config: TrainConfig, found: ClipList | None) -> None:
    """Refuse a teacher that is not there, is no video classifier, or does not know a label of the data.

    Of one whose run has not come to its end a warning is logged.

    Args:
        config: of the run, which may have no teacher.
        found: DATA's clips; None where they are not known yet.

    Raises:
        ModelError, ValueError: as `describe_teacher` and `check_teacher`.
    """
    if config.distillation.teacher is None:
        return
    teacher = describe_teacher(config.distillation.teacher)
    if teacher is not None and found is not None:
        check_teacher(teacher, found.labels, found.problem_type)
    problem = why_incomplete(Path(config.distillation.teacher))
    if problem is not None:
        _LOG.warning(
            "--teacher %s: %s; the answers of the weights that it has now are taught",
            config.distillation.teacher,
            problem,
        )
