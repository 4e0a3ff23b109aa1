"""What a teacher says of itself, a checkpoint folder or an exported file: read, and checked, without PyTorch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from vidcls.contract import (
    CHECKPOINT_FILE,
    FORMAT,
    NEUTRAL,
    TOKEN_CHOICES,
    Contract,
    Sampling,
    Source,
    read_checkpoint,
)
from vidcls.errors import ArgumentError, ModelError
from vidcls.huggingface import (
    CONFIG_FILE,
    DEFAULT_CLIP_SECONDS,
    PREPROCESSOR_FILE,
    SIZE_NAMES,
    Weights,
    find_preprocessor,
    find_weights,
    read_clip_sizes,
    read_labels,
    weights_sha256,
)
from vidcls.huggingface.hub import check_on_hub, fetched, read_card
from vidcls.huggingface.hub_names import CARD_FILE, snapshot_name
from vidcls.printable import printable
from vidcls_train.data.clip_list import MULTI_LABEL, ProblemType

_EXPECTED = "a checkpoint's folder, a file that vidcls-export made, or a model on the hub"
_INSTEAD = "give --teacher FOLDER"
_NOT_HASHED = "0" * 64
_NAMED_AT_MOST = 5


@dataclass(frozen=True, kw_only=True)
class TeacherDescription:
    """What a teacher says of itself, before its weights are read.

    path: the checkpoint's folder, or the exported file. contract: its own; of a plain checkpoint of Hugging Face what
    its files stand for, with a temperature of 1. weight_files: of a checkpoint; of an exported file itself.
    """

    path: Path
    contract: Contract
    weight_files: tuple[Path, ...]

    @property
    def is_exported(self) -> bool:
        """Whether onnxruntime answers, not PyTorch."""
        return self.path.is_file()

    @property
    def name(self) -> str:
        """As on the hub, or of the file or the folder, without those that it lies in."""
        return _name_of(self.path)

    @property
    def weight_bytes(self) -> int:
        """How large the files with its weights are."""
        return sum(file.stat().st_size for file in self.weight_files)


@dataclass(frozen=True, kw_only=True)
class TeacherFile(TeacherDescription):
    """A teacher whose weights are those that it speaks of, before they are loaded.

    sha256: of its weights, or of the exported file as its contract records it.
    """

    sha256: str


def describe_teacher(teacher: str) -> TeacherDescription | None:
    """What a teacher on this machine says of itself; None of one on the hub, which is only known to be there.

    However large its weights are, this takes no time; `read_teacher` compares them with what is said of them.

    Args:
        teacher: as for `read_teacher`.

    Raises:
        ModelError: it is none of these, its files contradict each other, or neither cache nor hub have such a model.
    """
    path = Path(teacher)
    if path.is_file():
        from vidcls.runtime.model import stated_contract  # noqa: PLC0415 - loads NumPy, and few have such a teacher

        return TeacherDescription(path=path, contract=stated_contract(path), weight_files=(path,))
    if path.is_dir():
        return _described(path)
    with _named_teacher():
        check_on_hub(teacher, expected=_EXPECTED, instead=_INSTEAD)
    return None


def read_teacher(teacher: str) -> TeacherFile:
    """What a teacher says of itself, once its weights are found to be those that it speaks of.

    Args:
        teacher: a checkpoint folder made by vidcls-train, one of a video classifier of Hugging Face's or its id on the
            hub, or a file made by vidcls-export.

    Raises:
        ModelError: it is none of these, its files are damaged or contradict each other.
    """
    path = Path(teacher)
    if path.is_file():
        from vidcls.runtime.model import read_contract  # noqa: PLC0415 - as above

        exported = read_contract(path)
        return TeacherFile(path=path, contract=exported, weight_files=(path,), sha256=exported.model.file_sha256)
    if not path.is_dir():
        with _named_teacher():
            path = fetched(teacher, expected=_EXPECTED, instead=_INSTEAD)
    said = _described(path)
    sha256, stated = weights_sha256(said.weight_files), said.contract.source.checkpoint_sha256
    if stated not in (sha256, _NOT_HASHED):
        raise ModelError(
            f"{said.weight_files[0]}: is not the file that {CHECKPOINT_FILE} was written for (its SHA-256 is {sha256}, "
            f"expected {stated}); copy the whole checkpoint again"
        )
    contract = replace(said.contract, source=replace(said.contract.source, checkpoint_sha256=sha256))
    return TeacherFile(path=path, contract=contract, weight_files=said.weight_files, sha256=sha256)


def check_teacher(teacher: TeacherDescription, labels: tuple[str, ...], problem_type: ProblemType) -> None:
    """Refuse a teacher that cannot answer for all of the student's labels.

    Args:
        labels: the student's.
        problem_type: whether a clip of the student's has one label, or any number.

    Raises:
        ValueError: labels are missing, or one of both may give a clip several labels and the other may not.
    """
    expected = "sigmoid" if problem_type == MULTI_LABEL else "softmax"
    found = teacher.contract.decision.activation
    if found != expected:
        several, one = "any number of labels a clip", "one label a clip"
        own, others = (several, one) if found == "sigmoid" else (one, several)
        raise ArgumentError(
            f"--teacher {teacher.path}: was trained for {own}, and the data has {others}; take a teacher that was "
            f"trained for {others}"
        )
    missing = [label for label in labels if label not in teacher.contract.labels]
    if missing:
        shown = ", ".join(f"'{printable(label)}'" for label in missing[:_NAMED_AT_MOST])
        more = f" and {len(missing) - _NAMED_AT_MOST} more" if len(missing) > _NAMED_AT_MOST else ""
        raise ArgumentError(
            f"--teacher {teacher.path}: does not know the label{'s' * (len(missing) > 1)} {shown}{more} of the data; "
            "take a teacher that knows all of them, by the same names"
        )


def teacher_notices(teacher: TeacherDescription, labels: tuple[str, ...], *, clip_seconds: float) -> list[str]:
    """What is to be said of a teacher before it teaches.

    Args:
        labels: the student's, which it knows.
        clip_seconds: of the student's windows.
    """
    contract, notices = teacher.contract, []
    more = len(contract.labels) - len(labels)
    if more:
        alone = ", and its probabilities are those of the others alone"
        how = "" if contract.decision.activation == "sigmoid" else alone
        notices.append(f"--teacher {teacher.path}: {more} of its {len(contract.labels)} labels are left out{how}")
    own = contract.sampling.clip_seconds
    if abs(own - clip_seconds) > 0.01 * own:
        notices.append(
            f"--teacher {teacher.path}: was trained on windows of {own:.2f} s, and is given the student's, of "
            f"{clip_seconds:.2f} s (--clip-seconds {own:.4g} makes them alike)"
        )
    licence = contract.source.base_license
    if licence is not None:
        notices.append(f"--teacher {teacher.path}: its weights are licensed {licence}")
    return notices


@contextmanager
def _named_teacher() -> Iterator[None]:
    """Within, what is refused of a name is said of the option that it was given by."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"--teacher {error}") from None


