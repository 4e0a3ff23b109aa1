"""An exported model as a folder that NVIDIA's Triton Inference Server serves.

The format is Triton's "model repository"; config.pbtxt is a ModelConfig of its model_config.proto in
protobuf's text format. Triton runs the very ONNX file, with onnxruntime; what comes before the graph,
from the video to the input tensor, stays with the client, which the README in the folder shows.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from vidcls.contract import ModelContract, to_json
from vidcls.errors import ArgumentError
from vidcls.files.atomic import remove_whole, whole_folder
from vidcls.region import Region, region_text

_MAX_BATCH = 32
_BATCHES = (4, 8, 16, _MAX_BATCH)
# How long a request waits for others to share a batch with: little beside what one clip takes.
_QUEUE_MICROSECONDS = 5000

_TYPES = {"float32": "TYPE_FP32", "uint8": "TYPE_UINT8"}

_CONFIG = """\
name: {name}
backend: "onnxruntime"
max_batch_size: {max_batch}
input [
  {{
    name: {input_name}
    data_type: {input_type}
    dims: [ {input_dims} ]
  }}
]
output [
  {{
    name: {output_name}
    data_type: TYPE_FP32
    dims: [ {labels} ]
    label_filename: "labels.txt"
  }}
]
"""

_BATCHING = """\
dynamic_batching {{
  preferred_batch_size: [ {preferred} ]
  max_queue_delay_microseconds: {delay}
}}
"""

_README = """\
# {name}

A model repository for Triton Inference Server: start the server with this folder's parent as `--model-repository`.
It was written by `vidcls-export --triton`; config.pbtxt fits Triton's schema, and the ONNX file is the one that was
exported and proven. No server was run with it.

The server takes tensors, not videos. The client does what comes before, exactly as the model was trained, with vidcls
(`pip install "vidcls" "tritonclient[http]"`; no onnxruntime is needed there, only the contract that vidcls reads):

```python
import sys
from pathlib import Path

import tritonclient.http as triton

from vidcls import Prediction
from vidcls.clips import read_clips
from vidcls.contract import ModelContract, from_json
from vidcls.preprocessing import normalise

contract = from_json(ModelContract, Path("contract.json").read_text(encoding="utf-8"), where="contract.json")
clips = read_clips(sys.argv[1], contract{region})  # of frames uint8 RGB [views, T, h, w, 3]
values = normalise(clips.frames, contract.image) if contract.model.input.normalised else clips.frames

tensor = triton.InferInput({input_name}, list(values.shape), {wire_type})
tensor.set_data_from_numpy(values)
answer = triton.InferenceServerClient("localhost:8000").infer({name_text}, [tensor])
prediction = Prediction.from_logits(
    answer.as_numpy({output_name}).mean(axis=0),
    labels=contract.labels,
    decision=contract.decision,
    clips=clips,
    device="triton",
    preprocess_ms=0.0,
    inference_ms=0.0,
)
print(", ".join(prediction.labels_present) or "none of the labels", prediction.score)
```

What the client must keep to is `contract.json`, the text that the ONNX file carries under the key `vidcls`:

