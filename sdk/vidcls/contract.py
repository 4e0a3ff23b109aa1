"""What a model says of itself: one JSON text, read strictly and written exactly.

Training writes a `Contract` as `vidcls.json` beside the checkpoint. Export adds what only the
exported file has and embeds a `ModelContract` in the ONNX file's metadata under the key `vidcls`.
The SDK reads it from there and takes every setting from it; nothing has a default.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from vidcls.errors import ModelError
from vidcls.schema import Above, FieldError, Range, check_fields, read_fields, read_json

FORMAT = 1
METADATA_KEY = "vidcls"
CHECKPOINT_FILE = "vidcls.json"

AnyContract = TypeVar("AnyContract", bound="Contract")

# What fields of several sections hold.
Count = Annotated[int, Range(1)]
Share = Annotated[float, Range(0, 1)]
Positive = Annotated[float, Above(0)]
Difference = Annotated[float, Range(0)]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Which frames of a video the model is given; see `vidcls.sampling`."""

    rule: Literal["uniform"]
    frames: Count
    clip_seconds: Positive


@dataclass(frozen=True, kw_only=True)
class Image:
    """How an upright uint8 RGB frame becomes model input; see `vidcls.preprocessing`.

    Sizes are pixels; `mean` and `std` are of values 0..1, in RGB order.
    """

    resize: Literal["shortest_edge", "stretch"]
    resize_size: Count
    crop_size: Count
    interpolation: Literal["bilinear"]
    antialias: Literal[True]
    channels: Literal["rgb"]
    mean: tuple[float, float, float]
    std: tuple[Positive, Positive, Positive]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the weights come from. `base` is null for a model trained from scratch."""

    architecture: str
    base: str | None
    base_license: str | None
    checkpoint_sha256: str
    data: dict[str, Annotated[int, Range(0)]] | None
    versions: dict[str, str]
    created: str


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Accuracy measured after training, over whole videos."""

    split: str
    videos: Count
    views: Count
    crops: Literal[1, 3]
    top1: Share
    top5: Share


@dataclass(frozen=True, kw_only=True)
class Input:
    """The graph's input: float32 is normalised BTCHW, uint8 is raw RGB BTHWC."""

    name: str
    dtype: Literal["float32", "uint8"]
    layout: Literal["BTCHW", "BTHWC"]
    normalised: bool


@dataclass(frozen=True, kw_only=True)
class Output:
    """The graph's output: logits [batch, labels]."""

    name: str
    dtype: Literal["float32"]


@dataclass(frozen=True, kw_only=True)
class Model:
    """The exported graph itself."""

    precision: Literal["fp32", "fp16", "int8"]
    graph: Literal["onnxruntime", "portable"]
    opset: Count
    input: Input
    output: Output
    file_sha256: str


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
    height: Count
    width: Count
    logits: tuple[float, ...]
    tolerance: Positive


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What a trained checkpoint says of itself (`vidcls.json`)."""

    format: int
    labels: tuple[str, ...]
    sampling: Sampling
    image: Image
    source: Source
    accuracy: Accuracy | None

    def __post_init__(self) -> None:
        check_fields(self)
        _check_sections(self)


@dataclass(frozen=True, kw_only=True)
class ModelContract(Contract):
    """What an exported ONNX file says of itself (metadata key `vidcls`).

    Examples:
        >>> contract = VideoClassifier("model.onnx").contract
        >>> contract.labels, contract.sampling.frames, contract.model.precision
        (('clap', 'jump', 'turn left', 'wave'), 4, 'fp32')
    """

    model: Model
    parity: Parity | None
    self_test: SelfTest

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_model_sections(self)


def to_json(contract: Contract) -> str:
    """The contract as one JSON text; `from_json` gives back an equal object."""
    return json.dumps(dataclasses.asdict(contract), ensure_ascii=False, indent=1)


def from_json(kind: type[AnyContract], text: str, *, where: str) -> AnyContract:
    """Read a contract strictly.

    Args:
        kind: `Contract` for a checkpoint's, `ModelContract` for an exported file's.
        text: the JSON text.
        where: names the file in error messages.

    Raises:
        ModelError: the text is not JSON, is of another format version, lacks a field, has a field
            too many, or has a value outside its range.
    """
    try:
        fields = read_json(text)
    except ValueError as error:
        raise ModelError(f"{where}: the vidcls contract is not valid JSON ({error}); export the model again") from None
    if not isinstance(fields, dict) or "format" not in fields:
        raise ModelError(f"{where}: the vidcls contract has no field 'format'; export the model again")
    if fields["format"] != FORMAT or isinstance(fields["format"], bool):
        raise ModelError(
            f"{where}: the vidcls contract has format {fields['format']!r}, this vidcls reads format {FORMAT}; "
            "upgrade vidcls (pip install -U vidcls)"
        )
    try:
        return read_fields(kind, fields)
    except FieldError as mismatch:
        raise ModelError(f"{where}: in the vidcls contract, {mismatch}; export the model again") from None


def read_checkpoint(folder: Path) -> Contract:
    """Read `vidcls.json` of a checkpoint folder.

    Raises:
        ModelError: there is none, or it is not a valid contract.
    """
    path = folder / CHECKPOINT_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); train the checkpoint with vidcls-train") from None
    return from_json(Contract, text, where=str(path))


def _check_sections(contract: Contract) -> None:
    """What no field alone can say."""
    labels, image = contract.labels, contract.image
    _require(contract.format == FORMAT, f"'format' is {contract.format!r}, expected {FORMAT}")
    _require(len(labels) > 0, "'labels' is empty, expected one name per class")
    _require(len(set(labels)) == len(labels), "'labels' holds the same name twice")
    if image.resize == "stretch":
        _require(
            image.resize_size == image.crop_size,
            f"'image.resize_size' is {image.resize_size}, expected crop_size {image.crop_size} for resize 'stretch'",
        )
    _require(
        image.resize_size >= image.crop_size,
        f"'image.resize_size' is {image.resize_size}, expected at least crop_size {image.crop_size}",
    )
    _require_sha256(contract.source.checkpoint_sha256, name="source.checkpoint_sha256")


def _check_model_sections(contract: ModelContract) -> None:
    graph_input, self_test = contract.model.input, contract.self_test
    expected = ("BTCHW", True) if graph_input.dtype == "float32" else ("BTHWC", False)
    _require(
        (graph_input.layout, graph_input.normalised) == expected,
        f"'model.input' of dtype {graph_input.dtype} has layout {graph_input.layout!r} and normalised "
        f"{graph_input.normalised}, expected {expected[0]!r} and {expected[1]}",
    )
    _require_sha256(contract.model.file_sha256, name="model.file_sha256")
    _require(
        len(self_test.logits) == len(contract.labels),
        f"'labels' names {len(contract.labels)} classes but 'self_test.logits' holds {len(self_test.logits)} values",
    )


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise FieldError(problem)


def _require_sha256(value: str, *, name: str) -> None:
    ok = len(value) == 64 and set(value) <= set("0123456789abcdef")
    _require(ok, f"'{name}' is {value!r}, expected 64 lower-case hex digits")