def _described(folder: Path) -> TeacherDescription:
    """Of a checkpoint's folder."""
    weights = find_weights(folder)
    has_contract = (folder / CHECKPOINT_FILE).exists()
    contract = read_checkpoint(folder) if has_contract else _plain_contract(folder, weights)
    return TeacherDescription(path=folder, contract=contract, weight_files=weights.files)


def _plain_contract(folder: Path, weights: Weights) -> Contract:
    """The contract of a checkpoint that has none."""
    fields = _read_config(folder)
    frames, size = read_clip_sizes(folder / CONFIG_FILE, fields["model_type"], fields)
    preprocessor = find_preprocessor(folder)
    if preprocessor is None:
        raise ModelError(
            f"--teacher {folder}: has no {PREPROCESSOR_FILE}, which says how frames become its input; copy the whole "
            "checkpoint"
        )
    image = preprocessor.image
    if image.crop_size != size:
        raise ModelError(
            f"--teacher {folder}: its preprocessor makes pictures of {image.crop_size} pixels, and {CONFIG_FILE} says "
            f"{size}; correct one of them"
        )
    several = fields.get("problem_type") == MULTI_LABEL
    activation: Literal["softmax", "sigmoid"] = "sigmoid" if several else "softmax"
    try:
        return Contract(
            format=FORMAT,
            labels=read_labels(folder / CONFIG_FILE, fields, outputs=_outputs(folder, weights)).names,
            sampling=Sampling(rule="uniform", frames=frames, clip_seconds=DEFAULT_CLIP_SECONDS),
            image=image,
            source=Source(
                architecture=fields["architectures"][0],
                base=_name_of(folder),
                base_license=read_card(folder / CARD_FILE).licence,
                checkpoint_sha256=_NOT_HASHED,
                data=None,
                clips=None,
                versions={},
                created="unknown",
            ),
            accuracy=None,
            decision=replace(NEUTRAL, activation=activation),
            tokens=TOKEN_CHOICES["all"],
        )
    except ValueError as error:
        raise ModelError(f"--teacher {folder}: {error}") from None


def _name_of(path: Path) -> str:
    return snapshot_name(path) or path.resolve().name


def _outputs(folder: Path, weights: Weights) -> int:
    if weights.outputs is None:
        raise ModelError(f"--teacher {folder}: has no trained classifier; fine-tune it first, with vidcls-train --base")
    return weights.outputs


def _read_config(folder: Path) -> dict[str, Any]:
    """The config.json of a video classifier."""
    path = folder / CONFIG_FILE
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read ({printable(str(error))})") from None
    if not isinstance(fields, dict):
        raise ModelError(f"{path}: holds no JSON object; copy the file again")
    kind = fields.get("model_type")
    if kind not in SIZE_NAMES:
        raise ModelError(f"{path}: is of a {printable(str(kind))}, expected one of {', '.join(SIZE_NAMES)}")
    names = fields.get("architectures")
    if not isinstance(names, list) or not any(str(name).endswith("ForVideoClassification") for name in names):
        raise ModelError(f"--teacher {folder}: has no trained classifier; fine-tune it first, with vidcls-train --base")
    return fields
