"""Models that the benchmarks time: VideoMAE with random weights, and what else can be made of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from vidcls_train.config.recipes import PRESETS

LABELS = tuple(f"class {number}" for number in range(10))


def write_checkpoint(folder: Path, preset: str) -> list[int]:
    """A VideoMAE with random weights and logits that spread over several units; the shape of one input."""
    import torch

    from vidcls_train.model.image_processor import image_processor
    from vidcls_train.model.presets import from_preset

    torch.manual_seed(0)
    start = from_preset(PRESETS[preset], LABELS, frames=None, image_size=None, resize=None)
    shape = [start.frames, 3, start.image.crop_size, start.image.crop_size]
    with torch.inference_mode():
        spread = start.model.eval()(torch.randn(4, *shape)).logits.std()
        start.model.classifier.weight.mul_(3 / spread)
    start.model.save_pretrained(folder)
    image_processor(start.image).save_pretrained(folder)
    return shape


def export_plain(folder: Path, *, precision: str) -> None:
    """Write plain/model.onnx, with Optimum's exporter and nothing of vidcls but the input's shape."""
    import torch
    from optimum.exporters.onnx import onnx_export_from_model
    from optimum.exporters.onnx.model_configs import ViTOnnxConfig
    from transformers import VideoMAEForVideoClassification

    class Config(ViTOnnxConfig):  # type: ignore[misc]
        @property
        def inputs(self) -> dict[str, dict[int, str]]:
            return {"pixel_values": {0: "batch"}}

        def generate_dummy_inputs(self, **_options: object) -> dict[str, Any]:
            config, kind = self._config, torch.float16 if precision == "fp16" else torch.float32
            return {
                "pixel_values": torch.randn(2, config.num_frames, 3, config.image_size, config.image_size, dtype=kind)
            }

    model = VideoMAEForVideoClassification.from_pretrained(folder / "checkpoint").eval()
    onnx_export_from_model(
        model.half() if precision == "fp16" else model,
        folder / "plain",
        custom_onnx_configs={"model": Config(model.config, task="image-classification")},
        task="image-classification",
        opset=18,
        dtype=precision,
        do_validation=False,
        device="cpu",
    )


def random_frames(folder: Path, seed: int) -> np.ndarray:
    """Blocks of random colours, uint8 [T, H, W, 3], as large as the model sees them."""
    config = json.loads((folder / "checkpoint/config.json").read_text(encoding="utf-8"))
    frames, size = config["num_frames"], config["image_size"]
    blocks = np.random.default_rng(seed).integers(0, 256, (frames, size // 8, size // 8, 3), dtype=np.uint8)
    return np.ascontiguousarray(blocks.repeat(8, axis=1).repeat(8, axis=2))


def pixel_values(folder: Path, frames: np.ndarray) -> np.ndarray:
    """float32 [N, T, 3, H, W] of frames [N, T, H, W, 3], in plain numpy."""
    config = json.loads((folder / "checkpoint/preprocessor_config.json").read_text(encoding="utf-8"))
    values = (frames / 255 - config["image_mean"]) / config["image_std"]
    return np.ascontiguousarray(values.transpose(0, 1, 4, 2, 3), dtype=np.float32)
