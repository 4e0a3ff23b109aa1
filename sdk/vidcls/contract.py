"""What a model says of itself: one JSON text, read strictly and written exactly.

Training writes a `Contract` as `vidcls.json` beside the checkpoint. Export adds what only the
exported file has and embeds a `ModelContract` in the ONNX file's metadata under the key `vidcls`.
The SDK reads it from there and takes every setting from it; nothing has a default.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from vidcls.errors import ModelError

FORMAT = 1
METADATA_KEY = "vidcls"
CHECKPOINT_FILE = "vidcls.json"

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Which frames of a video the model looks at; see `vidcls.sampling`."""

    rule: Literal["uniform"]
    frames: int
    clip_seconds: float


@dataclass(frozen=True, kw_only=True)
class Image:
    """How an upright uint8 RGB frame becomes model input; see `vidcls.preprocessing`.

    Sizes are pixels; `mean` and `std` are of values 0..1, in RGB order.
    """

    resize: Literal["shortest_edge", "stretch"]
    resize_size: int
    crop_size: int
    interpolation: Literal["bilinear"]
    antialias: Literal[True]
    channels: Literal["rgb"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the weights come from. `base` is null for a model trained from scratch."""

    architecture: str
    base: str | None
    base_license: str | None
    checkpoint_sha256: str
    data: dict[str, int] | None
    versions: dict[str, str]
    created: str


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Accuracy measured after training, in shares 0..1, over whole videos."""

    split: str
    videos: int
    views: int
    crops: int
    top1: float
    top5: float


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
    opset: int
    input: Input
    output: Output
    file_sha256: str


@dataclass(frozen=True, kw_only=True)
class Parity:
    """How the exported file compared with PyTorch on real clips when it was made."""

    videos: int
    top1_agreement: float
    max_abs_logit_diff: float
    mean_abs_logit_diff: float
    accuracy_pytorch: float | None
    accuracy_onnx: float | None


@dataclass(frozen=True, kw_only=True)
class SelfTest:
    """PyTorch's logits for a generated clip; see `vidcls.selftest`."""

    input: Literal["pattern-1"]
    height: int
    width: int
    logits: tuple[float, ...]
    tolerance: float


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
        _check_values(self)


@dataclass(frozen=True, kw_only=True)
class ModelContract(Contract):
    """What an exported ONNX file says of itself (metadata key `vidcls`)."""

    model: Model
    parity: Parity | None
    self_test: SelfTest

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_model_values(self)


def to_json(contract: Contract) -> str:
    """The contract as one JSON text; `from_json` gives back an equal object."""
    return json.dumps(dataclasses.asdict(contract), ensure_ascii=False, indent=1)


def from_json(kind: type[T], text: str, *, where: str) -> T:
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
        # NaN and Infinity are not JSON; Python's reader would take them.
        fields = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{where}: the vidcls contract is not valid JSON ({error}); export the model again") from None
    if not isinstance(fields, dict) or "format" not in fields:
        raise ModelError(f"{where}: the vidcls contract has no field 'format'; export the model again")
    if fields["format"] != FORMAT or isinstance(fields["format"], bool):
        raise ModelError(
            f"{where}: the vidcls contract has format {fields['format']!r}, this vidcls reads format {FORMAT}; "
            "upgrade vidcls (pip install -U vidcls)"
        )
    try:
        return typing.cast(T, _read(kind, fields, name=""))
    except _MismatchError as mismatch:
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


class _MismatchError(ValueError):
    """A field does not hold what the contract says it holds."""


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not a JSON number")


def _read(kind: Any, value: Any, *, name: str) -> Any:
    """`value`, as parsed from JSON, checked against and turned into the annotated type `kind`."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:  # only ever "X | None"
        return None if value is None else _read(arguments[0], value, name=name)
    if origin is Literal:
        if not any(value == choice and type(value) is type(choice) for choice in arguments):
            choices = ", ".join(json.dumps(choice) for choice in arguments)
            raise _MismatchError(f"'{name}' is {value!r}, expected one of: {choices}")
        return value
    if dataclasses.is_dataclass(kind):
        return _read_section(kind, value, name=name)
    if origin is tuple:
        if not isinstance(value, list):
            raise _MismatchError(f"'{name}' is {value!r}, expected a list")
        if arguments[-1] is not Ellipsis and len(value) != len(arguments):
            raise _MismatchError(f"'{name}' has {len(value)} entries, expected {len(arguments)}")
        return tuple(_read(arguments[0], item, name=f"{name}[{index}]") for index, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise _MismatchError(f"'{name}' is {value!r}, expected an object")
        return {key: _read(arguments[1], item, name=f"{name}.{key}") for key, item in value.items()}
    if kind is float and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise _MismatchError(f"'{name}' is a number of {len(str(value))} digits, too large") from None
    if type(value) is not kind:
        raise _MismatchError(f"'{name}' is {value!r}, expected a value of type {kind.__name__}")
    return value


def _read_section(kind: Any, value: Any, *, name: str) -> Any:
    if not isinstance(value, dict):
        raise _MismatchError(f"'{name}' is {value!r}, expected an object")
    prefix = f"{name}." if name else ""
    annotations = typing.get_type_hints(kind)
    for field in annotations:
        if field not in value:
            raise _MismatchError(f"the field '{prefix}{field}' is missing")
    for field in value:
        if field not in annotations:
            raise _MismatchError(f"the field '{prefix}{field}' is unknown")
    return kind(**{field: _read(annotations[field], value[field], name=f"{prefix}{field}") for field in annotations})


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise _MismatchError(problem)


def _require_sha256(value: str, *, name: str) -> None:
    ok = len(value) == 64 and set(value) <= set("0123456789abcdef")
    _require(ok, f"'{name}' is {value!r}, expected 64 lower-case hex digits")


def _check_values(contract: Contract) -> None:
    sampling, image, accuracy = contract.sampling, contract.image, contract.accuracy
    _require(contract.format == FORMAT, f"'format' is {contract.format!r}, expected {FORMAT}")
    _require(len(contract.labels) > 0, "'labels' is empty, expected one name per class")
    _require(len(set(contract.labels)) == len(contract.labels), "'labels' holds the same name twice")
    _require(sampling.frames >= 1, f"'sampling.frames' is {sampling.frames}, expected at least 1")
    seconds = sampling.clip_seconds
    _require(math.isfinite(seconds) and seconds > 0, f"'sampling.clip_seconds' is {seconds}, expected more than 0")
    _require(image.crop_size >= 1, f"'image.crop_size' is {image.crop_size}, expected at least 1")
    if image.resize == "stretch":
        _require(
            image.resize_size == image.crop_size,
            f"'image.resize_size' is {image.resize_size}, expected crop_size {image.crop_size} for resize 'stretch'",
        )
    _require(
        image.resize_size >= image.crop_size,
        f"'image.resize_size' is {image.resize_size}, expected at least crop_size {image.crop_size}",
    )
    _require(all(math.isfinite(mean) for mean in image.mean), f"'image.mean' is {image.mean}, expected finite numbers")
    _require(
        all(math.isfinite(std) and std > 0 for std in image.std),
        f"'image.std' is {image.std}, expected numbers above 0",
    )
    _require_sha256(contract.source.checkpoint_sha256, name="source.checkpoint_sha256")
    for split, videos in (contract.source.data or {}).items():
        _require(videos >= 0, f"'source.data.{split}' is {videos}, expected at least 0")
    if accuracy is not None:
        _require(accuracy.videos >= 1, f"'accuracy.videos' is {accuracy.videos}, expected at least 1")
        _require(accuracy.views >= 1, f"'accuracy.views' is {accuracy.views}, expected at least 1")
        _require(accuracy.crops in (1, 3), f"'accuracy.crops' is {accuracy.crops}, expected 1 or 3")
        _require_share(accuracy.top1, name="accuracy.top1")
        _require_share(accuracy.top5, name="accuracy.top5")


def _check_model_values(contract: ModelContract) -> None:
    model, parity, self_test = contract.model, contract.parity, contract.self_test
    expected = ("BTCHW", True) if model.input.dtype == "float32" else ("BTHWC", False)
    _require(
        (model.input.layout, model.input.normalised) == expected,
        f"'model.input' of dtype {model.input.dtype} has layout {model.input.layout!r} and normalised "
        f"{model.input.normalised}, expected {expected[0]!r} and {expected[1]}",
    )
    _require(model.opset >= 1, f"'model.opset' is {model.opset}, expected at least 1")
    _require_sha256(model.file_sha256, name="model.file_sha256")
    if parity is not None:
        _require(parity.videos >= 1, f"'parity.videos' is {parity.videos}, expected at least 1")
        _require_share(parity.top1_agreement, name="parity.top1_agreement")
        for name in ("max_abs_logit_diff", "mean_abs_logit_diff"):
            value = getattr(parity, name)
            _require(math.isfinite(value) and value >= 0, f"'parity.{name}' is {value}, expected at least 0")
        for name in ("accuracy_pytorch", "accuracy_onnx"):
            if getattr(parity, name) is not None:
                _require_share(getattr(parity, name), name=f"parity.{name}")
    _require(
        self_test.height >= 1 and self_test.width >= 1,
        f"'self_test' is {self_test.width} x {self_test.height} pixels, expected at least 1 x 1",
    )
    _require(
        len(self_test.logits) == len(contract.labels),
        f"'labels' names {len(contract.labels)} classes but 'self_test.logits' holds {len(self_test.logits)} values",
    )
    _require(all(math.isfinite(logit) for logit in self_test.logits), "'self_test.logits' holds a value not finite")
    _require(
        math.isfinite(self_test.tolerance) and self_test.tolerance > 0,
        f"'self_test.tolerance' is {self_test.tolerance}, expected more than 0",
    )


def _require_share(value: float, *, name: str) -> None:
    _require(0 <= value <= 1, f"'{name}' is {value}, expected a share from 0 to 1")
