"""The exported graph beside PyTorch on real clips, from the file on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from vidcls.cli import terminal
from vidcls.clips import read_clips
from vidcls.contract import Contract, Parity
from vidcls.errors import ModelError, VideoError
from vidcls.evaluation.metrics import score_logits
from vidcls.video.folders import label_folders, list_videos
from vidcls_export.reference import check_finite

# Logits float32 [1, labels] of cropped frames uint8 [1, T, H, W, 3].
Classify: TypeAlias = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]

# As many labels as a model mostly has; more would only cost time.
_SAMPLED = 16

_logger = logging.getLogger("vidcls")


@dataclass(frozen=True, kw_only=True)
class Clips:
    """The videos to compare on. class_ids: in the same order; None where the folders are not the labels."""

    videos: list[Path]
    class_ids: list[int] | None


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    """A video on which the export answers otherwise than PyTorch.

    answer, pytorch_answer, label: class ids; label is None where it is not known.
    margin: by how much PyTorch's logit for its own answer is above that for the export's.
    difference: the largest |logit difference|.
    frame: the middle frame as the model sees it, uint8 RGB [H, W, 3].
    """

    video: Path
    answer: int
    pytorch_answer: int
    label: int | None
    margin: float
    difference: float
    frame: npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What comparing on clips has found. failed: how many videos could not be read."""

    parity: Parity
    disagreements: list[Disagreement]
    failed: int


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


def sample_clips(clips: Clips, contract: Contract) -> Iterator[npt.NDArray[np.uint8]]:
    """Up to `_SAMPLED` of the clips, spread over all of them: cropped frames uint8 [1, T, H, W, 3]."""
    for index in np.unique(np.linspace(0, len(clips.videos) - 1, _SAMPLED).astype(int)):
        with suppress(VideoError):  # `compare` names it
            yield read_clips(clips.videos[index], contract).frames


def compare(clips: Clips, contract: Contract, *, pytorch: Classify, exported: Classify) -> Comparison:
    """Classify every clip both ways, one view in the middle, and say how far apart they are.

    A video that cannot be read is logged as a warning and not counted.

    Raises:
        ModelError: no video could be read, or logits are not finite.
    """
    expected, found, readable, disagreements = [], [], [], []
    with terminal.progress(clips.videos, label="checking") as bar:
        for index, video in enumerate(bar):
            try:
                frames = read_clips(video, contract).frames
            except VideoError as error:
                _logger.warning("not counted: %s", error)
                continue
            expected.append(pytorch(frames)[0])
            found.append(exported(frames)[0])
            readable.append(index)
            if expected[-1].argmax() != found[-1].argmax():
                label = None if clips.class_ids is None else clips.class_ids[index]
                frame = frames[0, frames.shape[1] // 2]
                disagreements.append(_disagreement(video, expected[-1], found[-1], label=label, frame=frame))
    if not readable:
        raise ModelError(f"not one of the {len(clips.videos)} videos to check the export on could be read")
    references, logits = np.stack(expected), np.stack(found)
    check_finite(references, of="PyTorch")
    check_finite(logits, of="the exported graph")
    differences = np.abs(references.astype(np.float64) - logits)
    class_ids = None if clips.class_ids is None else [clips.class_ids[index] for index in readable]
    parity = Parity(
        videos=len(readable),
        top1_agreement=float((references.argmax(axis=1) == logits.argmax(axis=1)).mean()),
        max_abs_logit_diff=float(differences.max()),
        mean_abs_logit_diff=float(differences.mean()),
        accuracy_pytorch=None if class_ids is None else score_logits(references, class_ids, contract.labels).top1,
        accuracy_onnx=None if class_ids is None else score_logits(logits, class_ids, contract.labels).top1,
    )
    return Comparison(parity=parity, disagreements=disagreements, failed=len(clips.videos) - len(readable))


def _disagreement(
    video: Path,
    expected: npt.NDArray[np.float32],
    found: npt.NDArray[np.float32],
    *,
    label: int | None,
    frame: npt.NDArray[np.uint8],
) -> Disagreement:
    answer, pytorch_answer = int(found.argmax()), int(expected.argmax())
    return Disagreement(
        video=video,
        answer=answer,
        pytorch_answer=pytorch_answer,
        label=label,
        margin=float(expected[pytorch_answer] - expected[answer]),
        difference=float(np.abs(expected - found).max()),
        frame=frame,
    )


def check_agreement(comparison: Comparison, *, minimum: float) -> None:
    """Raise ModelError if fewer top-1 answers agree than the share `minimum`."""
    parity = comparison.parity
    if parity.top1_agreement < minimum:
        agreeing = parity.videos - len(comparison.disagreements)
        raise ModelError(
            f"the exported graph gives PyTorch's top-1 answer on only {agreeing} of {parity.videos} videos, a share of "
            f"{parity.top1_agreement:.4f}, below the minimum agreement {minimum:g} (logits differ by "
            f"{parity.max_abs_logit_diff:.2g} at most, and the answer on {comparison.disagreements[0].video}); "
            "no file was written"
        )
