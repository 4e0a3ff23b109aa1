"""The contract's image section of a model."""

from __future__ import annotations

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
