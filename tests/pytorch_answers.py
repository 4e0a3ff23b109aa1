"""PyTorch's answers and a graph's rounded ones, computed without vidcls_export, with which exports are compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from transformers import VideoMAEForVideoClassification, VideoMAEImageProcessor

from generated import MEAN, STD


def pattern(*, frames: int = 4, height: int = 240, width: int = 320) -> np.ndarray:
    """The clip pattern-1 from its formula: uint8 RGB [T, H, W, 3]."""
    clip = np.empty((frames, height, width, 3), np.uint8)
    for t in range(frames):
        for c in range(3):
            y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
            clip[t, :, :, c] = (37 * t + 5 * y + 3 * x + 71 * c + ((x * y) >> 4)) % 256
    return clip


def random_clips(count: int) -> np.ndarray:
    """Cropped frames of noise: uint8 RGB [count, 4, 32, 32, 3]."""
    return np.random.default_rng(1).integers(0, 256, (count, 4, 32, 32, 3), np.uint8)


def normalised(clips: np.ndarray) -> np.ndarray:
    """uint8 RGB [count, T, h, w, 3] as PyTorch's model takes them: float32 [count, T, 3, h, w]."""
    return ((clips / 255 - MEAN) / STD).transpose(0, 1, 4, 2, 3).astype(np.float32)


def pytorch(folder: Path, pixel_values: np.ndarray) -> np.ndarray:
    """Logits of transformers' own model, loaded apart from vidcls_export, with its plainest attention."""
    model = VideoMAEForVideoClassification.from_pretrained(folder, attn_implementation="eager").eval()
    with torch.inference_mode():
        return model(torch.from_numpy(np.asarray(pixel_values))).logits.numpy()


def transformers_pixels(folder: Path, clip: np.ndarray) -> np.ndarray:
    """Model input [1, T, 3, h, w] as transformers prepares a clip."""
    processor = VideoMAEImageProcessor.from_pretrained(folder, image_mean=MEAN, image_std=STD)
    return np.asarray(processor([list(clip)], return_tensors="np")["pixel_values"], np.float32)


def rounded_logits(path: Path, clip: np.ndarray) -> np.ndarray:
    """Logits of a graph run operator by operator, each rounded to its type, as a GPU does; a CPU widens fp16 else."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(None, {"pixel_values": clip})[0]
