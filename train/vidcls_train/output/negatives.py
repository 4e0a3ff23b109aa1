"""The kept model's answers to videos that show none of the labels."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from transformers import Trainer

from vidcls.contract import Contract
from vidcls.errors import VideoError
from vidcls.progress import Track, untracked
from vidcls.region import Region
from vidcls_train.data.clip_list import Footage
from vidcls_train.data.negatives import find_negatives
from vidcls_train.output.scoring import video_logits

_LOG = logging.getLogger("vidcls.train")


@dataclass(frozen=True, kw_only=True, eq=False)
class Negatives:
    """Videos that show none of the labels, and the model's answers to them, of one view each.

    logits: float32 [videos, labels]. unreadable: {"video", "message"} of each one left out.
    """

    videos: list[Path]
    logits: npt.NDArray[np.float32]
    unreadable: list[dict[str, str]]


def score_negatives(
    trainer: Trainer,
    folder: str | None,
    contract: Contract,
    *,
    region: Region | None = None,
    track: Track = untracked,
) -> Negatives | None:
    """The kept model's answers to the videos below `folder`; a warning names each that cannot be read.

    None without a folder, and where not one of its videos can be read.
    """
    videos = find_negatives(folder)
    if not videos:
        return None
    trainer.model.eval()
    found: dict[Path, npt.NDArray[np.float32]] = {}
    unreadable = []
    for video in track(videos, label="scoring negatives", length=len(videos)):
        try:
            found[video] = video_logits(trainer.model, Footage(video), contract, views=1, crops=1, region=region)
        except VideoError as error:
            _LOG.warning("unreadable: %s", error)
            unreadable.append({"video": str(video), "message": str(error)})
    if not found:
        _LOG.warning("--negatives %s: not one of its %d videos can be read; it is left out", folder, len(videos))
        return None
    return Negatives(videos=list(found), logits=np.stack(list(found.values())), unreadable=unreadable)
