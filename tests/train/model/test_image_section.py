from __future__ import annotations

import numpy as np
import pytest
import transformers

from vidcls.preprocessing import crop_frame, normalise
from vidcls_train.model.image_processor import image_processor
from vidcls_train.model.image_section import IMAGENET_MEAN, IMAGENET_STD, image_section

# Of float32 at values up to 3.
ROUNDING = 1e-6

# The processor of transformers 5 resizes with torchvision, one grey level of 255 from Pillow at most; the smallest
# standard deviation of the three colours is 0.224.
GREY_LEVEL = 1 / 255 / 0.224


@pytest.mark.parametrize("resize", ["shortest_edge", "stretch"])
@pytest.mark.parametrize("shape", [(50, 61), (61, 50), (33, 32), (47, 47), (31, 97)])
def test_hugging_faces_processor_agrees_with_the_contract(resize: str, shape: tuple[int, int]) -> None:
    image = image_section(size=32, resize=resize, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    video = list(np.random.default_rng(0).integers(0, 256, (2, *shape, 3), np.uint8))
    pixels = image_processor(image)(video, return_tensors="np")["pixel_values"]
    expected = normalise(np.concatenate([crop_frame(frame, image, crops=1) for frame in video]), image)
    limit = ROUNDING if transformers.__version__.startswith("4.") else GREY_LEVEL + ROUNDING
    np.testing.assert_allclose(pixels[0], expected, rtol=0, atol=limit)
