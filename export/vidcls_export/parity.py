"""The exported graph compared with PyTorch on real clips, from the video file on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vidcls.clips import read_clips
from vidcls.contract import Contract, Parity
from vidcls.errors import ModelError, VideoError
from vidcls.evaluation.answers import answers_of
from vidcls.evaluation.apart import Parts, score_apart
from vidcls.evaluation.origins import Origin, origins_of
from vidcls.progress import Track, untracked
from vidcls.region import Region
from vidcls.video.folders import NONE_FOLDER, label_folders
from vidcls_export.graph.tokens import TokenSelection
from vidcls_export.options import list_checked
from vidcls_export.reference import Classify, check_finite

_logger = logging.getLogger("vidcls.export")

# Accuracies are ratios of small whole numbers, of which no difference is exact; they are off by less.
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Videos:
    """The videos to compare on.

    class_ids: in the same order, None for a video that shows none of the labels, of a model that has no class for it;
    None altogether where the folders are not the labels.
    region: of the picture that the clips are of; None for all of it.
    """

    paths: list[Path]
    class_ids: list[int | None] | None
    region: Region | None = None


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    """A video on which the export answers otherwise than PyTorch.

    answer, pytorch_answer, label: class ids; label is None where it is not known.
    margin: by how much PyTorch's logit for its own answer is above that for the export's.
    difference: the largest |logit difference|.
    frame: the middle frame as the model gets it, uint8 RGB [H, W, 3].
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
    """What comparing on videos has found.

    parity: None where there was nothing to compare on. Its accuracies are of the videos that the model does not know.
    failed: how many videos could not be read.
    parts: figures of the exported graph, by what the model knows of the videos; None where labels are unknown.
    counts: {"new", "trained_on", "chosen_by": how many videos}; None where the model does not say which it knows.
    reach: PyTorch's largest |logit|.
    """

    parity: Parity | None
    disagreements: list[Disagreement]
    failed: int
    parts: Parts | None
    counts: dict[str, int] | None
    reach: float


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What PyTorch's model with all tokens answers beside a file with fewer.

    videos, top1_agreement: how many were compared, 0 where there was nothing to compare on, and on which share of them
    both give the same label.
    accuracy_videos: how many of them are new to the model and show one of its labels, of which the accuracies are.
    """

    videos: int
    top1_agreement: float | None
    accuracy_videos: int
    accuracy_all: float | None
    accuracy: float | None


NOT_COMPARED = Comparison(parity=None, disagreements=[], failed=0, parts=None, counts=None, reach=0.0)
NOT_MEASURED = Loss(videos=0, top1_agreement=None, accuracy_videos=0, accuracy_all=None, accuracy=None)


def find_videos(
    folder: Path, labels: Sequence[str], *, none_label: str | None = None, region: Region | None = None
) -> Videos:
    """All videos below `folder`, with their class ids if every one lies in a folder named by its label.

    Args:
        folder: where to look; a folder `_none` in it holds videos that show none of the labels.
        labels: the model's.
        none_label: the one of them that means "none of the labels", if there is one.
        region: of the picture that clips are to be of; None for all of it.

    Raises:
        ValueError: not a folder, or no videos in it.
    """
    paths = list_checked(folder)
    known: dict[str, int | None] = {label: index for index, label in enumerate(labels)}
    if none_label is not None or NONE_FOLDER not in known:
        known[NONE_FOLDER] = None if none_label is None else known[none_label]
    class_ids = {
        video: known[label] for label, found in label_folders(folder).items() if label in known for video in found
    }
    labelled = len(class_ids) == len(paths)
    return Videos(paths=paths, class_ids=[class_ids[video] for video in paths] if labelled else None, region=region)


def compare(
    videos: Videos, contract: Contract, *, pytorch: Classify, exported: Classify, track: Track = untracked
) -> Comparison:
    """Classify every video both ways, one view in the middle, and say how far apart the answers are.

    Agreement is that of all videos, whether the model knows them or not: what it compares is two ways to compute one
    answer. It is about the largest logit, of a sigmoid model too. A video that cannot be read is logged as a warning
    and not counted.

    Raises:
        ModelError: no video could be read, or logits are NaN or infinite.
    """
    expected, found, readable, disagreements = [], [], [], []
    for index, video in enumerate(track(videos.paths, label="checking")):
        try:
            frames = read_clips(video, contract, region=videos.region).frames
        except VideoError as error:
            _logger.warning("not counted: %s", error)
            continue
        expected.append(pytorch(frames)[0])
        found.append(exported(frames)[0])
        check_finite(expected[-1], of="PyTorch")
        check_finite(found[-1], of="the exported graph")
        readable.append(index)
        if expected[-1].argmax() != found[-1].argmax():
            label = None if videos.class_ids is None else videos.class_ids[index]
            frame = frames[0, frames.shape[1] // 2]
            disagreements.append(_disagreement(video, expected[-1], found[-1], label=label, frame=frame))
    if not readable:
        raise ModelError(f"not one of the {len(videos.paths)} videos to check the export on could be read")
    origins = origins_of([videos.paths[index] for index in readable], contract.source.clips, track=track)
    class_ids = None if videos.class_ids is None else [videos.class_ids[index] for index in readable]
    of_pytorch = _parts(np.stack(expected), class_ids, origins, contract)
    of_export = _parts(np.stack(found), class_ids, origins, contract)
    return Comparison(
        parity=_parity(np.stack(expected), np.stack(found), of_pytorch, of_export),
        disagreements=disagreements,
        failed=len(videos.paths) - len(readable),
        parts=of_export,
        counts=None if contract.source.clips is None else _counts(origins),
        reach=float(np.abs(expected).max()),
    )


def check_agreement(comparison: Comparison, *, minimum: float) -> None:
    """Raise ModelError if fewer top-1 answers agree than the share `minimum`; without a comparison none is needed."""
    parity = comparison.parity
    if parity is not None and parity.top1_agreement < minimum:
        agreeing = parity.videos - len(comparison.disagreements)
        raise ModelError(
            f"the exported graph gives PyTorch's top-1 answer on only {agreeing} of {parity.videos} videos, a share of "
            f"{parity.top1_agreement:.4f}, below the minimum agreement {minimum:g} (logits differ by "
            f"{parity.max_abs_logit_diff:.2g} at most, and the answer on {comparison.disagreements[0].video}); "
            "no file was written"
        )


def measure_loss(
    videos: Videos | None,
    contract: Contract,
    *,
    selection: TokenSelection,
    pytorch: Classify,
    exported: Classify,
    track: Track = untracked,
) -> Loss:
    """Classify every video with all tokens too; `NOT_MEASURED` without any.

    Args:
        videos: what to compare on.
        contract: the file's.
        selection: of the PyTorch model's tokens.
        pytorch: the model's answers.
        exported: the file's.
        track: follows the work, video by video.
    """
    if videos is None:
        return NOT_MEASURED

    def with_all(frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        with selection.all_tokens():
            return pytorch(frames)

    comparison = compare(videos, contract, pytorch=with_all, exported=exported, track=track)
    parity, parts = comparison.parity, comparison.parts
    if parity is None:
        return NOT_MEASURED
    return Loss(
        videos=parity.videos,
        top1_agreement=parity.top1_agreement,
        accuracy_videos=0 if parts is None or parts.new.scores is None else parts.new.scores.videos,
        accuracy_all=parity.accuracy_pytorch,
        accuracy=parity.accuracy_onnx,
    )


def check_loss(loss: Loss, *, most: float) -> None:
    """Raise ModelError where accuracy is known, and lower than with all tokens by more than the share `most`."""
    if loss.accuracy is None or loss.accuracy_all is None:
        return
    if loss.accuracy_all - loss.accuracy > most + _ROUNDING:
        raise ModelError(
            f"with these tokens the accuracy is {loss.accuracy:.4f} on {_counted(loss)}, and with all of them "
            f"{loss.accuracy_all:.4f}: more than the loss of {most:g} that is allowed; no file was written; train the "
            "checkpoint further with 'vidcls-train --base CHECKPOINT --tokens ...', or allow more with --max-loss"
        )


def _counted(loss: Loss) -> str:
    """The videos that accuracies are of, for a sentence."""
    if loss.accuracy_videos == loss.videos:
        return f"{loss.videos} videos"
    return f"{loss.accuracy_videos} of {loss.videos} videos, those that are new to the model and show its labels"


def _parts(
    logits: npt.NDArray[np.float32],
    class_ids: Sequence[int | None] | None,
    origins: Sequence[Origin | None],
    contract: Contract,
) -> Parts | None:
    return None if class_ids is None else score_apart(answers_of(logits, class_ids, contract.labels), origins, contract)


def _parity(
    expected: npt.NDArray[np.float32], found: npt.NDArray[np.float32], of_pytorch: Parts | None, of_export: Parts | None
) -> Parity:
    """How far PyTorch's logits [videos, labels] and the export's are apart; accuracies where class ids are known."""
    differences = np.abs(expected.astype(np.float64) - found)
    return Parity(
        videos=len(expected),
        top1_agreement=float((expected.argmax(axis=1) == found.argmax(axis=1)).mean()),
        max_abs_logit_diff=float(differences.max()),
        mean_abs_logit_diff=float(differences.mean()),
        accuracy_pytorch=None if of_pytorch is None else of_pytorch.new.top1,
        accuracy_onnx=None if of_export is None else of_export.new.top1,
    )


def _counts(origins: Sequence[Origin | None]) -> dict[str, int]:
    return {"new": origins.count(None), "trained_on": origins.count("train"), "chosen_by": origins.count("val")}


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
