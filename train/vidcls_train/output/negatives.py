"""The kept model's answers to videos that show none of the labels."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from transformers import Trainer

from vidcls.contract import ClipFingerprints, Contract
from vidcls.errors import VideoError
from vidcls.evaluation.origins import origins_of
from vidcls.progress import Track, untracked
from vidcls.region import Region
from vidcls_train.data.clip_list import Footage
from vidcls_train.data.negatives import find_negatives
from vidcls_train.output.scoring import video_logits

_LOG = logging.getLogger("vidcls.train")


@dataclass(frozen=True, kw_only=True, eq=False)
class Negatives:
    """Videos that show none of the labels, and the model's answers to them, of one view each.

    logits: float32 [videos, labels]. unreadable: {"video", "message"} of each one left out. known: how many were left
    out because the model was trained on them, or chosen by them.
    """

    videos: list[Path]
    logits: npt.NDArray[np.float32]
    unreadable: list[dict[str, str]]
    known: int = 0


def score_negatives(
    trainer: Trainer,
    folder: str | None,
    contract: Contract,
    *,
    known: ClipFingerprints | None = None,
    region: Region | None = None,
    track: Track = untracked,
) -> Negatives | None:
    """The kept model's answers to the videos below `folder`; a warning names each that cannot be read.

    Those that it knows, a copy of a training clip for one, say nothing about new ones and are left out.

    Args:
        folder: of the videos; None for none.
        known: the clips that the model was trained on or chosen by.

    Returns:
        None without a folder, and where not one of its videos can be read or is new.
    """
    given = find_negatives(folder)
    videos = _new(given, known, folder=folder, track=track)
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
    return Negatives(
        videos=list(found),
        logits=np.stack(list(found.values())),
        unreadable=unreadable,
        known=len(given) - len(videos),
    )


def _new(videos: list[Path], clips: ClipFingerprints | None, *, folder: str | None, track: Track) -> list[Path]:
    """Those of the videos that are none of these clips; a warning counts the others."""
    origins = origins_of(videos, clips if videos else None, track=track)
    new = [video for video, origin in zip(videos, origins, strict=True) if origin is None]
    if len(new) < len(videos):
        _LOG.warning(
            "--negatives %s: %d of its %d videos are among those that the model was trained on or chosen by, and say "
            "nothing about new ones; they are left out",
            folder,
            len(videos) - len(new),
            len(videos),
        )
    return new
