"""What Optimum has to know of VideoMAE, for which it has no exporter of its own."""

from __future__ import annotations

from typing import Any

from optimum.exporters.onnx.model_configs import ViTOnnxConfig
from optimum.utils import DummyVisionInputGenerator, NormalizedVisionConfig

TASK = "image-classification"  # Optimum's name for "pixel_values in, logits out"
BATCH = "batch"


class _DummyClips(DummyVisionInputGenerator):  # type: ignore[misc]
    """A random clip in VideoMAE's layout, to trace the model with."""

    def __init__(self, task: str, normalized_config: NormalizedVisionConfig, **shapes: Any) -> None:
        super().__init__(task, normalized_config, **shapes)
        self.num_frames = normalized_config.config.num_frames

    def generate(
        self, input_name: str, framework: str = "pt", int_dtype: str = "int64", float_dtype: str = "fp32"
    ) -> Any:
        """float [batch, T, channels, height, width]."""
        del input_name, int_dtype  # there is one input and it is a float
        shape = [self.batch_size, self.num_frames, self.num_channels, self.height, self.width]
        return self.random_float_tensor(shape, framework=framework, dtype=float_dtype)


class VideoMAEOnnxConfig(ViTOnnxConfig):  # type: ignore[misc]
    """pixel_values [batch, T, 3, size, size] -> logits [batch, labels]; only the batch is free."""

    DUMMY_INPUT_GENERATOR_CLASSES = (_DummyClips,)

    @property
    def inputs(self) -> dict[str, dict[int, str]]:
        """The free dimensions of the input."""
        return {"pixel_values": {0: BATCH}}

    @property
    def outputs(self) -> dict[str, dict[int, str]]:
        """The free dimensions of the output."""
        return {"logits": {0: BATCH}}
