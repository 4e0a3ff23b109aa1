"""The kept model's answers to the clips of a split."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from transformers import Trainer

from vidcls.contract import Contract
from vidcls.evaluation.answers import Answers
from vidcls.progress import Track, untracked
from vidcls.region import Region
from vidcls_train.data.clip_list import Clip, Footage
from vidcls_train.data.targets import targets_of
from vidcls_train.output.scoring import all_logits


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """A split's clips with the model's logits, float32 [clips, labels], of so many views and crops."""

    clips: list[Clip]
    logits: npt.NDArray[np.float32]
    views: int
    crops: Literal[1, 3]

    def answers(self, labels: Sequence[str]) -> Answers:
        """The logits beside what the clips show."""
        return Answers(logits=self.logits, targets=targets_of(self.clips, labels) > 0)

    def shows_any(self, labels: Sequence[str]) -> bool:
        """Whether a clip shows one of the labels: where they may hold together, none has to."""
        return bool(self.answers(labels).targets.any())

    def without(self, footage: Collection[Footage]) -> Scored | None:
        """Those of the clips that show something else; None where there are none."""
        kept = [index for index, clip in enumerate(self.clips) if clip.footage not in footage]
        if not kept:
            return None
        clips = [self.clips[index] for index in kept]
        return Scored(clips=clips, logits=self.logits[kept], views=self.views, crops=self.crops)


def score(
    trainer: Trainer,
    clips: list[Clip],
    contract: Contract,
    *,
    label: str,
    views: int = 1,
    crops: Literal[1, 3] = 1,
    region: Region | None = None,
    track: Track = untracked,
) -> Scored:
    """The logits of clips; at least one.

    Args:
        label: what is being done, for `track`.

    Raises:
        VideoError: a video that could be read before the training cannot be read any more.
    """
    videos = [clip.footage for clip in clips]
    logits = all_logits(
        trainer.model, videos, contract, views=views, crops=crops, region=region, label=label, track=track
    )
    return Scored(clips=clips, logits=logits, views=views, crops=crops)
