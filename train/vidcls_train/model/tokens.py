"""Which tokens an encoder sees: part of the model, in its configuration and in use.

transformers' own pipeline knows nothing of it, and shows the encoder all of them.
"""

from __future__ import annotations

import torch
from torch import nn
from transformers import PreTrainedModel

from vidcls.contract import CONFIG_FIELD, Image, Tokens, configured_tokens, kept_tokens, tokens_text
from vidcls_train.config.groups import RegularizationConfig
from vidcls_train.model.families import check_moving, check_tokens, family_of, patch_of, token_count, token_grid
from vidcls_train.model.token_subset import TokenSubset
from vidcls_train.moving import grey_levels, moving_count, moving_tokens, patches_of


def token_notices(model: PreTrainedModel, regularization: RegularizationConfig) -> tuple[str, ...]:
    """What to say where a model's tokens take the place of patch dropout: at most one sentence.

    Example:
        >>> from transformers import VideoMAEConfig, VideoMAEForVideoClassification
        >>> config = VideoMAEConfig(num_hidden_layers=1, vidcls_tokens="lattice:0.5")
        >>> token_notices(VideoMAEForVideoClassification(config), RegularizationConfig())
        ()
    """
    tokens, hidden = configured_tokens(model.config), regularization.patch_dropout
    if tokens.share is None or hidden == 0:
        return ()
    return (
        f"tokens {tokens_text(tokens)} takes the place of patch_dropout {hidden:g}: in training the encoder sees "
        f"{tokens.share:g} of a clip's tokens, where it would see {1 - hidden:g}",
    )


def use_tokens(model: PreTrainedModel, tokens: Tokens, *, image: Image) -> None:
    """Let the encoder of a model see these tokens alone, and its configuration say so.

    Where tokens are hidden already, as patch dropout does in training, it is left to that.

    Args:
        model: a classifier.
        tokens: the contract's section.
        image: how its pixels are normalised, from whose grey levels those that move are told.

    Raises:
        ValueError: its attention needs all of them, or those that move are not picked for its family or its patches.

    Example:
        >>> from transformers import VideoMAEConfig, VideoMAEForVideoClassification
        >>> config = VideoMAEConfig(hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48,
        ...     image_size=32, num_frames=4)
        >>> model = VideoMAEForVideoClassification(config).eval()
        >>> image = Image(resize="stretch", resize_size=32, crop_size=32, interpolation="bilinear", antialias=True,
        ...     channels="rgb", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
        >>> use_tokens(model, Tokens(rule="lattice", share=0.5), image=image)
        >>> model.videomae(torch.zeros(1, 4, 3, 32, 32)).last_hidden_state.shape
        torch.Size([1, 4, 24])
    """
    setattr(model.config, CONFIG_FIELD, tokens_text(tokens))
    if tokens.share is None:
        return
    check_tokens(tokens, family_of(model))
    if tokens.rule == "lattice":
        kept = torch.tensor(kept_tokens(tokens, grid=token_grid(model.config)))
        TokenSubset(model, lambda _module, _pixels: kept, order="last")
        return
    patch, count = patch_of(model.config), moving_count(tokens, every=token_count(model.config))
    check_moving(tokens, tubelet=patch[0])

    def moving(_module: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
        return moving_tokens(patches_of(grey_levels(pixels, image), patch), count=count)

    TokenSubset(model, moving, order="last")
