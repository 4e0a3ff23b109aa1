"""What Optimum has to know of a video classifier, for which it has no exporter of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from optimum.exporters.onnx.model_configs import ViTOnnxConfig
from optimum.utils import DEFAULT_DUMMY_SHAPES, DummyInputGenerator, NormalizedVisionConfig
from transformers import PreTrainedModel

from vidcls_export.architectures import ARCHITECTURES, architecture_of

TASK = "image-classification"  # Optimum's name for "pixel_values in, logits out"
BATCH = "batch"


@contextmanager
def of_transformers(model: PreTrainedModel) -> Iterator[None]:
    """Within, a model of a class of our own has the class of transformers that it was made from.

    Optimum asks where a model's class is defined, and knows what to do with transformers' alone.
    """
    before = type(model)
    model.__class__ = next(kind for kind in before.mro() if kind.__module__.startswith("transformers."))
    try:
        yield
    finally:
        model.__class__ = before


class _DummyClips(DummyInputGenerator):  # type: ignore[misc]
    """A random clip, to trace the model with."""

    SUPPORTED_INPUT_NAMES = tuple({architecture.input_name for architecture in ARCHITECTURES.values()})

    def __init__(
        self,
        task: str,
        normalized_config: NormalizedVisionConfig,
        batch_size: int = DEFAULT_DUMMY_SHAPES["batch_size"],
        **_shapes: Any,
    ) -> None:
        del task  # there is only one
        config = normalized_config.config
        architecture = architecture_of(config)
        size = getattr(config, architecture.image_size)
        self.shape = [batch_size, getattr(config, architecture.frames), size, size, 3]

    def generate(
        self, input_name: str, framework: str = "pt", int_dtype: str = "int64", float_dtype: str = "fp32"
    ) -> torch.Tensor:
        """uint8 [batch, T, height, width, 3]."""
        del input_name, framework, int_dtype, float_dtype  # there is one input, and it is of bytes
        return torch.randint(0, 256, self.shape, dtype=torch.uint8)


class VideoClassifierOnnxConfig(ViTOnnxConfig):  # type: ignore[misc]
    """uint8 frames [batch, T, size, size, 3] -> logits [batch, labels]; only the batch is free."""

    DUMMY_INPUT_GENERATOR_CLASSES = (_DummyClips,)

    @property
    def inputs(self) -> dict[str, dict[int, str]]:
        """The free dimensions of the input."""
        return {architecture_of(self._config).input_name: {0: BATCH}}

    @property
    def outputs(self) -> dict[str, dict[int, str]]:
        """The free dimensions of the output."""
        return {"logits": {0: BATCH}}

    def fix_dynamic_axes(self, *_arguments: Any, **_options: Any) -> None:
        """Leave out Optimum's own check of the fixed axes, for which it opens the model in onnxruntime.

        Whoever opens the finished file compares its shapes with the contract.
        """
