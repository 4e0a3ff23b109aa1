"""The contract's image section -> the same for Hugging Face's tools."""

from __future__ import annotations

from typing import Any

from transformers import VideoMAEImageProcessor, VJEPA2VideoProcessor

from vidcls.contract import Image


def image_processor(image: Image, kind: str = "videomae") -> Any:
    """The same image section for Hugging Face's tools (preprocessor_config.json, V-JEPA 2's video_ before it).

    Args:
        image: the contract's.
        kind: the model's `model_type`. V-JEPA 2 takes its frames under another name, from a processor of its own, which
            resizes to 256/224 of the crop; TimeSformer and ViViT take VideoMAE's.

    Example:
        >>> from vidcls_train.model.image_section import IMAGENET_MEAN, IMAGENET_STD, image_section
        >>> image = image_section(size=112, resize="stretch", mean=IMAGENET_MEAN, std=IMAGENET_STD)
        >>> image_processor(image).do_center_crop
        False
    """
    if kind == "vjepa2":
        return VJEPA2VideoProcessor(crop_size=image.crop_size, image_mean=list(image.mean), image_std=list(image.std))
    square = {"height": image.crop_size, "width": image.crop_size}
    shortest = image.resize == "shortest_edge"
    return VideoMAEImageProcessor(
        size={"shortest_edge": image.resize_size} if shortest else square,
        resample=2,  # Pillow's number for bilinear
        do_center_crop=shortest,
        crop_size=square,
        image_mean=list(image.mean),
        image_std=list(image.std),
    )
