"""A model made to see fewer tokens than it was trained with, beside the one that sees all: what is lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vidcls.contract import Contract
from vidcls.errors import ModelError
from vidcls.progress import Track, untracked
from vidcls_export.parity import Videos, compare
from vidcls_export.reference import Classify
from vidcls_export.tokens import TokenSelection


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What PyTorch's model with all tokens answers beside the file. accuracies: None where labels are unknown."""

    videos: int
    top1_agreement: float
    accuracy_all: float | None
    accuracy: float | None


def measure_loss(
    videos: Videos | None,
    contract: Contract,
    *,
    selection: TokenSelection,
    pytorch: Classify,
    exported: Classify,
    track: Track = untracked,
) -> Loss | None:
    """Classify every video with all tokens too; None without any.

    Args:
        videos: what to compare on.
        contract: the file's.
        selection: of the PyTorch model's tokens.
        pytorch: the model's answers.
        exported: the file's.
        track: follows the work, video by video.
    """
    if videos is None:
        return None

    def with_all(frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        with selection.all_tokens():
            return pytorch(frames)

    parity = compare(videos, contract, pytorch=with_all, exported=exported, track=track).parity
    if parity is None:
        return None
    return Loss(
        videos=parity.videos,
        top1_agreement=parity.top1_agreement,
        accuracy_all=parity.accuracy_pytorch,
        accuracy=parity.accuracy_onnx,
    )


def check_loss(loss: Loss | None, *, most: float) -> None:
    """Raise ModelError where accuracy is lower than with all tokens by more than the share `most`."""
    if loss is None or loss.accuracy is None or loss.accuracy_all is None:
        return
    if loss.accuracy_all - loss.accuracy > most:
        raise ModelError(
            f"with these tokens the accuracy is {loss.accuracy:.4f} on {loss.videos} videos, and with all of them "
            f"{loss.accuracy_all:.4f}: more than the loss of {most:g} that is allowed; no file was written; train the "
            "checkpoint further with 'vidcls-train --base CHECKPOINT --tokens ...', or allow more with --max-loss"
        )
