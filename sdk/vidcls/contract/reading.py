"""Contracts as JSON: read strictly, format 1 too, and written exactly."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, TypeVar

from vidcls.contract.contracts import FORMAT, Contract
from vidcls.contract.decision_section import NEUTRAL
from vidcls.contract.sections import Tokens
from vidcls.contract.tokens import tokens_fields
from vidcls.errors import ModelError
from vidcls.files.kinds import why_no_file
from vidcls.schema import FieldError, read_fields, read_json, shown

CHECKPOINT_FILE = "vidcls.json"

AnyContract = TypeVar("AnyContract", bound=Contract)

# 10,000 labels of 256 characters, in UTF-8, twice, and the fingerprints of 200,000 clips: a longer text is not read at
# all.
MAX_BYTES = 32 << 20


def to_json(contract: Contract) -> str:
    """The contract as one JSON text; `from_json` gives back an equal object."""
    fields = {**dataclasses.asdict(contract), "tokens": tokens_fields(contract.tokens)}
    return json.dumps(fields, ensure_ascii=False, indent=1)


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
    if type(fields["format"]) is not int or fields["format"] not in (1, FORMAT):
        raise ModelError(
            f"{where}: the vidcls contract has format {shown(fields['format'])}, this vidcls reads formats 1 and "
            f"{FORMAT}; upgrade vidcls (pip install -U vidcls)"
        )
    try:
        return read_fields(kind, _as_format_2(fields) if fields["format"] == 1 else fields)
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


def _as_format_2(fields: dict[str, Any]) -> dict[str, Any]:
    """Format 1 with what format 2 added, at the values that change nothing; a field that format 1 had not stays one."""
    added = {"decision": dataclasses.asdict(NEUTRAL), "tokens": tokens_fields(Tokens(rule="all"))}
    for name in added:
        if name in fields:
            raise FieldError(f"the field '{name}' is unknown in format 1")
    source = fields.get("source")
    if isinstance(source, dict):
        if "clips" in source:
            raise FieldError("the field 'source.clips' is unknown in format 1")
        source = {**source, "clips": None}
    return {**fields, **added, "format": FORMAT} | ({} if source is None else {"source": source})