- sampling: {frames} frames, spread evenly over {seconds:.4g} s in the middle of the video
- pixels: {where}{resize}, Pillow's antialiased bilinear filter on uint8 RGB, crop {size} x {size} in the middle
- input {input_name}: {dtype} [batch, {input_dims}] ({layout}){normalised}
- output {output_name}: float32 [batch, {labels}], logits in the order of labels.txt
- batch: {batch}
"""


def check_replaceable(folder: Path, name: str, *, others: Iterable[Path | None] = ()) -> None:
    """Refuse a repository whose folder for a model is something else, before an export is put into the work.

    Args:
        folder: the repository. name: of the model. others: what else will be written; None is nothing.

    Raises:
        ArgumentError: it is, or one of the others would be written into it, and be lost with what is replaced.
    """
    target = folder / name
    for other in others:
        if other is not None and target.resolve() in (other.resolve(), *other.resolve().parents):
            raise ArgumentError(f"{target}: {other} would be written into it, and it is replaced; name another place")
    if target.exists() and not (target / "config.pbtxt").is_file():
        raise ArgumentError(f"{target}: is there already and is no model of Triton's; name another folder")


def write_repository(model: Path, contract: ModelContract, folder: Path, *, region: Region | None) -> Path:
    """Write a model repository that serves an exported file under the file's own name.

    Args:
        model: the ONNX file.
        contract: what it carries.
        folder: the repository, which may hold other models; this one's own folder is replaced.
        region: that the clips were cut to which the model was checked on; as for `predict`. None for all of a picture.

    Returns:
        The model's folder: config.pbtxt, labels.txt, contract.json, README.md and 1/model.onnx.

    Raises:
        ValueError: the model's folder is something else.
        OSError: it cannot be written; what was there is still there.
    """
    target = folder / model.stem
    check_replaceable(folder, model.stem)
    texts = {
        "labels.txt": "".join(f"{label}\n" for label in contract.labels),
        "contract.json": to_json(contract),
        "config.pbtxt": _config_text(model.stem, contract),
        "README.md": _readme_text(model.stem, contract, region),
    }
    with whole_folder(target) as scratch:
        (scratch / "1").mkdir()
        shutil.copyfile(model, scratch / "1" / "model.onnx")
        for file, text in texts.items():
            (scratch / file).write_text(text, encoding="utf-8")
        if target.exists():
            remove_whole(target.resolve())
    return target


def _config_text(name: str, contract: ModelContract) -> str:
    """config.pbtxt of a model."""
    dimensions, largest = _dimensions(contract), _largest_batch(contract)
    config = _CONFIG.format(
        name=_quoted(name),
        max_batch=largest,
        input_name=_quoted(contract.model.input.name),
        input_type=_TYPES[contract.model.input.dtype],
        input_dims=", ".join(map(str, dimensions)),
        output_name=_quoted(contract.model.output.name),
        labels=len(contract.labels),
    )
    if largest == 1:
        return config
    return config + _BATCHING.format(preferred=", ".join(map(str, _BATCHES)), delay=_QUEUE_MICROSECONDS)


def _readme_text(name: str, contract: ModelContract, region: Region | None) -> str:
    """What a client has to do, in words and as a program."""
    image, entry = contract.image, contract.model.input
    shortest = f"short side {image.resize_size}" if image.resize == "shortest_edge" else "stretched to a square"
    return _README.format(
        name=name,
        name_text=json.dumps(name),
        input_name=json.dumps(entry.name),
        output_name=json.dumps(contract.model.output.name),
        wire_type=json.dumps(_TYPES[entry.dtype].removeprefix("TYPE_")),
        frames=contract.sampling.frames,
        seconds=contract.sampling.clip_seconds,
        region="" if region is None else f", region={tuple(map(float, region))}",
        where="" if region is None else f"of the region {region_text(region)} of the picture, ",
        resize=shortest,
        size=image.crop_size,
        dtype=entry.dtype,
        input_dims=", ".join(map(str, _dimensions(contract))),
        layout=entry.layout,
        normalised=f", (x / 255 - {list(image.mean)}) / {list(image.std)} per channel" if entry.normalised else "",
        labels=len(contract.labels),
        batch=_about_batches(contract),
    )


def _largest_batch(contract: ModelContract) -> int:
    """Clips that one run of the graph may answer together.

    An int8 graph for onnxruntime finds the ranges of its numbers anew at every run, over all clips of the batch, so
    that each would change the others' answers.
    """
    return 1 if (contract.model.precision, contract.model.graph) == ("int8", "onnxruntime") else _MAX_BATCH


def _about_batches(contract: ModelContract) -> str:
    if _largest_batch(contract) == 1:
        return "one clip a request; an int8 graph of this kind answers each clip otherwise beside others"
    return f"up to {_MAX_BATCH} clips a request; those of several clients are answered together"


def _dimensions(contract: ModelContract) -> list[int]:
    """The input's, without the batch."""
    frames, size = contract.sampling.frames, contract.image.crop_size
    return [frames, 3, size, size] if contract.model.input.layout == "BTCHW" else [frames, size, size, 3]


def _quoted(text: str) -> str:
    """A string as protobuf's text format writes it; JSON's escapes of ASCII are among its own."""
    return json.dumps(text, ensure_ascii=False)
