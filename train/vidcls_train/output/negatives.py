"""Videos that show none of the labels: found before a step is trained, and answered by the kept model after it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from transformers import Trainer

from vidcls.contract import Contract
from vidcls.errors import ArgumentError, VideoError
from vidcls.preprocessing import Region
from vidcls.progress import Track, untracked
from vidcls.video.folders import list_videos
from vidcls_train.data.clip_list import Clip, Footage
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


def find_negatives(folder: str | None) -> list[Path]:
    """The videos below `folder`, at any depth; none where it is None.

    Raises:
        ValueError: not a folder, or one without videos.
    """
    if folder is None:
        return []
    if not Path(folder).is_dir():
        raise ArgumentError(f"--negatives {folder}: is no folder; name one with videos that show none of the labels")
    videos = list_videos(Path(folder))
    if not videos:
        raise ArgumentError(f"--negatives {folder}: holds no videos; expected some that show none of the labels")
    return videos


def check_negatives(negatives: Iterable[Path], clips: Iterable[Clip]) -> None:
    """Refuse negatives that are clips of DATA.

    Raises:
        ValueError: one of them is.
    """
    own = {clip.path.resolve() for clip in clips}
    for video in negatives:
        if video.resolve() in own:
            raise ArgumentError(
                f"--negatives: '{video}' is a clip of DATA; give videos that are not trained on, and that show none of "
                "the labels"
            )


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
