"""Every family of video classifiers that can be a base, from random weights to a verified file, on one motion dataset.

    python tests/benchmarks/bases.py DATA [--work DIR] [--families vjepa2,timesformer,vivit] [--epochs 8] [--seed 0]

DATA is what `python examples/motion_dataset.py DATA --test-per-class 40` writes, or another folder with train/, val/
and test/. For each family a small configuration of the published structure is made with random weights and saved as a
plain Hugging Face checkpoint, fine-tuned by `vidcls-train --base`, exported by `vidcls-export` and checked on the test
clips, verified, and scored anew from the file by `vidcls evaluate`. Printed are top-1 on the test clips with its 95 %
interval, how many of them PyTorch and the file answer alike, the largest |logit difference|, and the time.
"""

from __future__ import annotations

import json
import platform
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import torch
import transformers

from vidcls import VideoClassifier
from vidcls.evaluation.intervals import wilson_interval
from vidcls_export.exporter import export
from vidcls_train.finetune import train

FRAMES, SIZE, PATCH, WIDTH, LAYERS, HEADS = 8, 32, 8, 64, 3, 2
CLIP_SECONDS = 64 / 30

SHAPE: dict[str, Any] = {
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "patch_size": PATCH,
    # As wide for this width as the published 0.02 to 0.04 are for 768 and 1024.
    "initializer_range": 0.1,
}
SIZES: dict[str, Any] = {"num_frames": FRAMES, "image_size": SIZE, "intermediate_size": 4 * WIDTH}
SQUARE = {"height": SIZE, "width": SIZE}

# Labels are what moves which way: neither mirrored, nor two clips in one.
SETTINGS: dict[str, Any] = {
    "batch_size": 32,
    "flip": "off",
    "color_jitter": 0.0,
    "mixup": 0.0,
    "cutmix": 0.0,
    "patch_dropout": 0.0,
    "dropout": 0.0,
    "clip_seconds": CLIP_SECONDS,
    "device": "cpu",
}


def videomae() -> tuple[Any, Any]:
    """As MCG-NJU/videomae-base, small."""
    config = transformers.VideoMAEConfig(**SHAPE, **SIZES)
    return transformers.VideoMAEForVideoClassification(config), _processor((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def vjepa2() -> tuple[Any, Any]:
    """As facebook/vjepa2-vitl-fpc64-256, small."""
    predictor = {"pred_hidden_size": 24, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1}
    config = transformers.VJEPA2Config(
        **SHAPE, **predictor, crop_size=SIZE, frames_per_clip=FRAMES, mlp_ratio=4, num_pooler_layers=1
    )
    return transformers.VJEPA2ForVideoClassification(config), transformers.VJEPA2VideoProcessor(crop_size=SIZE)


def timesformer() -> tuple[Any, Any]:
    """As facebook/timesformer-base-finetuned-k400, small."""
    config = transformers.TimesformerConfig(**SHAPE, **SIZES)
    return transformers.TimesformerForVideoClassification(config), _processor((0.45,) * 3, (0.225,) * 3)


def vivit() -> tuple[Any, Any]:
    """As google/vivit-b-16x2-kinetics400, small."""
    config = transformers.VivitConfig(**SHAPE, **SIZES, tubelet_size=[2, PATCH, PATCH])
    processor = transformers.VivitImageProcessor(size={"shortest_edge": SIZE}, crop_size=SQUARE)
    return transformers.VivitForVideoClassification(config), processor


@torch.no_grad()
def draw_what_is_zero(model: Any) -> None:
    """Draw positions and class tokens, which are zero in a fresh model; let patches count by what varies in them.

    Published encoders have learnt both long ago; a few minutes teach a fresh one neither.
    """
    for name, weight in model.named_parameters():
        if name.endswith(("position_embeddings", "time_embeddings", "cls_token", "query_tokens")):
            weight.normal_(std=0.5)
        elif "patch_embeddings" in name and weight.ndim > 2:
            weight.sub_(weight.mean(dim=(-2, -1), keepdim=True)).mul_(4)


MAKERS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "videomae": videomae,
    "vjepa2": vjepa2,
    "timesformer": timesformer,
    "vivit": vivit,
}


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--work", type=click.Path(path_type=Path, file_okay=False), help="Kept folders; default: temporary.")
@click.option("--families", default="vjepa2,timesformer,vivit", show_default=True)
@click.option("--epochs", default=8, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--set", "changes", multiple=True, metavar="NAME=JSON", help="A setting of vidcls-train, as 'dropout=0'.")
def main(data: Path, work: Path | None, families: str, epochs: int, seed: int, changes: tuple[str, ...]) -> None:
    """Train, export, verify and score each family, and print a line for each."""
    packages = ("torch", "transformers", "onnxruntime")
    named = ", ".join(f"{name} {version(name)}" for name in packages)
    click.echo(f"{platform.machine()}, {torch.get_num_threads()} threads, Python {platform.python_version()}, {named}")
    given = dict(change.split("=", 1) for change in changes)
    settings = {**SETTINGS, "epochs": epochs, "seed": seed, **{name: json.loads(text) for name, text in given.items()}}
    with tempfile.TemporaryDirectory() as temporary:
        for name in families.split(","):
            click.echo(measure(name, data, work or Path(temporary), settings))


def measure(name: str, data: Path, work: Path, settings: dict[str, Any]) -> str:
    """One family's line."""
    started = time.perf_counter()
    base, checkpoint, path = work / f"{name}-base", work / name, work / f"{name}.onnx"
    torch.manual_seed(settings["seed"])
    model, processor = MAKERS[name]()
    draw_what_is_zero(model)
    model.save_pretrained(base)
    processor.save_pretrained(base)
    metrics = train({"data": str(data), "output": checkpoint, "base": str(base), **settings}, on_epoch=click.echo)
    assert metrics is not None
    trained = time.perf_counter()
    report = export(checkpoint, path, check=data / "test")
    parity = report.contract.parity
    classifier = VideoClassifier(path, device="cpu")
    check = classifier.verify()
    right, videos = scored(classifier, data / "test")
    low, high = wilson_interval(right, videos)
    assert parity is not None
    return (
        f"{name:<12} test top-1 {right / videos:.3f} ({low:.2f} to {high:.2f}) from the file, "
        f"{metrics['test']['top1']:.3f} in PyTorch, {videos} clips; agreement {parity.top1_agreement:.4f}, largest "
        f"logit difference {parity.max_abs_logit_diff:.1e}; verified: {check.ok}; "
        f"{sum(weight.numel() for weight in model.parameters()) / 1e6:.2f} M weights; trained in "
        f"{trained - started:.0f} s, the rest took {time.perf_counter() - trained:.0f} s"
    )


def scored(classifier: VideoClassifier, test: Path) -> tuple[int, int]:
    """(clips whose label the file names, all clips)."""
    videos = sorted(path for path in test.rglob("*") if path.is_file())
    right = sum(classifier.predict(video).label == video.parent.name for video in videos)
    return right, len(videos)


def _processor(mean: tuple[float, ...], std: tuple[float, ...]) -> Any:
    return transformers.VideoMAEImageProcessor(
        size={"shortest_edge": SIZE}, crop_size=SQUARE, image_mean=list(mean), image_std=list(std)
    )


if __name__ == "__main__":
    main()
