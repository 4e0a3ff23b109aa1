"""Whether the disk has room for a run."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

from vidcls.errors import ArgumentError
from vidcls.huggingface import find_weights
from vidcls_train.bases.location import named
from vidcls_train.config.groups import ModelConfig
from vidcls_train.preflight.shapes import Shape

# A step holds the weights, their EMA and two numbers of the optimizer for each. Two steps are kept while a third is
# written, beside the EMA of the best epoch and the checkpoint itself.
_WEIGHTS_KEPT = 3 * 4 + 2

_BYTES_PER_WEIGHT = 4
_MLP = 4  # times the width


def check_room(output: Path, model: ModelConfig, shape: Shape) -> None:
    """Refuse to begin what would fill the disk.

    Args:
        output: the run's folder, which may be missing.
        model: what is trained.
        shape: its sizes.

    Raises:
        ValueError: there is less room than the steps that a run saves take; says how much.
        ModelError: there is no such base, or it holds no weights.
    """
    needed = _WEIGHTS_KEPT * _weights_bytes(model, shape)
    existing = next(path for path in (output, *output.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise ArgumentError(
            f"{output}: its disk has {free / 1e9:.1f} GB free, and the run needs {needed / 1e9:.1f} GB for the steps "
            "that it can go on from; make room, or name a folder on another disk"
        )


def _weights_bytes(model: ModelConfig, shape: Shape) -> int:
    """About how large the weights are as they are trained, in float32; 0 where nothing is known of them."""
    if model.base is not None:
        with named(model.base) as folder:
            weights = find_weights(Path(folder)).tensors.values()
        return _BYTES_PER_WEIGHT * sum(math.prod(weight.shape) for weight in weights)
    width, layers = shape.width or 0, shape.layers or 0
    return _BYTES_PER_WEIGHT * layers * (4 + 2 * _MLP) * width**2
