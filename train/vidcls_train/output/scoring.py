"""PyTorch's logits for whole videos, by the views that the SDK takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from transformers import PreTrainedModel

from vidcls.clips import read_clips
from vidcls.contract import Contract
from vidcls.preprocessing import normalise
from vidcls.progress import Track, untracked
from vidcls.region import Region
from vidcls_train.data.clip_list import Footage

# So that what a card could train it can score: 15 views of a large model at once may need more room than a step.
_CLIPS_AT_ONCE = 3


@torch.inference_mode()
def video_logits(
    model: PreTrainedModel, video: Footage, contract: Contract, *, views: int, crops: int, region: Region | None = None
) -> npt.NDArray[np.float32]:
    """float32 [labels]: the mean of the logits over views x crops.

    Args:
        model: a video classifier of transformers, in evaluation mode, on any device.
        video: the file, and which stretch of it.
        contract: whose sampling and image sections say what a view is.
        views: windows spread over it.
        crops: of each window, 1 or 3.
        region: of the picture; None for all of it.

    Raises:
        VideoError: the video cannot be decoded.
    """
    device = next(model.parameters()).device
    frames = read_clips(video.path, contract, stretch=video.stretch, views=views, crops=crops, region=region).frames
    pixel_values = torch.from_numpy(normalise(frames, contract.image)).to(device)
    logits = torch.cat([clip_logits(model, part) for part in torch.split(pixel_values, _CLIPS_AT_ONCE)])
    return logits.mean(dim=0).cpu().numpy()


def clip_logits(model: PreTrainedModel, pixel_values: torch.Tensor) -> torch.Tensor:
    """float32 [clips, labels] of pixels on the model's device, which each family takes under a name of its own."""
    logits: torch.Tensor = model(**{model.main_input_name: pixel_values}).logits
    return logits.float()


def all_logits(
    model: PreTrainedModel,
    videos: Sequence[Footage],
    contract: Contract,
    *,
    views: int,
    crops: int,
    region: Region | None = None,
    label: str,
    track: Track = untracked,
) -> npt.NDArray[np.float32]:
    """float32 [videos, labels]: `video_logits` of every video; the model is put into evaluation mode.

    Args:
        label: what is being done, for `track`.
        track: shows the progress.

    Raises:
        VideoError: one of the videos cannot be decoded.
    """
    model.eval()
    return np.stack(
        [
            video_logits(model, video, contract, views=views, crops=crops, region=region)
            for video in track(videos, label=label, length=len(videos))
        ]
    )
