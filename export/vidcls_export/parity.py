"""The exported graph beside PyTorch on real clips, from the same pixels."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from vidcls import terminal
from vidcls.contract import Contract, Parity
from vidcls.errors import ModelError, VideoError
from vidcls.evaluation import score_logits
from vidcls.folders import label_folders, list_videos
from vidcls.preprocessing import normalise
from vidcls.views import read_views
from vidcls_export.reference import check_finite

# Logits float32 [1, labels] of pixel values float32 [1, T, 3, H, W].
Classify: TypeAlias = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]

_logger = logging.getLogger("vidcls")


@dataclass(frozen=True, kw_only=True)
class Clips:
    """The videos to compare on. class_ids: in the same order; None where the folders are not the labels."""

    videos: list[Path]
    class_ids: list[int] | None


def find_clips(folder: Path, labels: Sequence[str]) -> Clips:
    """All videos below `folder`, with their class ids if every one lies in a folder named by its label.

    Raises:
        ValueError: not a folder, or no videos in it.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: is not a folder; name a folder of videos to check the export on")
    videos = list_videos(folder)
    if not videos:
        raise ValueError(f"{folder}: holds no videos; name a folder of videos to check the export on")
    known = {label: index for index, label in enumerate(labels)}
    class_ids = {
        video: known[label] for label, found in label_folders(folder).items() if label in known for video in found
    }
    labelled = len(class_ids) == len(videos)
    return Clips(videos=videos, class_ids=[class_ids[video] for video in videos] if labelled else None)


def compare(clips: Clips, contract: Contract, *, pytorch: Classify, exported: Classify) -> Parity:
    """Classify every clip both ways, one view in the middle, and say how far apart they are.

    A video that cannot be read is logged as a warning and not counted.

    Raises:
        ModelError: no video could be read, or logits are not finite.
    """
    expected, found, readable = [], [], []
    with terminal.progress(clips.videos, label="checking") as bar:
        for index, video in enumerate(bar):
            try:
                frames = read_views(video, contract).frames
            except VideoError as error:
                _logger.warning("not counted: %s", error)
                continue
            pixel_values = normalise(frames, contract.image)
            expected.append(pytorch(pixel_values)[0])
            found.append(exported(pixel_values)[0])
            readable.append(index)
    if not readable:
        raise ModelError(f"not one of the {len(clips.videos)} videos to check the export on could be read")
    references, logits = np.stack(expected), np.stack(found)
    check_finite(references, of="PyTorch")
    check_finite(logits, of="the exported graph")
    differences = np.abs(references.astype(np.float64) - logits)
    class_ids = None if clips.class_ids is None else [clips.class_ids[index] for index in readable]
    return Parity(
        videos=len(readable),
        top1_agreement=float((references.argmax(axis=1) == logits.argmax(axis=1)).mean()),
        max_abs_logit_diff=float(differences.max()),
        mean_abs_logit_diff=float(differences.mean()),
        accuracy_pytorch=None if class_ids is None else score_logits(references, class_ids, contract.labels).top1,
        accuracy_onnx=None if class_ids is None else score_logits(logits, class_ids, contract.labels).top1,
    )


def check_agreement(parity: Parity, *, minimum: float) -> None:
    """Raise ModelError if fewer top-1 answers agree than the share `minimum`."""
    if parity.top1_agreement < minimum:
        agreeing = round(parity.top1_agreement * parity.videos)
        raise ModelError(
            f"the exported graph gives PyTorch's top-1 answer on only {agreeing} of {parity.videos} videos, a share of "
            f"{parity.top1_agreement:.4f}, below the minimum agreement {minimum:g} (logits differ by "
            f"{parity.max_abs_logit_diff:.2g} at most); no file was written"
        )
