from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import VideoMAEConfig, VideoMAEForPreTraining

from vidcls_train.data.masks import tube_mask
from vidcls_train.model.image_section import IMAGENET_MEAN, IMAGENET_STD, image_section
from vidcls_train.model.reconstruction import _patches, reconstruct

LOSS_LIMIT = 1e-5  # float32, in another order of sums
NEAREST = 1.0  # a grey level: patches are rounded to whole ones

CONFIG = VideoMAEConfig(
    hidden_size=24,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=48,
    decoder_hidden_size=24,
    decoder_num_hidden_layers=1,
    decoder_num_attention_heads=2,
    decoder_intermediate_size=48,
    num_frames=4,
    image_size=64,
)


def test_a_picture_shows_what_the_loss_is_about() -> None:
    torch.manual_seed(0)
    model = VideoMAEForPreTraining(CONFIG).eval()
    image = image_section(size=64, resize="shortest_edge", mean=IMAGENET_MEAN, std=IMAGENET_STD)
    frames = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    mask = tube_mask(CONFIG, 0.75)
    mean, std = np.array(image.mean, np.float32), np.array(image.std, np.float32)
    pixels = torch.from_numpy(((frames / np.float32(255) - mean) / std).transpose(0, 3, 1, 2)[None])
    with torch.no_grad():
        output = model(pixel_values=pixels, bool_masked_pos=mask[None])
    # transformers' own loss from our patches of the clip: they have the same order.
    hidden = _patches(torch.from_numpy(frames).float() / 255, CONFIG)[mask]
    target = (hidden - hidden.mean(1, keepdim=True)) / (hidden.std(1, keepdim=True) + 1e-6)
    loss = ((output.logits[0] - target.flatten(1)) ** 2).mean()
    assert loss.item() == pytest.approx(output.loss.item(), abs=LOSS_LIMIT)
    shown, made = reconstruct(model, frames, mask, image)
    visible = ~mask.reshape(2, 4, 4).repeat_interleave(2, 0).repeat_interleave(16, 1).repeat_interleave(16, 2).numpy()
    assert np.array_equal(shown[visible], frames[visible])
    assert np.array_equal(made[visible], frames[visible])
    assert set(np.unique(shown[~visible])) == {110}
    # A hidden patch of what was made has the mean of the clip's own, but where it was cut to what a pixel can be.
    expected = output.logits[0].reshape(hidden.shape) * hidden.std(1, keepdim=True) + hidden.mean(1, keepdim=True)
    found = _patches(torch.from_numpy(made).float(), CONFIG)[mask]
    assert (found - expected.clamp(0, 1) * 255).abs().max() <= NEAREST
