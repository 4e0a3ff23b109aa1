"""The sections of a contract, as dataclasses: what each field may hold stands beside it.

What decides, given the logits, is in `decision_section`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from vidcls.schema.bounds import Above, Base64, Entries, HexDigits, Range, Text

# The table of ranges: what fields of several sections hold; those of one stand beside it.
LABEL, LABELS = Text(1, 256), Entries(1, 10_000)
Name = Annotated[str, Text(1, 256)]
Place = Annotated[str, Text(1, 4096)]  # a path, or a name on a hub
Sha256 = Annotated[str, HexDigits(64)]
Count = Annotated[int, Range(1, 1_000_000_000)]
Pixels = Annotated[int, Range(16, 4096)]
Share = Annotated[float, Range(0, 1)]
Scale = Annotated[float, Range(0.001, 100)]
Logit = Annotated[float, Range(-1e9, 1e9)]
Difference = Annotated[float, Range(0, 1e9)]
FINGERPRINT_BYTES, MOST_FINGERPRINTS = 16, 200_000
Fingerprints = Annotated[str, Base64(FINGERPRINT_BYTES, MOST_FINGERPRINTS)]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Which frames of a video the model is given; see `vidcls.sampling`."""

    rule: Literal["uniform"]
    frames: Annotated[int, Range(1, 1024)]
    clip_seconds: Annotated[float, Range(0.01, 3600)]


@dataclass(frozen=True, kw_only=True)
class Image:
    """How an upright uint8 RGB frame becomes model input; see `vidcls.preprocessing`.

    Sizes are pixels; `mean` and `std` are of values 0..1, in RGB order. A std of 1/255 feeds values 0..255.
    """

    resize: Literal["shortest_edge", "stretch"]
    resize_size: Pixels
    crop_size: Pixels
    interpolation: Literal["bilinear"]
    antialias: Literal[True]
    channels: Literal["rgb"]
    mean: tuple[Share, Share, Share]
    std: tuple[Scale, Scale, Scale]


@dataclass(frozen=True, kw_only=True)
class ClipFingerprints:
    """The clips that a model was trained on, and those that its epoch and its decision were chosen by.

    algorithm: how a fingerprint is computed, with its version; see `vidcls.fingerprint`. train, val: fingerprints of 16
    bytes one after the other, in base64, sorted, so that nothing follows from their order.
    """

    algorithm: Literal["dct-1"]
    train: Fingerprints
    val: Fingerprints


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the weights come from. `base` is null for a model trained from scratch, `clips` where they are unknown."""

    architecture: Name
    base: Place | None
    base_license: Name | None
    checkpoint_sha256: Sha256
    data: Annotated[dict[Name, Annotated[int, Range(0, 1_000_000_000)]], Entries(0, 100)] | None
    clips: ClipFingerprints | None
    versions: Annotated[dict[Name, Name], Entries(0, 100)]
    created: Name


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Which of a clip's tokens (tubelets of patches) the encoder sees, in use; see `vidcls.contract.tokens`.

    rule: "all"; "lattice", the same evenly spread ones of every clip; or "moving", those of each clip that change most.
        share: how many of them, 0.5, 0.25 or 0.125; None with "all".
    """

    rule: Literal["all", "lattice", "moving"]
    share: Share | None = None


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Accuracy measured after training, over whole videos."""

    split: Name
    videos: Count
    views: Annotated[int, Range(1, 10_000)]
    crops: Literal[1, 3]
    top1: Share
    top5: Share


@dataclass(frozen=True, kw_only=True)
class Input:
    """The graph's input: float32 is normalised BTCHW, uint8 is raw RGB BTHWC."""

    name: Name
    dtype: Literal["float32", "uint8"]
    layout: Literal["BTCHW", "BTHWC"]
    normalised: bool


@dataclass(frozen=True, kw_only=True)
class Output:
    """The graph's output: logits [batch, labels]."""

    name: Name
    dtype: Literal["float32"]


@dataclass(frozen=True, kw_only=True)
class Model:
    """The exported graph itself."""

    precision: Literal["fp32", "fp16", "int8"]
    graph: Literal["onnxruntime", "portable"]
    opset: Annotated[int, Range(1, 1000)]
    input: Input
    output: Output
    file_sha256: Sha256


@dataclass(frozen=True, kw_only=True)
class Parity:
    """How the exported file compared with PyTorch on real clips when it was made."""

    videos: Count
    top1_agreement: Share
    max_abs_logit_diff: Difference
    mean_abs_logit_diff: Difference
    accuracy_pytorch: Share | None
    accuracy_onnx: Share | None


@dataclass(frozen=True, kw_only=True)
class SelfTest:
    """PyTorch's logits for a generated clip; see `vidcls.selftest`."""

    input: Literal["pattern-1"]
    height: Annotated[int, Range(1, 4096)]
    width: Annotated[int, Range(1, 4096)]
    logits: Annotated[tuple[Logit, ...], LABELS]
    tolerance: Annotated[float, Above(0), Range(0, 1e9)]
