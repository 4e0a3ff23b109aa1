"""The weights of a checkpoint's folder: which files they are in, and what those say of themselves.

Only safetensors are taken: the other format is a pickle, which can run any code.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from vidcls.errors import ModelError
from vidcls.files.kinds import why_no_file
from vidcls.huggingface.hub_names import cached_name, snapshot_name
from vidcls.printable import printable
from vidcls.schema import read_json

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
SHARDS_FILE = "model.safetensors.index.json"

_PICKLES = ("pytorch_model*.bin", "*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
# What transformers' Trainer leaves beside the weights.
_NO_WEIGHTS = re.compile(r"(training_args|optimizer|scheduler|scaler|rng_state.*)\.(bin|pt|pth)")
_ADAPTER_FILE = "adapter_config.json"
_ANY_CLASS = "AutoModelForVideoClassification"
# What means nothing to a shell, nor to Python, within quotes.
_NAME = re.compile(r"[\w ./:+~@\\-]+")
_STEP = re.compile(r"checkpoint-(\d+)")
# As safetensors has them, the largest header, and its types.
_MAX_HEADER = 100_000_000
_FLOATS = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_WHOLE = ("I64", "I32", "I16", "BOOL")  # of counters and positions
_BLOCK_BYTES = 1 << 20


class Tensor(NamedTuple):
    """What a file says of a weight. kind: as safetensors has it, such as F16."""

    kind: str
    shape: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Where a checkpoint's weights are.

    files: the one file, or the parts of a model that is saved in several, by name. tensors: by name. notices: sentences
    for the user.
    """

    files: tuple[Path, ...]
    tensors: dict[str, Tensor]
    notices: tuple[str, ...]

    @property
    def outputs(self) -> int | None:
        """How many outputs the classifier has; None where there is none."""
        heads = [self.tensors[name] for name in ("classifier.weight", "classifier.bias") if name in self.tensors]
        return next((head.shape[0] for head in heads if head.shape), None)


def find_weights(folder: Path) -> Weights:
    """The weights in a checkpoint's folder; only their headers are read.

    Raises:
        ModelError: there are none in safetensors, a part is missing or cut off, or they are quantised.
    """
    _check_folder(folder)
    single = folder / WEIGHTS_FILE
    files = (single,) if single.is_file() else _parts(folder)
    if not files:
        raise ModelError(_why_none(folder))
    tensors = {name: tensor for path in files for name, tensor in _header(path).items()}
    kinds = Counter(tensor.kind for tensor in tensors.values())
    foreign = sorted(kind for kind in kinds if kind not in _FLOATS and kind not in _WHOLE)
    if foreign or not tensors:
        what = f"are quantised ({', '.join(foreign)})" if foreign else "hold nothing"
        raise ModelError(
            f"{files[0]}: its weights {what}, expected float32, float16 or bfloat16; take another checkpoint"
        )
    other = [_FLOATS[kind] for kind in kinds if kind in _FLOATS and kind != "F32"]
    notice = f"{folder}: its weights are {' and '.join(other)}; they are read as float32, and computed with in that"
    return Weights(files=files, tensors=tensors, notices=(notice,) if other else ())


def weights_sha256(files: tuple[Path, ...]) -> str:
    """SHA-256 of the file with a checkpoint's weights; of one after the other where there are several."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    return digest.hexdigest()


def why_not_safetensors(place: Path | str, names: Iterable[str], *, folder: Path) -> str | None:
    """Why a model's weights are not taken, as a sentence with what to do; None where there are no others either.

    Args:
        place: what the model is called in messages.
        names: of its files.
        folder: its folder, or a snapshot of the hub's, where config.json and the preprocessing are.
    """
    pickles = _pickles(names)
    if not pickles:
        return None
    return (
        f"{place}: its weights are in {pickles[0]}, a pickle, which can run any code when it is opened; if you "
        f"trust it, convert it: {_conversion(folder)}"
    )


def _pickles(names: Iterable[str]) -> list[str]:
    """Those of weights, PyTorch's own first."""
    listed = sorted(names)
    found = [name for kind in _PICKLES for name in listed if fnmatchcase(name, kind)]
    return [name for name in found if _NO_WEIGHTS.fullmatch(name) is None]


def _check_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    if not folder.exists():
        raise ModelError(f"{folder}: there is no such folder")
    if folder.suffix == ".onnx":
        raise ModelError(
            f"{folder}: is an ONNX file, which is exported already and cannot be trained; name the checkpoint folder "
            "that it was made from"
        )
    if folder.name == WEIGHTS_FILE or folder.suffix == ".safetensors":
        raise ModelError(f"{folder}: is a file; name the checkpoint folder that holds it, {folder.resolve().parent}")
    raise ModelError(f"{folder}: is a file; name the checkpoint folder that holds {WEIGHTS_FILE}")


