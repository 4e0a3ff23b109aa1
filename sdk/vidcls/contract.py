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
from vidcls.files.kinds import why_no_file
from vidcls.schema import FieldError, check_fields, read_fields, read_json, shown
from vidcls.schema.bounds import Above, Entries, HexDigits, Range, Text

FORMAT = 1
METADATA_KEY = "vidcls"
CHECKPOINT_FILE = "vidcls.json"

AnyContract = TypeVar("AnyContract", bound="Contract")

# 10,000 labels of 256 characters, in UTF-8, and room for the rest: a longer text is not read at all.
MAX_BYTES = 12 << 20
# What a clip and the self-test's may hold altogether, frames x height x width: 1,024 frames of 256 x 256, and 1,024 of
# more than 320 x 240. The fields' own ranges alone would allow clips of 50 GB.
MAX_CLIP_PIXELS = 1 << 26
MAX_SELF_TEST_PIXELS = 1 << 27

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
class Source:
    """Where the weights come from. `base` is null for a model trained from scratch."""

    architecture: Name
    base: Place | None
    base_license: Name | None
    checkpoint_sha256: Sha256
    data: Annotated[dict[Name, Annotated[int, Range(0, 1_000_000_000)]], Entries(0, 100)] | None
    versions: Annotated[dict[Name, Name], Entries(0, 100)]
    created: Name


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


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What a trained checkpoint says of itself (`vidcls.json`)."""

    format: int
    labels: Annotated[tuple[Annotated[str, LABEL], ...], LABELS]
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
            too many, or has a number or a text outside its range.
    """
    try:
        fields = read_json(text)
    except ValueError as error:
        raise ModelError(f"{where}: the vidcls contract is not valid JSON ({error}); export the model again") from None
    if not isinstance(fields, dict) or "format" not in fields:
        raise ModelError(f"{where}: the vidcls contract has no field 'format'; export the model again")
    if fields["format"] != FORMAT or isinstance(fields["format"], bool):
        raise ModelError(
            f"{where}: the vidcls contract has format {shown(fields['format'])}, this vidcls reads format {FORMAT}; "
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
    problem = why_no_file(path)
    if problem is not None:
        raise ModelError(f"{path}: cannot be read ({problem}); train the checkpoint with vidcls-train")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); train the checkpoint with vidcls-train") from None
    if len(content) > MAX_BYTES:
        raise ModelError(
            f"{path}: has more than {MAX_BYTES:,} bytes, which no contract has; train the checkpoint again"
        )
    return from_json(Contract, text, where=str(path))


def _check_sections(contract: Contract) -> None:
    """What no field alone can say."""
    labels, image = contract.labels, contract.image
    pixels = contract.sampling.frames * image.crop_size**2
    _require(contract.format == FORMAT, f"'format' is {contract.format!r}, expected {FORMAT}")
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
    _require(
        pixels <= MAX_CLIP_PIXELS,
        f"'sampling.frames' times 'image.crop_size' squared is {pixels:,}, expected at most {MAX_CLIP_PIXELS:,} pixels",
    )


def _check_model_sections(contract: ModelContract) -> None:
    graph_input, self_test = contract.model.input, contract.self_test
    expected = ("BTCHW", True) if graph_input.dtype == "float32" else ("BTHWC", False)
    _require(
        (graph_input.layout, graph_input.normalised) == expected,
        f"'model.input' of dtype {graph_input.dtype} has layout {graph_input.layout!r} and normalised "
        f"{graph_input.normalised}, expected {expected[0]!r} and {expected[1]}",
    )
    pixels = contract.sampling.frames * self_test.height * self_test.width
    _require(
        pixels <= MAX_SELF_TEST_PIXELS,
        f"'self_test.height' times 'self_test.width' times 'sampling.frames' is {pixels:,}, expected at most "
        f"{MAX_SELF_TEST_PIXELS:,} pixels",
    )
    _require(
        len(self_test.logits) == len(contract.labels),
        f"'labels' names {len(contract.labels)} classes but 'self_test.logits' holds {len(self_test.logits)} values",
    )


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise FieldError(problem)
