"""The contract's image section, and the same for Hugging Face's tools."""

from __future__ import annotations

from typing import Any

from transformers import VideoMAEImageProcessor, VJEPA2VideoProcessor

from vidcls.contract import Image

# ImageNet's statistics, which VideoMAE was pretrained with: RGB, of values 0 to 1.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def image_section(*, size: int, resize: str, mean: tuple[float, ...], std: tuple[float, ...]) -> Image:
    """The contract's image section for square crops of `size` pixels from frames resized to `size`.

    Args:
        size: pixels.
        resize: "shortest_edge" or "stretch".
        mean: RGB, of values 0 to 1.
        std: likewise.

    Example:
        >>> image = image_section(size=112, resize="shortest_edge", mean=IMAGENET_MEAN, std=IMAGENET_STD)
        >>> image.resize_size, image.crop_size, image.channels
        (112, 112, 'rgb')
    """
    return Image(
        resize=resize,  # type: ignore[arg-type]
        resize_size=size,
        crop_size=size,
        interpolation="bilinear",
        antialias=True,
        channels="rgb",
        mean=mean,  # type: ignore[arg-type]
        std=std,  # type: ignore[arg-type]
    )


def image_processor(image: Image, kind: str = "videomae") -> Any:
    """The same image section for Hugging Face's tools (preprocessor_config.json, V-JEPA 2's video_ before it).

    Args:
        image: the contract's.
        kind: the model's `model_type`. V-JEPA 2 takes its frames under another name, from a processor of its own, which
            resizes to 256/224 of the crop; TimeSformer and ViViT take VideoMAE's.

    Example:
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
