"""What masked pretraining hides, and pictures of what the model makes of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont
from transformers import VideoMAEConfig, VideoMAEForPreTraining

from vidcls.contract import Image
from vidcls.preprocessing import normalise
from vidcls_train.data.datasets import drawn_from

# Beside a clip's key, so that its mask tells nothing of its crop.
_MASKING = 3

_HIDDEN = 110  # grey
_CAPTION = 18
_SHOWN_FRAMES = 4


def tube_mask(config: VideoMAEConfig, ratio: float) -> torch.Tensor:
    """bool [tokens]: the patches to hide, drawn from torch's global generator; the same ones in all frames.

    What moves little could otherwise be copied from a frame where it is not hidden. At least one patch is shown
    and one hidden.
    """
    patches = (config.image_size // config.patch_size) ** 2
    hidden = min(max(round(ratio * patches), 1), patches - 1)
    chosen = torch.zeros(patches, dtype=torch.bool)
    chosen[torch.randperm(patches)[:hidden]] = True
    return chosen.repeat(config.num_frames // config.tubelet_size)


class CollateMasked:
    """Clips -> a batch with a mask each, which depends on the seed and the clip's key alone."""

    def __init__(self, config: VideoMAEConfig, *, ratio: float, seed: int) -> None:
        self._config = config
        self._ratio = ratio
        self._seed = seed

    def __call__(self, clips: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """{"pixel_values": float32 [B, T, 3, H, W], "bool_masked_pos": bool [B, tokens]}."""
        masks = []
        for clip in clips:
            with drawn_from(self._seed, *clip["key"], _MASKING):
                masks.append(tube_mask(self._config, self._ratio))
        pixels = torch.stack([clip["pixel_values"] for clip in clips])
        return {"pixel_values": pixels, "bool_masked_pos": torch.stack(masks)}


@torch.inference_mode()
def reconstruct(
    model: VideoMAEForPreTraining, frames: npt.NDArray[np.uint8], mask: torch.Tensor, image: Image
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """What the model is shown of a clip, and what it makes of it.

    The model foretells each patch but for its mean and contrast; these are taken from the clip.

    Args:
        frames: uint8 RGB [T, H, W, 3]. mask: bool [tokens].

    Returns:
        two clips like `frames`: with grey for what is hidden, and with the model's patches there.
    """
    config = model.config
    pixels = torch.from_numpy(normalise(frames[None], image)).to(model.device)
    foretold = model.eval()(pixel_values=pixels, bool_masked_pos=mask[None].to(model.device)).logits[0].float().cpu()
    patches = _patches(torch.from_numpy(frames).float(), config)  # [tokens, pixels of a patch, 3]
    hidden = patches[mask]
    if config.norm_pix_loss:
        shaped = foretold.reshape(hidden.shape)
        drawn = shaped * hidden.std(dim=1, keepdim=True) + hidden.mean(dim=1, keepdim=True)
    else:
        drawn = foretold.reshape(hidden.shape) * 255
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


def write_reconstructions(clips: Sequence[Sequence[npt.NDArray[np.uint8]]], path: Path) -> None:
    """Draw clips (original, masked, reconstructed), each uint8 RGB [T, H, W, 3], as blocks of three rows of frames."""
    length, height, width, _ = clips[0][0].shape
    chosen = np.linspace(0, length - 1, min(_SHOWN_FRAMES, length)).round().astype(int)
    rows = [np.concatenate([clip[index] for index in chosen], axis=1) for block in clips for clip in block]
    names = ("original", "masked", "reconstructed")
    sheet = PillowImage.new("RGB", (width * len(chosen), (height + _CAPTION) * len(rows)), "white")
    draw = ImageDraw.Draw(sheet)
    for number, row in enumerate(rows):
        top = number * (height + _CAPTION)
        draw.text((4, top + 2), names[number % len(names)], fill="black", font=ImageFont.load_default(12))
        sheet.paste(PillowImage.fromarray(row), (0, top + _CAPTION))
    sheet.save(path)
