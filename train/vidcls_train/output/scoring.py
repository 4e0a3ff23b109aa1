"""PyTorch's answer for whole videos, by the views that the SDK looks at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from vidcls.cli import terminal
from vidcls.clips import read_clips
from vidcls.contract import Contract
from vidcls.preprocessing import normalise


@torch.inference_mode()
def video_logits(
    model: torch.nn.Module, video: Path, contract: Contract, *, views: int, crops: int
) -> npt.NDArray[np.float32]:
    """float32 [labels]: the mean of the logits over views x crops.

    Raises:
        VideoError: the video cannot be decoded.
    """
    device = next(model.parameters()).device
    frames = read_clips(video, contract, views=views, crops=crops).frames
    pixel_values = torch.from_numpy(normalise(frames, contract.image)).to(device)
    logits: torch.Tensor = model(pixel_values=pixel_values).logits
    return logits.float().mean(dim=0).cpu().numpy()


def all_logits(
    model: torch.nn.Module, videos: Sequence[Path], contract: Contract, *, views: int, crops: int, label: str
) -> npt.NDArray[np.float32]:
    """float32 [videos, labels], with a progress bar named `label`."""
    model.eval()
    with terminal.progress(videos, label=label) as bar:
        return np.stack([video_logits(model, video, contract, views=views, crops=crops) for video in bar])
