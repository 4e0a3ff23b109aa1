"""Training clips -> a batch, with what is drawn at random for each clip: mixing, drop path, patch dropout, masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn.functional import interpolate
from transformers import VideoMAEConfig

from vidcls_train.data.augmentation import PairMixing, mixing_mask
from vidcls_train.data.masks import tube_mask
from vidcls_train.data.rng import DROP_PATH, MASKING, MIXING, PATCH_DROPOUT, seeded_rng


class Collate:
    """Clips -> a batch, their neighbours mixed, with what else is drawn for each clip.

    All of it depends on the seed and the clips' keys alone.
    """

    def __init__(self, mixing: PairMixing, *, branches: int, hide: Callable[[], torch.Tensor], seed: int) -> None:
        """Say what to draw.

        Args:
            mixing: of the two clips of a pair.
            branches: of the encoder, which drop path may skip.
            hide: draws which tokens of a clip to hide, bool [tokens], from torch's generator.
            seed: of all that is drawn.
        """
        self._mixing = mixing
        self._branches = branches
        self._hide = hide
        self._seed = seed

    def __call__(self, clips: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Batch clips.

        Args:
            clips: items of `ClipDataset`: "pixel_values" float32 [T, 3, H, W], "target" float32 [labels], "key".

        Returns:
            "pixel_values": float32 [B, T, 3, H, W]; "targets": float32 [B, labels], a pair's mixed as its pixels are;
            "skip_draws": float32 [branches, B], each from 0 to 1, see `model.drop_path`;
            "hidden": bool [B, tokens], see `model.patch_dropout`;
            "teacher_values", where the clips have it: float32 [B, T, 3, H, W], mixed as the pixels are.
        """
        pixels = torch.stack([clip["pixel_values"] for clip in clips])
        targets = torch.stack([clip["target"] for clip in clips])
        for first in range(0, len(clips) - 1, 2):
            pair = slice(first, first + 2)
            with seeded_rng(self._seed, *clips[first]["key"], MIXING):
                pixels[pair], targets[pair] = self._mixing(pixels[pair], targets[pair])
        draws, hidden = [], []
        for clip in clips:
            with seeded_rng(self._seed, *clip["key"], DROP_PATH):
                draws.append(torch.rand(self._branches))
            with seeded_rng(self._seed, *clip["key"], PATCH_DROPOUT):
                hidden.append(self._hide())
        batch = {
            "pixel_values": pixels,
            "targets": targets,
            "skip_draws": torch.stack(draws, dim=1),
            "hidden": torch.stack(hidden),
        }
        return {**batch, "teacher_values": self._taught(clips)} if "teacher_values" in clips[0] else batch

    def _taught(self, clips: Sequence[dict[str, Any]]) -> torch.Tensor:
        """The teacher's pixels, mixed where and by as much as the student's are."""
        values = torch.stack([clip["teacher_values"] for clip in clips])
        size = clips[0]["pixel_values"].shape[-2:]
        for first in range(0, len(clips) - 1, 2):
            pair = values[first : first + 2]
            with seeded_rng(self._seed, *clips[first]["key"], MIXING):
                own = mixing_mask(self._mixing, *size)
            own = interpolate(own[:, None], pair.shape[-2:])[:, :, None]  # [2, 1, 1, H, W], nearest
            values[first : first + 2] = own * pair + (1 - own) * pair.flip(0)
        return values


class CollateMasked:
    """Clips -> a batch with a mask each, which depends on the seed and the clip's key alone."""

    def __init__(self, config: VideoMAEConfig, *, ratio: float, seed: int) -> None:
        """Args: config: of the model. ratio: share of the patches to hide. seed: of the masks."""
        self._config = config
        self._ratio = ratio
        self._seed = seed

    def __call__(self, clips: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """{"pixel_values": float32 [B, T, 3, H, W], "bool_masked_pos": bool [B, tokens]}."""
        masks = []
        for clip in clips:
            with seeded_rng(self._seed, *clip["key"], MASKING):
                masks.append(tube_mask(self._config, self._ratio))
        pixels = torch.stack([clip["pixel_values"] for clip in clips])
        return {"pixel_values": pixels, "bool_masked_pos": torch.stack(masks)}
