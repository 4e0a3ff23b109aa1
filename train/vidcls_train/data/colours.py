"""How the colours of a training clip are varied: torchvision's transforms, by OpenCV on uint8 frames.

A model that sees few tokens waits for its clips, and OpenCV is faster. It rounds to the nearest level and torchvision
downwards, so that by a share of 0.4, which presets have, each differs by a grey level at most, and saturation, which
OpenCV mixes in fixed point, by two.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torchvision.transforms import v2

# ITU-R BT.601, as torchvision has them.
_GREY_SHARES = np.array([0.2989, 0.587, 0.114])


class RandomColours(v2.ColorJitter):  # type: ignore[misc]
    """torchvision's ColorJitter, by the same random numbers: uint8 [T, 3, H, W] to the same.

    All frames are varied alike, but contrast is that to each frame's own mean, as torchvision has it.

    Example:
        >>> RandomColours(0.4)(torch.zeros(8, 3, 32, 32, dtype=torch.uint8)).shape
        torch.Size([8, 3, 32, 32])
    """

    def __init__(self, share: float) -> None:
        """Args: share: by which brightness, contrast and saturation are more or less at most; 0 to 1."""
        super().__init__(brightness=share, contrast=share, saturation=share)

    def transform(self, inpt: torch.Tensor, params: dict[str, Any]) -> torch.Tensor:
        """uint8 [T, 3, H, W] to the same, in the order and by the factors that were drawn."""
        frames = _frames(inpt)
        steps = (  # by torchvision's numbers
            (_brightened, params["brightness_factor"]),
            (_contrasted, params["contrast_factor"]),
            (_saturated, params["saturation_factor"]),
            (_saturated, None),  # its hue, see RandomHue
        )
        for number in params["fn_idx"].tolist():
            change, factor = steps[number]
            if factor is not None:
                frames = change(frames, factor)
        return _clip(frames)


class RandomHue(torch.nn.Module):
    """torchvision's adjust_hue by a random angle, the same for all frames: uint8 [T, 3, H, W] to the same.

    OpenCV's conversions to HSV and back, in float32, end within a grey level of torchvision's own, in an eighth of the
    time.

    Example:
        >>> RandomHue(0.1)(torch.zeros(8, 3, 32, 32, dtype=torch.uint8)).shape
        torch.Size([8, 3, 32, 32])
    """

    def __init__(self, share: float) -> None:
        """Args: share: of the circle of hues that one is turned by at most, either way; 0 to 0.5."""
        super().__init__()
        self._share = share

    def forward(self, img: torch.Tensor) -> torch.Tensor:
        """uint8 [T, 3, H, W] to the same."""
        turn = 360 * float(torch.empty(1).uniform_(-self._share, self._share))
        frames = _frames(img)
        hsv = cv2.cvtColor(_as_one_picture(frames).astype(np.float32), cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + turn) % 360
        turned = np.rint(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)).astype(np.uint8)
        return _clip(turned.reshape(frames.shape))


def _brightened(frames: npt.NDArray[np.uint8], factor: float) -> npt.NDArray[np.uint8]:
    return _levelled(_as_one_picture(frames), factor, 0.0).reshape(frames.shape)


def _contrasted(frames: npt.NDArray[np.uint8], factor: float) -> npt.NDArray[np.uint8]:
    means = [float(np.dot(cv2.mean(frame)[:3], _GREY_SHARES)) for frame in frames]
    return np.stack([_levelled(frame, factor, (1 - factor) * mean) for frame, mean in zip(frames, means, strict=True)])


def _saturated(frames: npt.NDArray[np.uint8], factor: float) -> npt.NDArray[np.uint8]:
    mixing = factor * np.eye(3) + (1 - factor) * np.tile(_GREY_SHARES, (3, 1))
    return np.asarray(cv2.transform(_as_one_picture(frames), mixing), np.uint8).reshape(frames.shape)


def _levelled(picture: npt.NDArray[np.uint8], factor: float, offset: float) -> npt.NDArray[np.uint8]:
    """Every level multiplied, and shifted."""
    levels = np.clip(np.rint(np.arange(256) * factor + offset), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(picture, levels), np.uint8)


def _frames(clip: torch.Tensor) -> npt.NDArray[np.uint8]:
    """uint8 [T, 3, H, W] to [T, H, W, 3], of the same memory where frames lie so."""
    return np.asarray(clip.permute(0, 2, 3, 1).contiguous().numpy())


def _clip(frames: npt.NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(frames).permute(0, 3, 1, 2)


def _as_one_picture(frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """[T, H, W, 3] to [T * H, W, 3]: a frame's rows are as good as another's."""
    return frames.reshape(-1, *frames.shape[2:])
