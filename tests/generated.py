"""What the tests make for themselves: clips with numbered frames, and a tiny VideoMAE checkpoint."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

LABELS = ("clap", "jump", "turn left", "wave")


def painted_frame(number: int, *, width: int, height: int) -> np.ndarray:
    """BGR [H, W, 3]: `number` as 8 black or white bars (most significant bit first) over a moving gradient."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    frame = np.stack([(x * 2 + number * 9) % 256, (y * 3 + number * 5) % 256, (x + y + number * 13) % 256], axis=-1)
    frame = frame.astype(np.uint8)
    for bit in range(8):
        left, right = bit * width // 8, (bit + 1) * width // 8
        frame[: height // 3, left:right] = 255 if number >> (7 - bit) & 1 else 0
    return frame


def painted_number(frame: np.ndarray) -> int:
    """The number that `painted_frame` painted on a frame [H, W, 3], after any codec."""
    height, width = frame.shape[:2]
    bars = [frame[: height // 3, bit * width // 8 : (bit + 1) * width // 8].mean() > 127 for bit in range(8)]
    return sum(1 << (7 - bit) for bit in range(8) if bars[bit])


def write_clip(
    path: Path, *, frames: int, rate: float = 30, width: int = 160, height: int = 120, codec: str = "mp4v"
) -> Path:
    """Write a clip whose frame i is `painted_frame(i % 256)`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), rate, (width, height))
    assert writer.isOpened(), f"OpenCV cannot write {path} as {codec}"
    for number in range(frames):
        writer.write(painted_frame(number % 256, width=width, height=height))
    writer.release()
    return path


def write_checkpoint(
    folder: Path, *, labels: tuple[str, ...] = LABELS, frames: int = 4, size: int = 32, resize: str = "shortest_edge"
) -> Path:
    """A tiny random VideoMAE as vidcls-train leaves it: weights, preprocessor_config.json, vidcls.json.

    Weights are drawn wide enough that logits spread over several units: parity of near-zero logits
    would prove nothing.
    """
    import hashlib

    import torch
    from transformers import VideoMAEConfig, VideoMAEForVideoClassification, VideoMAEImageProcessor

    from vidcls.contract import CHECKPOINT_FILE, Contract, Image, Sampling, Source, to_json

    config = VideoMAEConfig(
        image_size=size,
        patch_size=8,
        num_frames=frames,
        tubelet_size=2,
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=96,
        initializer_range=0.2,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    torch.manual_seed(0)
    VideoMAEForVideoClassification(config).save_pretrained(folder)
    shortest = resize == "shortest_edge"
    VideoMAEImageProcessor(
        size={"shortest_edge": size} if shortest else {"height": size, "width": size},
        do_center_crop=shortest,
        crop_size={"height": size, "width": size},
    ).save_pretrained(folder)
    contract = Contract(
        format=1,
        labels=labels,
        sampling=Sampling(rule="uniform", frames=frames, clip_seconds=0.8),
        image=Image(
            resize=resize,
            resize_size=size,
            crop_size=size,
            interpolation="bilinear",
            antialias=True,
            channels="rgb",
            mean=(0.485, 0.456, 0.406),
            std=(0.229, 0.224, 0.225),
        ),
        source=Source(
            architecture="VideoMAEForVideoClassification",
            base=None,
            base_license=None,
            checkpoint_sha256=hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(),
            data=None,
            versions={"vidcls": "0.1.0", "torch": torch.__version__},
            created="2026-01-01T00:00:00Z",
        ),
        accuracy=None,
    )
    (folder / CHECKPOINT_FILE).write_text(to_json(contract), encoding="utf-8")
    return folder