def _parts(folder: Path) -> tuple[Path, ...]:
    """The parts that an index names; none where there is no index."""
    index = folder / SHARDS_FILE
    if not index.exists():
        return ()
    try:
        places = read_json(index.read_text(encoding="utf-8"))["weight_map"]
        names = sorted({str(name) for name in places.values()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ModelError(
            f"{index}: is not an index of weights as transformers writes it; copy the file again"
        ) from None
    for name in names:
        # A name that leads elsewhere is none that transformers writes.
        problem = "is no name of a file beside it" if name != Path(name).name else why_no_file(folder / name)
        if problem is not None:
            raise ModelError(f"{index}: names {printable(name)}, but {problem}; copy the whole checkpoint again")
    return tuple(folder / name for name in names)


def _header(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, whose length has to be what its header says."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > _MAX_HEADER:
                raise ValueError(f"its header would have {length:,} bytes")
            content = file.read(length)
        fields = json.loads(content.decode("utf-8"))
        fields.pop("__metadata__", None)
        end = max((tensor["data_offsets"][1] for tensor in fields.values()), default=0)
        size = path.stat().st_size
        if size != 8 + length + end:
            raise ValueError(f"it has {size:,} bytes, and its header says {8 + length + end:,}")
        return {name: Tensor(str(tensor["dtype"]), tuple(tensor["shape"])) for name, tensor in fields.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        reason = printable(str(error))
        raise ModelError(f"{path}: is not a whole file of safetensors ({reason}); copy it again") from None


def _why_none(folder: Path) -> str:
    """What is in the folder instead of safetensors, as a sentence."""
    if (folder / _ADAPTER_FILE).exists():
        return (
            f"{folder}: is an adapter ({_ADAPTER_FILE}), the change of another model; merge both with peft, and name "
            f"{_merged(folder)} instead, once its config.json names the labels: {_merging(folder)}"
        )
    others = why_not_safetensors(folder, (path.name for path in folder.iterdir()), folder=folder)
    if others is not None:
        return others
    steps = sorted((int(match[1]), path.name) for path in folder.iterdir() if (match := _STEP.fullmatch(path.name)))
    if steps:
        return (
            f"{folder}: holds no {WEIGHTS_FILE}, but the steps of a training; name one of them, such as "
            f"{folder / steps[-1][1]}"
        )
    return _why_none_cached(folder) or (
        f"{folder}: holds no {WEIGHTS_FILE}; name a folder made by vidcls-train or save_pretrained"
    )


def _why_none_cached(folder: Path) -> str | None:
    """What to do with a folder of the hub's cache, as a sentence; None of any other folder."""
    name = cached_name(folder)
    if name is not None:
        return f"{folder}: is where the hub's library keeps {name}; name the model instead, {name}"
    name = snapshot_name(folder)
    if name is None:
        return None
    return (
        f"{folder}: its weights are not in this machine's cache of the hub, which has other files of it; run "
        f"'hf download {name}' where there is a network, or with --local-dir FOLDER elsewhere, and name FOLDER instead"
    )


def _conversion(folder: Path) -> str:
    """The command that writes safetensors beside a pickle, with the class that config.json names.

    A model of the hub's cache, which is the hub's library's own, becomes a folder here, with what it is given.
    """
    names = _fields(folder / CONFIG_FILE).get("architectures")
    name = next((str(name) for name in names if str(name).isidentifier()), None) if isinstance(names, list) else None
    name = name or _ANY_CLASS
    model = snapshot_name(folder)
    if model is None:
        place = _quoted(folder)
        return f'python -c "from transformers import {name} as M; M.from_pretrained({place}).save_pretrained({place})"'
    base, made = _quoted(model), f"{model.rpartition('/')[2]}-safetensors"
    command = f"from transformers import {name} as M; M.from_pretrained({base}).save_pretrained({_quoted(made)})"
    if any(folder.glob("*processor_config.json")):
        command += f"; from transformers import {_processor(name)} as I; "
        command += f"I.from_pretrained({base}).save_pretrained({_quoted(made)})"
    return f'python -c "{command}", and name {made} instead'


def _merging(folder: Path) -> str:
    """The command that merges an adapter, with as many labels as it was trained for, and its model's processor."""
    fields = _fields(folder / _ADAPTER_FILE)
    mapping = fields.get("auto_mapping")
    name = str(mapping.get("base_model_class")) if isinstance(mapping, dict) else ""
    name = name if name.isidentifier() else _ANY_CLASS
    kind = _processor(name)
    outputs = _adapted_outputs(folder)
    labels = "" if outputs is None else f", num_labels={outputs}, ignore_mismatched_sizes=True"
    base, merged = _quoted(fields.get("base_model_name_or_path") or "BASE"), _quoted(_merged(folder))
    return (
        f'python -c "from peft import PeftModel as P; from transformers import {kind} as I, {name} as M; '
        f"P.from_pretrained(M.from_pretrained({base}{labels}), {_quoted(folder)}).merge_and_unload()"
        f'.save_pretrained({merged}); I.from_pretrained({base}).save_pretrained({merged})"'
    )


def _processor(name: str) -> str:
    """What opens the preprocessing of a model of this class."""
    return "AutoVideoProcessor" if name.startswith("VJEPA2") else "AutoImageProcessor"


def _adapted_outputs(folder: Path) -> int | None:
    """How many outputs the classifier has that an adapter brings; None where it brings none."""
    path = folder / "adapter_model.safetensors"
    tensors = _header(path) if path.is_file() else {}
    heads = [tensor for name, tensor in tensors.items() if name.endswith("classifier.weight") and tensor.shape]
    return heads[0].shape[0] if heads else None


def _merged(folder: Path) -> Path:
    return folder.with_name(f"{folder.resolve().name}-merged")


def _fields(path: Path) -> dict[str, Any]:
    try:
        fields = read_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _quoted(text: object) -> str:
    """A text in Python, within a shell's double quotes; a place to be filled in where it could be more than a name."""
    name = str(text) if _NAME.fullmatch(str(text)) else "..."
    return json.dumps(name).replace('"', "'")
