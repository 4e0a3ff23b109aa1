"""How long a run goes on after its last epoch: clips to score, reports to write."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Literal

from vidcls.contract import Contract
from vidcls.errors import VideoError
from vidcls.region import Region
from vidcls_train.data.preparation import PreparedClips
from vidcls_train.output.metrics import MULTI_VIEWS, multi_crops
from vidcls_train.output.scoring import video_logits
from vidcls_train.output.teacher import seconds_beside_teacher
from vidcls_train.trainer.autocast import without_autocast
from vidcls_train.trainer.classification import ClassificationTrainer

# Clips whose pictures the reports show, at most, and how often each is decoded for them.
_SHOWN_CLIPS, _SHOWN_TIMES = 30, 2

# Fitting and drawing, of any run.
_REPORT_SECONDS = 3.0


def time_after_training(
    trainer: ClassificationTrainer,
    prepared: PreparedClips,
    contract: Contract,
    *,
    negatives: int,
    region: Region | None,
) -> Callable[[], float]:
    """What estimates the seconds from the last epoch to the end, by a clip that it scores when first called.

    Args:
        trainer: of the model, and with its teacher where it has one.
        prepared: the clips to score.
        contract: whose sampling and image sections say what a view is.
        negatives: videos that are scored beside them.
        region: of the picture that clips are cut to; None for all of it.
    """

    def seconds_of(crops: Literal[1, 3]) -> float:
        started = time.perf_counter()
        video_logits(trainer.model, prepared.val[0].footage, contract, views=1, crops=crops, region=region)
        return time.perf_counter() - started

    @cache
    @without_autocast(trainer.model)
    def estimate() -> float:
        trainer.model.eval()  # the next step of training sets it back
        crops, of_val, of_test = multi_crops(contract), len(prepared.val), len(prepared.test)
        try:
            seconds_of(1)  # what is done once for all clips
            one, more = min(seconds_of(1), seconds_of(1)), seconds_of(crops)
            forward = min(one, max(0.0, more - one) / (crops - 1)) if crops > 1 else one / 2
            teaching = seconds_beside_teacher(
                trainer, prepared.val[0].footage, clips=of_val + of_test, student_seconds=forward, region=region
            )
        except VideoError:  # the scoring itself says what is wrong with it
            return 0.0
        decoding = one - forward
        whole = of_val / contract.tokens.share if contract.tokens.share else 0  # with all tokens beside its own
        clips = of_val + of_test + negatives
        views = MULTI_VIEWS * of_test
        shown = _SHOWN_TIMES * min(_SHOWN_CLIPS, of_test or of_val)
        return (
            (clips + views + (of_val if whole else 0) + shown) * decoding
            + (clips + crops * views + whole) * forward
            + teaching
            + _REPORT_SECONDS
        )

    return estimate
