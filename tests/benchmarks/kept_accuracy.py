"""How fast each way to run a trained model is, beside the accuracy that it keeps: on clips that no training saw.

    python tests/benchmarks/held_out.py folds ../shared/data/ucf8 -o /tmp/folds
    python tests/benchmarks/kept_accuracy.py /tmp/folds

Each fold's model answers its own test clips, from the file, in every way, clip by clip in turn, in one process. What a
way gets right is compared with PyTorch's answers in /tmp/folds/answers.jsonl, paired over the same clips.

- Hugging Face pipeline: as its guide calls it.
- plain export, frames by OpenCV: a script as they are written by hand: frames spread over the length that the header
  states, resized by cv2.resize to a square, normalised, through a plain Optimum export in onnxruntime.
- vidcls: `VideoClassifier.predict` of files exported with each precision, and with a quarter of the tokens.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
# Otherwise PyTorch's threads wait for each other in a loop: where another process takes a CPU, many times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ["HF_HUB_OFFLINE"] = "1"

import click
import cv2
import numpy as np

from benchmarks.machine import warn_if_busy
from benchmarks.models import export_plain
from vidcls import VideoClassifier
from vidcls.cpus import cpu_name, usable_cpus
from vidcls.evaluation.intervals import paired_bootstrap, wilson_interval
from vidcls.huggingface import CONFIG_FILE, PREPROCESSOR_FILE

PYTORCH = "PyTorch, the frames of training"
# {way: options of vidcls_export}
EXPORTS: dict[str, dict[str, Any]] = {
    "vidcls fp32": {},
    "vidcls int8": {"precision": "int8"},
    "vidcls fp32, a quarter of the tokens": {"tokens": "lattice:0.25"},
}
PIPELINE, BY_HAND = "Hugging Face pipeline", "plain export, frames by OpenCV"

Answer = Callable[[str], str]
Row = dict[str, Any]


@click.command()
@click.argument("folds", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--only", multiple=True, help="Names of runs; by default all.")
def main(folds: Path, only: tuple[str, ...]) -> None:
    """Answer every test clip in every way; print times, accuracies and how they differ."""
    warn_if_busy()
    lines = map(json.loads, (folds / "answers.jsonl").read_text(encoding="utf-8").splitlines())
    rows = [row for row in lines if row["split"] == "test" and (not only or row["run"] in only)]
    answers: dict[str, list[tuple[str, float]]] = {}
    with TemporaryDirectory() as scratch:
        for run in sorted({row["run"] for row in rows}):
            ways = _open(folds / run, Path(scratch) / run)
            for row in [row for row in rows if row["run"] == run]:
                for way, answer in ways.items():
                    started = time.perf_counter()
                    label = answer(row["video"])
                    answers.setdefault(way, []).append((label, time.perf_counter() - started))
    ordered = sorted(rows, key=lambda row: row["run"])
    click.echo(
        f"{cpu_name()}, {usable_cpus()} threads; {len(rows)} clips of {len({row['group'] for row in rows})} groups"
    )
    _print(ordered, answers)


def _open(checkpoint: Path, scratch: Path) -> dict[str, Answer]:
    """{way: path of a clip -> label}, every one called once before, since the first call also loads."""
    import torch
    import transformers

    from vidcls_export.exporter import export

    torch.set_num_threads(usable_cpus())
    scratch.mkdir()
    (scratch / "checkpoint").symlink_to(checkpoint.absolute())
    export_plain(scratch, precision="fp32")
    classify = transformers.pipeline("video-classification", model=str(checkpoint), device="cpu")
    ways: dict[str, Answer] = {
        PIPELINE: lambda video: classify(video, top_k=1)[0]["label"],
        BY_HAND: _by_hand(scratch),
    }
    for number, (way, options) in enumerate(EXPORTS.items()):
        file = scratch / f"{number}.onnx"
        export(checkpoint, file, **options)
        ways[way] = _with_vidcls(VideoClassifier(file, device="cpu"))
    return ways


def _with_vidcls(classifier: VideoClassifier) -> Answer:
    return lambda video: classifier.predict(video).label


def _by_hand(scratch: Path) -> Answer:
    import onnxruntime

    config = json.loads((scratch / "checkpoint" / CONFIG_FILE).read_text(encoding="utf-8"))
    processor = json.loads((scratch / "checkpoint" / PREPROCESSOR_FILE).read_text(encoding="utf-8"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cpus()
    session = onnxruntime.InferenceSession(scratch / "plain/model.onnx", options, providers=["CPUExecutionProvider"])
    size, frames = config["image_size"], config["num_frames"]
    labels = {int(number): label for number, label in config["id2label"].items()}

    def answer(video: str) -> str:
        capture = cv2.VideoCapture(video)
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        wanted = set(np.linspace(0, count - 1, frames).astype(int).tolist())
        clip: list[np.ndarray] = []
        for number in range(count):
            is_read, frame = capture.read()
            if is_read and number in wanted:
                clip.append(cv2.cvtColor(cv2.resize(frame, (size, size)), cv2.COLOR_BGR2RGB))
        capture.release()
        clip += clip[-1:] * (frames - len(clip))  # the header counts frames that are not there
        pixels = (np.stack(clip) / 255 - processor["image_mean"]) / processor["image_std"]
        values = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)[None], dtype=np.float32)
        (logits,) = session.run(None, {session.get_inputs()[0].name: values})
        return labels[int(logits[0].argmax())]

    return answer


def _print(rows: list[Row], answers: dict[str, list[tuple[str, float]]]) -> None:
    expected = [row["labels"][int(np.argmax(row["logits"]))] for row in rows]
    wanted = [row["label"] for row in rows]
    reference = _right(expected, wanted)
    click.echo(f"{PYTORCH:38} {'':22} top-1 {_accuracy(reference)}")
    fastest = statistics.median(seconds for _, seconds in answers["vidcls fp32"])
    for way, found in answers.items():
        labels, seconds = zip(*found, strict=True)
        right = _right(labels, wanted)
        same = float(np.mean([label == other for label, other in zip(labels, expected, strict=True)]))
        mean, low, high = paired_bootstrap(right, reference, groups=[row["group"] for row in rows])
        took = statistics.median(seconds)
        click.echo(
            f"{way:38} {took * 1000:6.0f} ms, ratio {took / fastest:5.2f} top-1 {_accuracy(right)}  less PyTorch's: "
            f"{mean:+.3f} ({low:+.3f} to {high:+.3f})  same answer {same:.3f}"
        )


def _right(labels: Any, wanted: list[str]) -> np.ndarray:
    return np.array([label == right for label, right in zip(labels, wanted, strict=True)], float)


def _accuracy(right: np.ndarray) -> str:
    low, high = wilson_interval(int(right.sum()), len(right))
    return f"{right.mean():.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
