"""The kept model's answers as a table, with all that is needed to fit its decision anew."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vidcls.contract import Contract
from vidcls.decision import known, probabilities, thresholds, top_class
from vidcls.printable import csv_cell
from vidcls.video.source import source_name
from vidcls_train.data.clip_list import Clip
from vidcls_train.output.negatives import Negatives
from vidcls_train.output.scored import Scored

_HEADER = ["split", "video", "label", "predicted", "score", "known", "logits"]


def write_predictions(
    path: Path, contract: Contract, *, val: Scored, test: Scored | None, negatives: Negatives | None
) -> None:
    """Write a row for each validation, test and negative video, in this order.

    predicted: the top-1 label; of a model whose labels may hold together, those that reach their thresholds, joined by
    "|". score: the top-1 label's calibrated probability. known: "true" or "false". logits: a JSON array in the order of
    the contract's labels, exact.

    Args:
        path: ending in .csv.
        contract: with the decision that the answers follow from.
    """
    rows: list[list[str]] = []
    for split, scored in (("val", val), ("test", test)):
        if scored is not None:
            names = [(_name(clip), clip.label) for clip in scored.clips]
            rows += _rows(split, names, scored.logits, contract)
    if negatives is not None:
        names = [(source_name(video), "") for video in negatives.videos]
        rows += _rows("negatives", names, negatives.logits, contract)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([_HEADER, *([csv_cell(value) for value in row] for row in rows)])


def _rows(
    split: str, names: Sequence[tuple[str, str]], logits: npt.NDArray[np.float32], contract: Contract
) -> Iterator[list[str]]:
    labels, decision = contract.labels, contract.decision
    found = zip(
        names,
        logits,
        top_class(logits, labels, decision),
        probabilities(logits, decision),
        known(logits, labels, decision),
        strict=True,
    )
    for (video, label), row, top, shares, is_known in found:
        present = shares >= thresholds(labels, decision)
        several = "|".join(name for name, is_present in zip(labels, present, strict=True) if is_present)
        predicted = labels[top] if decision.activation == "softmax" else several
        yield [split, video, label, predicted, f"{shares[top]:.6f}", json.dumps(bool(is_known)), _exact(row)]


def _name(clip: Clip) -> str:
    """Of its file, and which stretch of it."""
    return str(clip.footage) if clip.stretch else source_name(clip.path)


def _exact(logits: npt.NDArray[np.float32]) -> str:
    """float32 as a JSON array with as many digits as tell them apart."""
    return json.dumps([float(str(value)) for value in logits])
