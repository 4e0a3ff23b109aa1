"""What a push takes along: all that transformers needs to open the model, of every family."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidcls_train.model.families import FAMILIES
from vidcls_train.model.image_processor import image_processor
from vidcls_train.model.image_section import IMAGENET_MEAN, IMAGENET_STD, image_section
from vidcls_train.output.hub import _PUSHED


@pytest.mark.parametrize("kind", FAMILIES)
def test_the_preprocessing_of_every_family_is_pushed(kind: str, tmp_path: Path) -> None:
    image = image_section(size=64, resize="shortest_edge", mean=IMAGENET_MEAN, std=IMAGENET_STD)
    image_processor(image, kind).save_pretrained(tmp_path)
    written = {file.name for file in tmp_path.iterdir()}
    assert written
    assert written <= set(_PUSHED)
