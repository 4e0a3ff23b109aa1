"""The proof that answers here are the trained model's: PyTorch's logits, the file's hash, the decoders' frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vidcls.contract import ModelContract
from vidcls.errors import ModelError
from vidcls.files.kinds import file_sha256
from vidcls.video.decoder_check import DecoderCheck


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What `VideoClassifier.verify` found.

    Examples:
        >>> result = VideoClassifier("model.onnx").verify()
        >>> result.ok, result.precision
        (True, 'fp32')

    Attributes:
        ok: whether the proof held.
        max_abs_diff: largest |difference| between this device's logits and PyTorch's, NaN if there are none.
        tolerance: the largest that is allowed.
        device: where it was tried, "cpu", "cuda" or "cuda:1".
        precision: the model's.
        decoders: what each decoder that is installed makes of small reference clips, the one that `predict` takes
            first.
        problem: one sentence if the proof failed, else None.
    """

    ok: bool
    max_abs_diff: float
    tolerance: float
    device: str
    precision: str
    decoders: tuple[DecoderCheck, ...]
    problem: str | None


def pattern_1(*, frames: int, height: int, width: int) -> npt.NDArray[np.uint8]:
    """The clip "pattern-1": uint8 RGB [T, H, W, 3].

    The value at (t, y, x, c) is (37t + 5y + 3x + 71c + ((x * y) >> 4)) mod 256.
    """
    y, x, c = np.ogrid[:height, :width, :3]
    first = ((5 * y + 3 * x + 71 * c + ((x * y) >> 4)) % 256).astype(np.uint8)
    later = np.array([37 * t % 256 for t in range(frames)], np.uint8)
    return np.asarray(first + later[:, None, None, None], np.uint8)  # the sum of uint8 is one modulo 256


def verify(
    path: Path,
    contract: ModelContract,
    logits_of: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]],
    *,
    device: str,
    decoders: Sequence[DecoderCheck],
) -> Verification:
    """Compare a model file's answer on this machine with PyTorch's, and its bytes with those that were exported.

    Both say nothing of the decoder that hands frames to the model; `decoders` do.

    Args:
        path: the file.
        contract: what it says of itself.
        logits_of: the logits float32 [labels] of a clip uint8 RGB [T, H, W, 3], by the whole path from resize to model.
        device: where that runs.
        decoders: what was found of them. Each is used: PyAV for files where it is installed, OpenCV for cameras.
    """
    test = contract.self_test
    clip = pattern_1(frames=contract.sampling.frames, height=test.height, width=test.width)
    difference = np.float64(np.nan)
    problem = next((found.problem for found in decoders if found.problem is not None), None)
    try:
        difference = np.abs(logits_of(clip).astype(np.float64) - np.array(test.logits)).max()
        if difference > test.tolerance:
            problem = f"the logits differ from PyTorch's by {difference:.2g}, more than {test.tolerance:g}"
    except ModelError as error:
        problem = str(error)
    problem = _file_problem(path, recorded=contract.model.file_sha256) or problem
    return Verification(
        ok=problem is None,
        max_abs_diff=float(difference),
        tolerance=test.tolerance,
        device=device,
        precision=contract.model.precision,
        decoders=tuple(decoders),
        problem=problem,
    )


def _file_problem(path: Path, *, recorded: str) -> str | None:
    """Why a file is not proven to be as it was exported; None where it is."""
    try:
        if file_sha256(path, recorded=recorded) == recorded:
            return None
    except OSError as error:
        return f"the file cannot be read any more ({error.strerror}); put it back, or open another"
    return "the file's bytes are not those that were exported; copy or export it again"
