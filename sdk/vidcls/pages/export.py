"""An export as a page: whether the file answers as PyTorch does, what it is made of, and where the two differ."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vidcls.contract import ModelContract
from vidcls.pages.document import Section, page, section
from vidcls.pages.markup import Content, Markup, name, preformatted, tag
from vidcls.pages.model import decision_section, model_section
from vidcls.pages.operating import chosen_section
from vidcls.pages.players import Shown, clip_list
from vidcls.pages.tables import Card, cards, folded, pairs, table
from vidcls.pages.wording import between


@dataclass(frozen=True, kw_only=True)
class Otherwise:
    """A clip on which the file answers otherwise than PyTorch.

    answer, pytorch_answer, label: class ids; label is None where it is not known.
    margin: by how much PyTorch's logit for its own answer is above that for the file's.
    difference: the largest |logit difference|.
    """

    file: str
    answer: int
    pytorch_answer: int
    label: int | None
    margin: float
    difference: float


@dataclass(frozen=True, kw_only=True)
class Export:
    """What an export has made.

    Attributes:
        file: the name of the model's file.
        contract: what it says of itself.
        file_mb: megabytes of 10^6 bytes.
        latency_ms, latency_pytorch_ms: median of one clip through the model alone.
        ops: {operator: how many}, the most frequent first.
        kept_in_fp32: how many nodes of an fp16 graph stay in fp32.
        failed: how many videos could not be read.
        self_test: (largest |difference|, what verify allows).
        otherwise: the clips on which the answers differ.
        measured: (what, figure) of anything else that was measured on the clips.
        made_with: {package: version}.
        fields: the report as JSON.
    """

    file: str
    contract: ModelContract
    file_mb: float
    latency_ms: float
    latency_pytorch_ms: float
    ops: Mapping[str, int]
    kept_in_fp32: int
    failed: int
    self_test: tuple[float, float]
    otherwise: Sequence[Otherwise]
    measured: Sequence[tuple[str, str]]
    made_with: Mapping[str, str]
    fields: Mapping[str, Any]


def export_page(made: Export, *, frames_of: Callable[[int], npt.NDArray[np.uint8]]) -> str:
    """The page of an export.

    Args:
        made: the figures.
        frames_of: gives uint8 RGB [T, h, w, 3] of a clip by its number in `made.otherwise`.
    """
    model = made.contract.model
    kind = f"{model.precision}, graph for {model.graph}, {name(made.contract.source.architecture)}"
    operators = table(["operator", "nodes"], [(name(key), count) for key, count in made.ops.items()], caption="")
    return page(
        made.file,
        [tag("p", kind, class_="sub"), _verdict(made), cards(_figures(made))],
        [
            _otherwise_section(made, frames_of=frames_of),
            section("Compared with PyTorch", pairs(_comparison_rows(made))),
            decision_section(made.contract),
            chosen_section(made.contract),
            section(
                "Operators",
                tag("p", f"{sum(made.ops.values())} in all{_kept(made)}."),
                folded("All of them", operators),
            ),
            model_section(made.contract),
            section("Made with", pairs(made.made_with.items())),
            section(
                "As JSON", folded("The figures", preformatted(json.dumps(made.fields, indent=1, ensure_ascii=False)))
            ),
        ],
    )


def _verdict(made: Export) -> Markup:
    parity = made.contract.parity
    if parity is None:
        return tag("p", "Unproven: exported without clips to compare with PyTorch on.", class_="verdict bad")
    kind = "bad" if made.otherwise else "good"
    words = f"Gives the answer of the PyTorch model on {parity.videos - len(made.otherwise)} of {parity.videos} clips."
    return tag("p", words, class_=f"verdict {kind}")


def _figures(made: Export) -> Iterable[Card]:
    parity = made.contract.parity
    if parity is not None:
        within = made.fields["top1_agreement_interval"]
        yield Card(name="same top-1 answer", value=f"{parity.top1_agreement:.4f}", note=between(within))
        if parity.accuracy_onnx is not None:
            within = made.fields["accuracy_interval"]
            note = f"{between(within)}; PyTorch {parity.accuracy_pytorch:.4f}"
            yield Card(name="accuracy", value=f"{parity.accuracy_onnx:.4f}", note=note)
        yield Card(name="largest logit difference", value=f"{parity.max_abs_logit_diff:.2g}")
        yield Card(name="mean logit difference", value=f"{parity.mean_abs_logit_diff:.2g}")
    yield Card(name="size", value=f"{made.file_mb:g} MB")
    ratio = made.latency_ms / made.latency_pytorch_ms
    yield Card(name="a clip", value=f"{made.latency_ms:.1f} ms", note=f"{ratio:.2f} of PyTorch's time")


def _comparison_rows(made: Export) -> Iterable[tuple[str, Content]]:
    parity, (difference, tolerance) = made.contract.parity, made.self_test
    if parity is None:
        yield "clips", "none: give --check DATA_DIR to compare on real clips"
    else:
        yield "clips", f"{parity.videos}, one view in the middle of each"
        if made.failed:
            yield "not readable", f"{made.failed} videos, not counted"
        if parity.accuracy_onnx is None:
            yield "accuracy", "unknown: no clip that is new to the model is in a folder named as one of its labels"
    yield from made.measured
    yield "self-test", f"logits within {difference:.2g} of PyTorch's (verify allows {tolerance:.2g})"
    yield "time of a clip", f"{made.latency_ms:.1f} ms, PyTorch {made.latency_pytorch_ms:.1f} ms, on this CPU"


def _kept(made: Export) -> str:
    if made.contract.model.precision != "fp16":
        return ""
    return f", of which {made.kept_in_fp32} stay in fp32 because their numbers came too close to fp16's largest"


def _otherwise_section(made: Export, *, frames_of: Callable[[int], npt.NDArray[np.uint8]]) -> Section:
    if not made.otherwise:
        return section("Answered otherwise")
    order = sorted(range(len(made.otherwise)), key=lambda number: -made.otherwise[number].margin)
    clips = [_shown(number, made.otherwise[number], made.contract.labels) for number in order]
    seconds = made.contract.sampling.clip_seconds
    words = f"{len(clips)} clips, those first on which PyTorch's answer leads by most. The frames are the model's own."
    return section(
        f"Answered otherwise: {len(clips)}",
        tag("p", words, class_="note"),
        clip_list(clips, frames_of, seconds=seconds),
    )


def _shown(number: int, found: Otherwise, labels: Sequence[str]) -> Shown:
    answer, pytorch = (name(labels[class_id], limit=80) for class_id in (found.answer, found.pytorch_answer))
    truth: tuple[tuple[str, Content], ...] = ()
    if found.label is not None:
        truth = (("label", name(labels[found.label], limit=80)),)
    facts = (
        ("file", name(found.file, limit=80)),
        ("answer", tag("b", answer)),
        ("PyTorch", tag("b", pytorch)),
        *truth,
        ("lead", f"{found.margin:.2g}, logits differ by {found.difference:.2g}"),
    )
    return Shown(number=number, facts=facts, alt=f"{found.file}: {answer}, PyTorch {pytorch}")
