"""What a pretrained model makes of the patches that are hidden from it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from transformers import VideoMAEConfig, VideoMAEForPreTraining

from vidcls.contract import Image
from vidcls.preprocessing import normalise

_HIDDEN = 110  # grey


@torch.inference_mode()
def reconstruct(
    model: VideoMAEForPreTraining, frames: npt.NDArray[np.uint8], mask: torch.Tensor, image: Image
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """What the model is given of a clip, and what it predicts for the rest.

    The model predicts each patch but for its mean and contrast; these are taken from the clip.

    Args:
        model: is put into evaluation mode.
        frames: uint8 RGB [T, H, W, 3], of the model's shape.
        mask: bool [tokens], true for what is hidden.
        image: the contract's image section, which pixels are normalised by.

    Returns:
        two clips like `frames`: with grey for what is hidden, and with the model's patches there.
    """
    config = model.config
    pixels = torch.from_numpy(normalise(frames[None], image)).to(model.device)
    predicted = model.eval()(pixel_values=pixels, bool_masked_pos=mask[None].to(model.device)).logits[0].float().cpu()
    patches = _patches(torch.from_numpy(frames).float(), config)  # [tokens, pixels of a patch, 3]
    hidden = patches[mask]
    if config.norm_pix_loss:
        shaped = predicted.reshape(hidden.shape)
        drawn = shaped * hidden.std(dim=1, keepdim=True) + hidden.mean(dim=1, keepdim=True)
    else:
        drawn = predicted.reshape(hidden.shape) * 255
    shown, made = patches.clone(), patches.clone()
    shown[mask] = _HIDDEN
    made[mask] = drawn.clamp(0, 255)
    return _frames(shown, frames.shape, config), _frames(made, frames.shape, config)


def _patches(frames: torch.Tensor, config: VideoMAEConfig) -> torch.Tensor:
    """[T, H, W, 3] -> [tokens, tubelet * patch * patch, 3], in the order that VideoMAE has them."""
    length, height, width, _ = frames.shape
    size, tube = config.patch_size, config.tubelet_size
    cut = frames.reshape(length // tube, tube, height // size, size, width // size, size, 3)
    return cut.permute(0, 2, 4, 1, 3, 5, 6).reshape(-1, tube * size * size, 3)


def _frames(patches: torch.Tensor, shape: tuple[int, ...], config: VideoMAEConfig) -> npt.NDArray[np.uint8]:
    length, height, width, _ = shape
    size, tube = config.patch_size, config.tubelet_size
    cut = patches.reshape(length // tube, height // size, width // size, tube, size, size, 3)
    return cut.permute(0, 3, 1, 4, 2, 5, 6).reshape(shape).round().to(torch.uint8).numpy()
