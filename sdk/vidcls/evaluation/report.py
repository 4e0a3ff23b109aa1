"""The pictures of an evaluation: what is taken for what, and the most confident mistakes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vidcls.clips import read_clips
from vidcls.contract import Contract
from vidcls.decision import known, probabilities, top_class
from vidcls.evaluation.metrics import accepted, score_logits
from vidcls.figures.confusion import MOST_LABELS, write_confusion
from vidcls.figures.contact_sheet import Strip, write_contact_sheet
from vidcls.region import Region
from vidcls.video.reader import Decoder
from vidcls.video.source import source_name

MOST_DRAWN = MOST_LABELS  # of a confusion matrix; of one that is larger the page says that it is left out
CONFUSION_FILE = "confusion.png"
MISTAKES_FILE = "mistakes.png"

_MISTAKES_SHOWN = 12


def write_pictures(
    folder: Path,
    *,
    name: str,
    videos: Sequence[Path],
    logits: npt.NDArray[np.floating],
    class_ids: Sequence[int | None],
    contract: Contract,
    stretches: Sequence[tuple[float, float] | None] | None = None,
    region: Region | None = None,
    decoder: Decoder = "auto",
) -> None:
    """Write confusion.png and mistakes.png into `folder`; of a model of whose labels exactly one holds.

    Of more than 700 labels confusion.png is left out: nobody can look at it, and it takes gigabytes to draw.

    Args:
        name: of the data, for titles.
        videos, logits, class_ids: of the videos that were read: paths, [videos, labels], true classes, None for one
            that shows none of the labels; at least one has a class.
        stretches: (start, end) in seconds of the part of each video that was answered; None for the whole of each.
        region: of the picture that was answered; None for all of it.
        decoder: as the videos were decoded.

    Raises:
        VideoError: a video with a wrong answer cannot be read any more.

    >>> import numpy as np
    >>> from pathlib import Path
    >>> from vidcls import VideoClassifier
    >>> from vidcls.evaluation.report import write_pictures
    >>> model = VideoClassifier("model.onnx", device="cpu")
    >>> videos = [Path("clip.avi")]
    >>> logits = np.stack([model.predict(video).logits for video in videos])
    >>> write_pictures(Path(), name="mine", videos=videos, logits=logits, class_ids=[0], contract=model.contract)
    >>> Path("confusion.png").is_file(), Path("mistakes.png").is_file()
    (True, True)
    """
    scores = score_logits(logits, class_ids, contract.labels, contract.decision)
    low, high = scores.top1_interval
    title = f"{name}: top-1 {scores.top1:.3f} (95 % interval {low:.2f} to {high:.2f}) on {scores.videos} videos"
    if len(contract.labels) <= MOST_DRAWN:
        write_confusion(scores.confusion, contract.labels, folder / CONFUSION_FILE, title=title)
    stretches = stretches or [None] * len(videos)

    def frames_of(index: int) -> npt.NDArray[np.uint8]:
        clips = read_clips(videos[index], contract, stretch=stretches[index], region=region, decoder=decoder)
        return np.asarray(clips.frames[0])

    _write_mistakes(folder / MISTAKES_FILE, name, videos, logits, class_ids, contract, frames_of)


def _write_mistakes(
    path: Path,
    name: str,
    videos: Sequence[Path],
    logits: npt.NDArray[np.floating],
    class_ids: Sequence[int | None],
    contract: Contract,
    frames_of: Callable[[int], npt.NDArray[np.uint8]],
) -> None:
    """A strip of frames, as the model saw them, of each of the wrong answers given with the highest probability."""
    labels, decision = contract.labels, contract.decision
    chances, said = probabilities(logits, decision), top_class(logits, labels, decision)
    if decision.none_label is not None:
        said = np.where(known(logits, labels, decision), said, labels.index(decision.none_label))
    taken = accepted(logits, labels, decision)
    confidence = chances[np.arange(len(said)), said]
    wrong = [
        index
        for index in np.argsort(-confidence, kind="stable").tolist()
        if (taken[index] if class_ids[index] is None else said[index] != class_ids[index])
    ]
    shown = wrong[:_MISTAKES_SHOWN]
    strips = [
        Strip(
            caption=f"{_truth(class_ids[index], chances[index], labels)} taken for '{labels[said[index]]}' at "
            f"{confidence[index]:.2f}: {Path(source_name(videos[index])).name}",
            frames=frames_of(index),
        )
        for index in shown
    ]
    most = "" if len(shown) == len(wrong) else f", the {len(shown)} most confident"
    title = f"{name}: {len(wrong)} of {len(videos)} videos wrong{most}"
    write_contact_sheet(strips, path, title=title)


def _truth(class_id: int | None, chances: npt.NDArray[np.float64], labels: Sequence[str]) -> str:
    return "none of the labels" if class_id is None else f"'{labels[class_id]}' ({chances[class_id]:.2f})"
