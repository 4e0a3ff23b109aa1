"""The labels in a config.json, of a head with so many outputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vidcls.contract import LABEL, LABELS
from vidcls.errors import ModelError
from vidcls.schema import shown


class Labels(NamedTuple):
    """names: in class-id order. notices: sentences for the user."""

    names: tuple[str, ...]
    notices: tuple[str, ...]


def read_labels(path: Path, fields: Mapping[str, Any], *, outputs: int) -> Labels:
    """The names of a classifier's outputs.

    Where the file names none, they are LABEL_0, LABEL_1 and so on, as transformers calls them.

    Args:
        path: the config.json, for messages.
        fields: what it holds.
        outputs: how many the weights of the classifier have.

    Raises:
        ModelError: an output has no name, a name has no output or stands for two, or is none that a label can have.
    """
    if not LABELS.low <= outputs <= LABELS.high:
        raise ModelError(f"{path.parent}: its classifier has {outputs:,} outputs, expected {LABELS.expected}")
    found = fields.get("id2label")
    unnamed = tuple(f"LABEL_{index}" for index in range(outputs))
    notice = (
        f"{path}: id2label does not say what the {outputs} labels are; they are called LABEL_0 to LABEL_{outputs - 1}, "
        "so write their names there, in the order that they were trained in"
    )
    if found is None:
        return Labels(unnamed, (notice,))
    by_index = _by_index(path, found)
    _check_indices(path, by_index, outputs)
    names = tuple(_name(path, index, by_index[index]) for index in range(outputs))
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if name in first:
            raise ModelError(
                f"{path}: id2label names both {first[name]} and {index} {shown(name)}, expected a name of its own for "
                "each; correct the file"
            )
        first[name] = index
    return Labels(names, (notice,) if names == unnamed else ())


def _by_index(path: Path, found: Any) -> dict[int, Any]:
    if not isinstance(found, dict):
        raise ModelError(
            f"{path}: has id2label {shown(found)}, expected an object that names each output by its number; correct "
            "the file"
        )
    by_index: dict[int, Any] = {}
    for key, name in found.items():
        # JSON has texts for keys; a file in Python's own spelling may have been read by who calls this.
        index = int(key) if isinstance(key, int) or (isinstance(key, str) and key.isdecimal()) else None
        if index is None or index in by_index:
            raise ModelError(
                f"{path}: id2label has the key {shown(key)}, expected each output's number once, from 0; correct the "
                "file"
            )
        by_index[index] = name
    return by_index


def _check_indices(path: Path, by_index: dict[int, Any], outputs: int) -> None:
    """Each output has to have a name, and each name an output: else names would slip to other outputs."""
    unnamed = [index for index in range(outputs) if index not in by_index]
    without = sorted(index for index in by_index if index >= outputs)
    if not unnamed and not without:
        return
    problems = []
    if unnamed:
        problems.append(f"none for {_listed(unnamed)}")
    if without:
        problems.append(f"one for {_listed(without)}, which {'is' if len(without) == 1 else 'are'} no output")
    raise ModelError(
        f"{path}: id2label has {len(by_index)} names for the {outputs} outputs of the classifier, "
        f"{' and '.join(problems)}; name 0 to {outputs - 1}, in the order that they were trained in"
    )


def _name(path: Path, index: int, value: Any) -> str:
    # A number is a name too, as in digits; true, null and what holds others are none.
    name = str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    if not name.strip() or not _is_label(name):
        raise ModelError(
            f"{path}: id2label names {index} {shown(value)}, expected a text of {LABEL.expected}; correct the file"
        )
    return name


def _is_label(name: object) -> bool:
    return name in LABEL


def _listed(indices: list[int]) -> str:
    text = ", ".join(map(str, indices[:5]))
    return text if len(indices) <= 5 else f"{text} and {len(indices) - 5} more"
