"""The two contracts: a checkpoint's, and an exported file's, which adds what only that has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from vidcls.contract.decision_section import Decision, Label
from vidcls.contract.sections import LABELS, Accuracy, Image, Model, Parity, Sampling, SelfTest, Source, Tokens
from vidcls.contract.tokens import SHARES
from vidcls.schema import FieldError, check_fields, shown

FORMAT = 2

# What a clip and the self-test's may hold altogether, frames x height x width: 1,024 frames of 256 x 256, and 1,024 of
# more than 320 x 240. The fields' own ranges alone would allow clips of 50 GB.
MAX_CLIP_PIXELS = 1 << 26
MAX_SELF_TEST_PIXELS = 1 << 27


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What a trained checkpoint says of itself (`vidcls.json`)."""

    format: int
    labels: Annotated[tuple[Label, ...], LABELS]
    sampling: Sampling
    image: Image
    source: Source
    accuracy: Accuracy | None
    decision: Decision
    tokens: Tokens

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
    _check_decision(contract.decision, labels)
    shares = (None,) if contract.tokens.rule == "all" else SHARES
    _require(
        contract.tokens.share in shares,
        f"'tokens.share' is {contract.tokens.share} with rule '{contract.tokens.rule}', expected "
        f"{' or '.join('none' if share is None else f'{share:g}' for share in shares)}",
    )
    _require(
        pixels <= MAX_CLIP_PIXELS,
        f"'sampling.frames' times 'image.crop_size' squared is {pixels:,}, expected at most {MAX_CLIP_PIXELS:,} pixels",
    )


def _check_decision(decision: Decision, labels: tuple[str, ...]) -> None:
    none, reject, events = decision.none_label, decision.reject, decision.events
    _require(
        none is None or (none in labels and len(labels) > 1),
        f"'decision.none_label' is {shown(none)}, expected one of several 'labels'",
    )
    _require(
        none is None or decision.activation == "softmax",
        f"'decision.none_label' is {shown(none)}, expected null with activation 'sigmoid', where no label need hold",
    )
    _require(
        reject is None or reject.score == "energy" or 0 <= reject.threshold <= 1,
        f"'decision.reject.threshold' is {reject and reject.threshold}, expected from 0 to 1 for a max_probability",
    )
    for label in decision.operating_points or ():
        _require(label in labels and label != none, f"'decision.operating_points' has {shown(label)}, no label to find")
    _require(
        events is None or events.off <= events.on,
        f"'decision.events.off' is {events and events.off}, expected at most 'on', {events and events.on}",
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
