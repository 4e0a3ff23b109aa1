"""Typical mistakes on the command lines of training and export, each with what it is to be answered with."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vidcls_train.config.settings import save_settings, train_config


@dataclass(frozen=True)
class Mistake:
    """What was typed, and the answer.

    arguments: of the command, made from an empty folder, which it may write into. told: a pattern of the message.
    code: the exit code, 2 for wrong usage.
    """

    name: str
    arguments: Callable[[Path], list[str]]
    told: str
    code: int
    command: Literal["vidcls-train", "vidcls-pretrain", "vidcls-export"] = "vidcls-train"

    def __str__(self) -> str:
        return self.name


# The module that is run for a command; its `main` is the command.
MODULES = {
    "vidcls-train": "vidcls_train.cli.finetune",
    "vidcls-pretrain": "vidcls_train.cli.pretrain",
    "vidcls-export": "vidcls_export.cli",
}


def environment(home: Path) -> dict[str, str]:
    """Variables for who has no token for the hub, and nothing of it in the cache below `home`."""
    return {name: value for name, value in os.environ.items() if name != "HF_TOKEN"} | {"HF_HOME": str(home)}


def _touched(root: Path, *names: str) -> Path:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    return root


def _sound(folder: Path) -> str:
    """A folder of clips in which nothing that can be told without opening them is wrong."""
    names = [f"{split}/{label}/{n}.mp4" for split in ("train", "val") for label in ("jump", "wave") for n in range(4)]
    return str(_touched(folder / "clips", *names))


def _with(*options: str) -> Callable[[Path], list[str]]:
    """Sound data, into a new folder, with these options; a base among them is relative to the empty folder."""

    def arguments(folder: Path) -> list[str]:
        given = [option.replace("{}", str(folder)) for option in options]
        return [_sound(folder), "-o", str(folder / "out"), *given]

    return arguments


def _on(*names: str, data: str = "clips", content: str | None = None) -> Callable[[Path], list[str]]:
    """A tiny preset on files of these names, or on a table with this content."""

    def arguments(folder: Path) -> list[str]:
        (folder / "clips").mkdir()
        _touched(folder / "clips", *names)
        if content is not None:
            (folder / data).write_text(content, encoding="utf-8")
        return [str(folder / data), "-o", str(folder / "out"), "--preset", "tiny"]

    return arguments


def _base(folder: Path, *, outputs: int = 2, **fields: Any) -> Path:
    """A base of which all is true but the encoder: the weights are a head of zeros alone."""
    config = {
        "architectures": ["VideoMAEForVideoClassification"],
        "model_type": "videomae",
        **{"image_size": 32, "patch_size": 16, "num_frames": 4, "tubelet_size": 2},
        **{"hidden_size": 24, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 48},
    }
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({**config, **fields}), encoding="utf-8")
    size = 4 * 24 * outputs
    head = {"dtype": "F32", "shape": [outputs, 24], "data_offsets": [0, size]}
    header = json.dumps({"classifier.weight": head}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(size))
    return folder


def _preprocessed(folder: Path, **fields: Any) -> Path:
    """A checkpoint's folder with a preprocessor's file."""
    said = {"image_processor_type": "VideoMAEImageProcessor", "size": 32, "crop_size": 32}
    (folder / "preprocessor_config.json").write_text(json.dumps({**said, **fields}), encoding="utf-8")
    return folder


def _in_use(folder: Path) -> list[str]:
    _touched(folder / "out", "settings.json", "model.safetensors", "metrics.json")
    return [*_with("--preset", "tiny")(folder)]


def _below_a_file(folder: Path) -> list[str]:
    (folder / "file").touch()
    return [_sound(folder), "-o", str(folder / "file" / "out"), "--preset", "tiny"]


def _without_config(folder: Path) -> list[str]:
    (folder / "base").mkdir()
    return _with("--base", "{}/base")(folder)


def _on_a_base(*options: str, **fields: Any) -> Callable[[Path], list[str]]:
    def arguments(folder: Path) -> list[str]:
        _base(folder / "base", **fields)
        return _with("--base", "{}/base", *options)(folder)

    return arguments


def _with_settings(*options: str, **settings: object) -> Callable[[Path], list[str]]:
    """A tiny preset with a file of settings."""

    def arguments(folder: Path) -> list[str]:
        (folder / "mine.json").write_text(json.dumps(settings), encoding="utf-8")
        return _with("--preset", "tiny", "--settings", "{}/mine.json", *options)(folder)

    return arguments


def _only_a_pickle(folder: Path) -> list[str]:
    (_base(folder / "base") / "model.safetensors").rename(folder / "base" / "pytorch_model.bin")
    return _with("--base", "{}/base")(folder)


def _an_adapter(folder: Path) -> list[str]:
    _touched(folder / "base", "adapter_config.json", "adapter_model.bin")
    return _with("--base", "{}/base")(folder)


def _steps_alone(folder: Path) -> list[str]:
    _touched(folder / "base", "checkpoint-10/model.safetensors", "checkpoint-500/model.safetensors")
    return _with("--base", "{}/base")(folder)


def _cut_off(folder: Path) -> list[str]:
    weights = _base(folder / "base") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    return _with("--base", "{}/base")(folder)


def _bicubic(folder: Path) -> list[str]:
    _preprocessed(_base(folder / "base"), resample=3)
    return _with("--base", "{}/base")(folder)


def _every_token_needed(folder: Path) -> list[str]:
    _preprocessed(_base(folder / "base", model_type="timesformer"))
    return _with("--base", "{}/base", "--tokens", "lattice:0.5")(folder)


def _moving_in_vivit(folder: Path) -> list[str]:
    _preprocessed(_base(folder / "base", model_type="vivit", tubelet_size=[2, 16, 16]))
    return _with("--base", "{}/base", "--tokens", "moving:0.5")(folder)


def _moving_in_patches_of_one_frame(folder: Path) -> list[str]:
    _preprocessed(_base(folder / "base", tubelet_size=1))
    return _with("--base", "{}/base", "--tokens", "moving:0.5")(folder)


def _halved(folder: Path) -> list[str]:
    _preprocessed(_base(folder / "base"), image_mean=[0.5] * 3, image_std=[0.5] * 3)
    return _with("--base", "{}/base")(folder)


def _export(*options: str, **fields: Any) -> Callable[[Path], list[str]]:
    """A plain checkpoint of Hugging Face, into a new file, with these options."""

    def arguments(folder: Path) -> list[str]:
        checkpoint = _preprocessed(_base(folder / "base", **{"id2label": {"0": "jump", "1": "wave"}, **fields}))
        given = [option.replace("{}", str(folder)) for option in options]
        return [str(checkpoint), "-o", str(folder / "model.onnx"), *given]

    return arguments


def _export_of_a_pickle(folder: Path) -> list[str]:
    arguments = _export()(folder)
    (folder / "base" / "model.safetensors").rename(folder / "base" / "pytorch_model.bin")
    return arguments


def _export_of_bicubic(folder: Path) -> list[str]:
    arguments = _export()(folder)
    _preprocessed(folder / "base", resample=3)
    return arguments


def _without_teacher(folder: Path) -> list[str]:
    (folder / "teacher").mkdir()
    return _with("--preset", "tiny", "--teacher", "{}/teacher")(folder)


def _with_a_teacher_of(*labels: str) -> Callable[[Path], list[str]]:
    """A teacher whose files fit together."""

    def arguments(folder: Path) -> list[str]:
        _preprocessed(_base(folder / "teacher", outputs=len(labels), id2label=dict(enumerate(labels))))
        return _with("--preset", "tiny", "--teacher", "{}/teacher")(folder)

    return arguments


def _with_other_labels(folder: Path) -> list[str]:
    """A run to resume whose clips have since been given other labels."""
    arguments = _with("--preset", "tiny", "--resume")(folder)
    step = folder / "out" / "checkpoints" / "checkpoint-4"
    step.mkdir(parents=True)
    _touched(step, "average.safetensors", "optimizer.pt")
    (step / "config.json").write_text(json.dumps({"id2label": {"0": "jump", "1": "run"}}), encoding="utf-8")
    save_settings(train_config({"data": arguments[0], "output": folder / "out", "preset": "tiny"}))
    return arguments


_TABLE = "path,label,split\nclips/1.mp4,jump,train\nclips/2.mp4,wave,val\n"

MISTAKES = [
    Mistake("the data is not there", _on(data="clipz"), r"clipz: there is no such file or folder", 1),
    Mistake("the folder is empty", _on(), r"clips: holds no videos; expected one folder of videos per label", 1),
    Mistake(
        "videos without folders of labels",
        _on("1.mp4", "2.mp4"),
        r"clips: holds 2 videos outside of any label's folder",
        1,
    ),
    Mistake("one label", _on("jump/1.mp4", "jump/2.mp4"), r"clips: holds only the label 'jump'", 1),
    Mistake("too few clips to split", _on("jump/1.mp4", "wave/1.mp4"), r"2 groups of footage, too few", 1),
    Mistake("data that is a video", _on("1.mp4", data="clips/1.mp4"), r"1\.mp4: is a video.*folder of videos per", 1),
    Mistake("a misspelt value", _with("--preset", "tinny"), r"'tinny' is not one of 'tiny', 'small', 'base'", 2),
    Mistake("a misspelt option", _with("--preset", "tiny", "--epoch", "3"), r"No such option.*--epoch", 2),
    Mistake("the output folder holds a run", _in_use, r"out: exists and is not empty; .*--resume", 2),
    Mistake("the output folder cannot be made", _below_a_file, r"file/out: cannot be made.*'.*file' is a file", 2),
    Mistake("a base that is not there", _with("--base", "{}/bases/mine"), r"bases/mine: there is no such folder", 1),
    Mistake("a base without config.json", _without_config, r"base: holds no config\.json", 1),
    Mistake(
        "a base in a pickle",
        _only_a_pickle,
        r"base: its weights are in pytorch_model\.bin, a pickle, .*convert it: python -c",
        1,
    ),
    Mistake("a base cut off", _cut_off, r"model\.safetensors: is not a whole file of safetensors .*copy it again", 1),
    Mistake("a base that is an adapter", _an_adapter, r"base: is an adapter \(adapter_config\.json\), .*merge both", 1),
    Mistake("a base of steps alone", _steps_alone, r"base: .*steps of a training; name one .*checkpoint-500", 1),
    Mistake(
        "a base that is no video classifier",
        _on_a_base(model_type="bert"),
        r"base: is a 'bert' checkpoint, expected one of VideoMAE",
        1,
    ),
    Mistake("a base of one colour", _on_a_base(num_channels=1), r"num_channels 1, expected 3 \(RGB\)", 1),
    Mistake(
        "a base resized otherwise",
        _bicubic,
        r"preprocessor_config\.json: has resample 3 \(bicubic\), but vidcls can only do resample 2",
        1,
    ),
    Mistake(
        "tokens left out of a family that needs all",
        _every_token_needed,
        r"tokens are lattice:0\.5, but TimeSformer attends to each frame .* expected all",
        2,
    ),
    Mistake(
        "tokens that move, of a family that they are not picked for",
        _moving_in_vivit,
        r"tokens are moving:0\.5, which are picked for VideoMAE alone, and not for ViViT; expected all, or ",
        2,
    ),
    Mistake(
        "tokens that move, of patches without a second frame",
        _moving_in_patches_of_one_frame,
        r"tokens are moving:0\.5, .* one frame each \(tubelet_size 1\); expected all, or lattice:0\.5",
        2,
    ),
    Mistake(
        "a push without a token",
        _with("--preset", "tiny", "--push-to-hub", "someone/model"),
        r"--push-to-hub someone/model needs a token for the hub: run 'hf auth login' or set HF_TOKEN",
        1,
    ),
    Mistake(
        "a size that patches do not divide",
        _with("--preset", "tiny", "--image-size", "100"),
        r"--image-size 100 is not a multiple of the patch size 8; take 96 or 104",
        2,
    ),
    Mistake("frames that tubelets do not divide", _on_a_base("--frames", "7"), r"--frames 7 .* tubelet size 2", 2),
    Mistake(
        "heads that do not divide the width",
        _on_a_base(num_attention_heads=5),
        r"hidden_size 24, which its 5 attention heads",
        1,
    ),
    Mistake(
        "parts larger than a batch",
        _with("--preset", "tiny", "--batch-size", "4", "--gradient-accumulation-steps", "8"),
        r"batches of 4 clips cannot be .* --batch-size",
        2,
    ),
    Mistake(
        "a lattice too wide for the grid",
        _with("--preset", "tiny", "--image-size", "16", "--frames", "2", "--tokens", "lattice:0.125"),
        r"--tokens lattice:0\.125 cannot divide a clip's 1 x 2 x 2 tokens evenly",
        2,
    ),
    Mistake(
        "patch dropout beside a lattice",
        _with_settings("--tokens", "lattice:0.5", patch_dropout=0.5),
        r"patch_dropout is 0\.5, but the encoder sees tokens lattice:0\.5, which takes its place; leave it out, or",
        2,
    ),
    Mistake(
        "a column missing",
        _on(data="clips.csv", content="file,label\nclips/1.mp4,jump\n"),
        r"clips\.csv: its columns are \['file', 'label'\], expected path,label",
        1,
    ),
    Mistake(
        "a table whose videos are not there",
        _on(data="clips.csv", content=_TABLE),
        r"clips\.csv: not one of its 2 videos is there; its first row names '.*clips/1\.mp4', .* the CSV's folder",
        1,
    ),
    Mistake(
        "a label of two lines",
        _on("1.mp4", "2.mp4", data="clips.csv", content=_TABLE.replace("jump", '"ju\nmp"')),
        r"clips\.csv: line 2 has the label 'ju\\nmp', expected .* no control character",
        1,
    ),
    Mistake(
        "an empty label",
        _on("1.mp4", "2.mp4", data="clips.csv", content=_TABLE.replace("wave", "  ")),
        r"clips\.csv: line 3 has .*label",
        1,
    ),
    Mistake("nothing to resume", _with("--preset", "tiny", "--resume"), r"out: holds no run to resume", 2),
    Mistake(
        "a run to resume of other labels",
        _with_other_labels,
        r"--resume goes on with the labels of .*out, which are jump, run, and .*clips has jump, wave",
        2,
    ),
    Mistake(
        "a teacher that is not there",
        _with("--preset", "tiny", "--teacher", "{}/models/large"),
        r"--teacher .*models/large: there is no such folder; name a checkpoint's folder, a file that vidcls-export",
        1,
    ),
    Mistake("a teacher without weights", _without_teacher, r"teacher: holds no model\.safetensors", 1),
    Mistake(
        "a teacher that lacks a label",
        _with_a_teacher_of("jump", "run"),
        r"teacher: does not know the label 'wave' of the data; take a teacher that knows all of them",
        2,
    ),
    Mistake(
        "negatives that are not there",
        _with("--preset", "tiny", "--negatives", "{}/none"),
        r"--negatives .*none: is no folder",
        2,
    ),
    Mistake(
        "a size that patches do not divide, when only checking",
        _with("--preset", "tiny", "--image-size", "100", "--check-only"),
        r"--image-size 100 is not a multiple of the patch size 8; take 96 or 104",
        2,
    ),
    Mistake(
        "a base that is not there, when only checking",
        _with("--base", "{}/bases/mine", "--check-only"),
        r"bases/mine: there is no such folder",
        1,
    ),
    Mistake(
        "pretraining of what is no VideoMAE",
        _with("--base", "vidcls/tiny"),
        r"vidcls/tiny: is a 'videomae_hybrid' checkpoint, expected VideoMAE, the only one that can be pretrained",
        1,
        command="vidcls-pretrain",
    ),
    Mistake(
        "pretraining of other pixels than VideoMAE's",
        _halved,
        r"base: normalises pixels by \(0\.5, 0\.5, 0\.5\) .*expects ImageNet's statistics",
        1,
        command="vidcls-pretrain",
    ),
    Mistake(
        "an export that needs clips, without any",
        _export("--graph", "portable", "--precision", "int8"),
        r"int8 with the portable graph needs real clips .*--check DATA_DIR",
        2,
        command="vidcls-export",
    ),
    Mistake(
        "an export to be checked on clips that are not there",
        _export("--check", "{}/clipz"),
        r"clipz: is not a folder; name a folder of videos to check the export on",
        2,
        command="vidcls-export",
    ),
    Mistake(
        "an export of tokens that move, of patches without a second frame",
        _export("--tokens", "moving:0.5", tubelet_size=1),
        r"tokens moving:0\.5 compare the frames of a patch, .*tubelet_size 1\); export it with lattice:0\.5",
        1,
        command="vidcls-export",
    ),
    Mistake(
        "an export of a label without a name",
        _export(id2label={"0": "jump", "2": "wave"}),
        r"config\.json: id2label has 2 names for the 2 outputs of the classifier, none for 1",
        1,
        command="vidcls-export",
    ),
    Mistake(
        "an export of a pickle",
        _export_of_a_pickle,
        r"base: its weights are in pytorch_model\.bin, a pickle, .*convert it: python -c",
        1,
        command="vidcls-export",
    ),
    Mistake(
        "an export of pictures resized otherwise",
        _export_of_bicubic,
        r"preprocessor_config\.json: has resample 3 \(bicubic\), but vidcls can only do resample 2",
        1,
        command="vidcls-export",
    ),
    Mistake(
        "an export of what is no video classifier",
        _export(model_type="bert"),
        r"config\.json: model_type .*bert.*cannot be exported",
        1,
        command="vidcls-export",
    ),
    Mistake(
        "an export of what is not trained yet",
        _export(architectures=["VideoMAEForPreTraining"]),
        r"config\.json: is a VideoMAEForPreTraining without a trained classifier; fine-tune it first",
        1,
        command="vidcls-export",
    ),
]
