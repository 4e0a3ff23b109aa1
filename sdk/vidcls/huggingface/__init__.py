"""What vidcls takes from a plain Hugging Face video classifier, which has no contract: read without transformers."""

from __future__ import annotations

from vidcls.huggingface.labels import Labels, read_labels
from vidcls.huggingface.preprocessor import (
    PREPROCESSOR_FILE,
    PREPROCESSOR_FILES,
    VIDEO_PREPROCESSOR_FILE,
    Preprocessor,
    find_preprocessor,
    read_image_section,
)
from vidcls.huggingface.sizes import SIZE_NAMES, Sizes, read_clip_sizes, read_sizes
from vidcls.huggingface.weights import (
    CONFIG_FILE,
    SHARDS_FILE,
    WEIGHTS_FILE,
    Weights,
    find_weights,
    weights_sha256,
)

# 16 frames, every 4th, at 30 frames a second: what VideoMAE's authors and the fine-tuning guide train with.
DEFAULT_CLIP_SECONDS = 64 / 30


def is_non_commercial(licence: str | None) -> bool:
    """Whether a licence's short name, such as cc-by-nc-4.0, forbids commercial use; an unknown licence does not."""
    return licence is not None and "nc" in licence.lower().split("-")


# What is within the bases that come with vidcls: Apache 2.0 asks that it is said, and that it was changed.
_WITHIN = {
    "vidcls/tiny": (
        "Within it are the weights of EfficientNet-Lite0, copyright 2020 ML Illustrated, who made them from "
        "TensorFlow's, trained on ImageNet; they were changed."
    )
}


def within_base(base: str) -> str | None:
    """A sentence on whose weights are within a base that comes with vidcls; None of any other base."""
    return _WITHIN.get(base)


__all__ = [
    "CONFIG_FILE",
    "DEFAULT_CLIP_SECONDS",
    "PREPROCESSOR_FILE",
    "PREPROCESSOR_FILES",
    "SHARDS_FILE",
    "SIZE_NAMES",
    "VIDEO_PREPROCESSOR_FILE",
    "WEIGHTS_FILE",
    "Labels",
    "Preprocessor",
    "Sizes",
    "Weights",
    "find_preprocessor",
    "find_weights",
    "is_non_commercial",
    "read_clip_sizes",
    "read_image_section",
    "read_labels",
    "read_sizes",
    "weights_sha256",
    "within_base",
]
