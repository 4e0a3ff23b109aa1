"""What a teacher says of itself, a checkpoint folder or an exported file: read, and checked, without PyTorch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from huggingface_hub import ModelCard, snapshot_download
from huggingface_hub.errors import HFValidationError

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
    PREPROCESSOR_FILES,
    Weights,
    find_preprocessor,
    find_weights,
    read_labels,
)
from vidcls.printable import printable
from vidcls.runtime.model import read_contract
from vidcls_train.data.clip_list import MULTI_LABEL, ProblemType
from vidcls_train.data.hub_problem import hub_problem

# Weights are in one file, or in parts with an index.
_WANTED = [CONFIG_FILE, CHECKPOINT_FILE, *PREPROCESSOR_FILES, "README.md", "model*.safetensors*"]

# What a config.json of transformers calls a clip's frames and their size in pixels, by its model_type.
_SHAPES = {
    "videomae": ("num_frames", "image_size"),
    "timesformer": ("num_frames", "image_size"),
    "vivit": ("num_frames", "image_size"),
    "vjepa2": ("frames_per_clip", "crop_size"),
}
_NAMED_AT_MOST = 5


@dataclass(frozen=True, kw_only=True)
class TeacherFile:
    """A teacher before its weights are loaded.

    path: the checkpoint's folder, or the exported file. contract: its own; of a plain checkpoint of Hugging Face what
    its files stand for, with a temperature of 1. sha256: of its weights, or of the exported file as its contract
    records it. weight_bytes: how large these files are.
    """

    path: Path
    contract: Contract
    sha256: str
    weight_bytes: int

    @property
    def is_exported(self) -> bool:
        """Whether onnxruntime answers, not PyTorch."""
        return self.path.is_file()

    @property
    def name(self) -> str:
        """Of the file or the folder, without those that it lies in."""
        return self.path.resolve().name


def read_teacher(teacher: str) -> TeacherFile:
    """What a teacher says of itself.

    Args:
        teacher: a checkpoint folder made by vidcls-train, one of a video classifier of Hugging Face's or its id on the
            hub, or a file made by vidcls-export.

    Raises:
        ModelError: it is none of these, its files are damaged or contradict each other.
    """
    path = Path(teacher)
    if path.is_file():
        exported = read_contract(path)
        return TeacherFile(
            path=path,
            contract=exported,
            sha256=exported.model.file_sha256,
            weight_bytes=path.stat().st_size,
        )
    folder = path if path.is_dir() else _fetched(teacher)
    weights = find_weights(folder)
    sha256 = _sha256(weights.files)
    contract = (
        read_checkpoint(folder)
        if (folder / CHECKPOINT_FILE).exists()
        else _plain_contract(folder, weights, sha256=sha256)
    )
    if contract.source.checkpoint_sha256 != sha256:
        raise ModelError(
            f"{weights.files[0]}: is not the file that {CHECKPOINT_FILE} was written for (its SHA-256 is {sha256}, "
            f"expected {contract.source.checkpoint_sha256}); copy the whole checkpoint again"
        )
    return TeacherFile(
        path=folder, contract=contract, sha256=sha256, weight_bytes=sum(file.stat().st_size for file in weights.files)
    )


def check_teacher(teacher: TeacherFile, labels: tuple[str, ...], problem_type: ProblemType) -> None:
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


def teacher_notices(teacher: TeacherFile, labels: tuple[str, ...], *, clip_seconds: float) -> list[str]:
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


def _fetched(teacher: str) -> Path:
    """The folder of a checkpoint on the hub."""
    none = f"--teacher {teacher}: there is no such folder or file"
    try:
        return Path(snapshot_download(teacher, allow_patterns=_WANTED))
    except HFValidationError:
        raise ModelError(f"{none}; name a checkpoint folder, or a file that vidcls-export made") from None
    except OSError as error:
        raise ModelError(
            f"{none}, and the Hugging Face hub does not give a model of that name ({hub_problem(error)})"
        ) from None


def _sha256(files: tuple[Path, ...]) -> str:
    """Of the files, one after the other."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _plain_contract(folder: Path, weights: Weights, *, sha256: str) -> Contract:
    """The contract of a checkpoint that has none."""
    fields = _read_config(folder)
    frames, size = (_number(folder, fields, name) for name in _SHAPES[fields["model_type"]])
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
                base=folder.resolve().name,
                base_license=_card_license(folder),
                checkpoint_sha256=sha256,
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


def _outputs(folder: Path, weights: Weights) -> int:
    if weights.outputs is None:
        raise ModelError(f"--teacher {folder}: has no trained classifier; fine-tune it first, with vidcls-train --base")
    return weights.outputs


def _number(folder: Path, fields: dict[str, Any], name: str) -> int:
    if type(fields.get(name)) is not int:
        raise ModelError(f"{folder / CONFIG_FILE}: does not say how many '{name}' there are; copy the file again")
    return int(fields[name])


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
    if kind not in _SHAPES:
        raise ModelError(f"{path}: is of a {printable(str(kind))}, expected one of {', '.join(_SHAPES)}")
    names = fields.get("architectures")
    if not isinstance(names, list) or not any(str(name).endswith("ForVideoClassification") for name in names):
        raise ModelError(f"--teacher {folder}: has no trained classifier; fine-tune it first, with vidcls-train --base")
    return fields


def _card_license(folder: Path) -> str | None:
    """The licence in the model card's metadata; None where there is no card or it names none."""
    card = folder / "README.md"
    if not card.is_file():
        return None
    try:
        licence = ModelCard.load(card, ignore_metadata_errors=True).data.get("license")
    except (OSError, ValueError):
        return None
    return licence if isinstance(licence, str) else None
