"""One table of everything that runs a VideoMAE on a CPU: python tests/benchmarks/engines.py [--preset base]

Random weights; all contenders in one run, turn by turn, so that a slow spell meets every one, each in a
process of its own, so that its peak memory is its own. Ratios are to a plain Optimum export in onnxruntime:
trust these, not the times. PyTorch, Optimum's export and OpenVINO get normalised pixels for nothing; vidcls is
timed through predict_frames, resizing included, "from the file" through predict, and Hugging Face's pipeline from the
video file. A lattice and what moves are a share of the tokens, and answer otherwise than all of them.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
# Otherwise PyTorch's threads wait for each other in a loop: where another process takes a CPU, many times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Nothing here is on the hub; what looks there without asking would only wait for it.
os.environ["HF_HUB_OFFLINE"] = "1"

import click
import cv2
import numpy as np

from benchmarks.machine import warn_if_busy
from benchmarks.models import LABELS, export_plain, pixel_values, random_frames, write_checkpoint
from generated import write_clip
from vidcls.cpus import cpu_features, cpu_name, usable_cpus
from vidcls.diagnostics.benchmark import peak_rss_mb
from vidcls_train.config.recipes import PRESETS

Answer = Callable[[np.ndarray], np.ndarray | None]

REFERENCE = "Optimum fp32, onnxruntime"
PYTORCH = "PyTorch fp32"
# {contender: packages that it needs beyond vidcls[cpu,train,export]}
CONTENDERS: dict[str, tuple[str, ...]] = {
    "Hugging Face pipeline": ("av",),
    PYTORCH: (),
    "PyTorch bf16": (),
    REFERENCE: (),
    "OpenVINO fp32": ("openvino",),
    "OpenVINO bf16": ("openvino",),
    "OpenVINO, NNCF int8": ("openvino", "nncf"),
    "vidcls fp32": (),
    "vidcls fp16": (),
    "vidcls int8": (),
    "vidcls fp32 lattice:0.5": (),
    "vidcls fp32 lattice:0.25": (),
    "vidcls fp32 lattice:0.125": (),
    "vidcls fp32 moving:0.25": (),
    "vidcls int8 lattice:0.25": (),
    "vidcls int8 moving:0.25": (),
    "vidcls fp32, from the file": (),
    "vidcls fp32 lattice:0.25, from the file": (),
    "vidcls fp32 lattice:0.25, openvino": ("openvino",),
    "vidcls fp32, openvino": ("openvino",),
    "vidcls int8 portable, openvino": ("openvino",),
}
CALIBRATION_SEEDS = range(1, 5)


def open_contender(name: str, folder: Path) -> Answer:
    """frames uint8 [T, H, W, 3] as the model sees them -> logits; what is no part of the contender is done before."""
    if name.startswith("vidcls"):
        from vidcls import VideoClassifier

        kind, _, how = name.removeprefix("vidcls ").partition(", ")
        engine = "openvino" if how == "openvino" else "onnxruntime"
        classifier = VideoClassifier(exported(folder, kind), device="cpu", engine=engine)  # type: ignore[arg-type]
        if how == "from the file":
            return lambda _frames: np.asarray(classifier.predict(folder / "clip.mp4").logits)
        return lambda frames: classifier.predict_frames(frames).logits
    if name == "Hugging Face pipeline":
        return pipeline(folder)
    if name.startswith("PyTorch"):
        return pytorch(folder, half=name.endswith("bf16"))
    if name.startswith("OpenVINO"):
        file = folder / ("nncf.onnx" if name.endswith("int8") else "plain/model.onnx")
        return openvino(file, precision="f32" if name.endswith("fp32") else "bf16")
    return plain(folder)


def pipeline(folder: Path) -> Answer:
    """As its users call it, on a file, of which it looks at the first frames; so there are no logits to compare."""
    import torch
    import transformers

    torch.set_num_threads(usable_cpus())
    classify = transformers.pipeline("video-classification", model=str(folder / "checkpoint"), device="cpu")

    def answer(_frames: np.ndarray) -> None:
        classify(str(folder / "clip.mp4"))

    return answer


def pytorch(folder: Path, *, half: bool) -> Answer:
    import torch
    from transformers import VideoMAEForVideoClassification

    torch.set_num_threads(usable_cpus())
    kind = torch.bfloat16 if half else torch.float32
    model = VideoMAEForVideoClassification.from_pretrained(folder / "checkpoint").eval().to(kind)

    def answer(pixel_values: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return np.asarray(model(torch.from_numpy(pixel_values).to(kind)).logits.float())[0]

    return answer


def plain(folder: Path) -> Answer:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cpus()
    file = folder / "plain/model.onnx"
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda pixel_values: session.run(None, {session.get_inputs()[0].name: pixel_values})[0][0]


def openvino(file: Path, *, precision: str) -> Answer:
    import openvino as ov

    core = ov.Core()
    model = core.read_model(file)
    model.reshape([1, *(size.get_length() for size in list(model.inputs[0].get_partial_shape())[1:])])
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": usable_cpus()}
    compiled = core.compile_model(model, "CPU", {**settings, "INFERENCE_PRECISION_HINT": precision})
    return lambda pixel_values: np.array(compiled([pixel_values])[0])[0]


def make_files(folder: Path, preset: str, names: list[str]) -> None:
    """Whatever the contenders need and is not there yet."""
    from vidcls_export.exporter import export

    if not (folder / "checkpoint").exists():
        write_checkpoint(folder / "checkpoint", preset)
    if not (folder / "clip.mp4").exists():
        write_clip(folder / "clip.mp4", frames=90, rate=30, width=320, height=240)
    if not (folder / "plain/model.onnx").exists():
        export_plain(folder, precision="fp32")
    if "OpenVINO, NNCF int8" in names and not (folder / "nncf.onnx").exists():
        quantize_with_nncf(folder)
    for kind in {name.removeprefix("vidcls ").partition(", ")[0] for name in names if name.startswith("vidcls")}:
        if not exported(folder, kind).exists():
            precision, *options = kind.split()
            portable = "portable" in options
            export(
                folder / "checkpoint",
                exported(folder, kind),
                precision=precision,  # type: ignore[arg-type]
                graph="portable" if portable else "onnxruntime",
                tokens=next((option for option in options if option.startswith(("lattice", "moving"))), None),
                check=calibration_clips(folder) if portable else None,
            )


def exported(folder: Path, kind: str) -> Path:
    """Where vidcls's file of a precision lies, and of a graph if it is not the usual one."""
    return folder / f"vidcls-{kind.replace(' ', '-').replace(':', '-')}.onnx"


def calibration_clips(folder: Path) -> Path:
    """A folder with the clips that NNCF gets, as lossless videos that fill a window."""
    clips = folder / "calibration"
    clips.mkdir(exist_ok=True)
    for seed in CALIBRATION_SEEDS:
        frames = random_frames(folder, seed)
        size = frames.shape[2], frames.shape[1]
        writer = cv2.VideoWriter(str(clips / f"{seed}.avi"), cv2.VideoWriter.fourcc(*"FFV1"), 8, size)
        for frame in frames:
            writer.write(frame[..., ::-1])
        writer.release()
    return clips


def quantize_with_nncf(folder: Path) -> None:
    """Weights and activations in int8, as NNCF does it for transformers, calibrated on other clips."""
    import nncf
    import onnx

    model = onnx.load(folder / "plain/model.onnx")
    for node in [node for node in model.graph.node if node.op_type == "Constant"]:  # where NNCF does not look
        (value,) = (attribute.t for attribute in node.attribute if attribute.name == "value")
        value.name = node.output[0]
        model.graph.initializer.append(value)
        model.graph.node.remove(node)
    name = model.graph.input[0].name
    clips = [{name: pixel_values(folder, random_frames(folder, seed)[None])} for seed in CALIBRATION_SEEDS]
    quantized = nncf.quantize(model, nncf.Dataset(clips), model_type=nncf.ModelType.TRANSFORMER, subset_size=len(clips))
    onnx.save(quantized, folder / "nncf.onnx")


def serve(name: str, folder: Path) -> None:
    """Be a contender: one answer for each line on stdin, as a line of JSON."""
    output, sys.stdout = sys.stdout, sys.stderr  # libraries print
    frames = random_frames(folder, 0)
    values = frames if name.startswith("vidcls") else pixel_values(folder, frames[None])
    answer = open_contender(name, folder)
    for _ in sys.stdin:
        started = time.perf_counter()
        logits = answer(values)
        seconds = time.perf_counter() - started
        listed = None if logits is None else logits.tolist()
        print(json.dumps({"seconds": seconds, "logits": listed, "peak_mb": peak_rss_mb()}), file=output, flush=True)


def compete(names: list[str], folder: Path, *, runs: int) -> dict[str, list[dict[str, Any]]]:
    """The answers of each contender, turn by turn. One that ends is out; it has said why on stderr."""
    processes = {
        name: subprocess.Popen(
            [sys.executable, __file__, "--serve", name, "--folder", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in names
    }
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for run in range(runs + 1):
        for name, process in list(processes.items()):
            assert process.stdin
            assert process.stdout
            try:
                process.stdin.write("\n")
                process.stdin.flush()
                answer = json.loads(process.stdout.readline())
            except (BrokenPipeError, json.JSONDecodeError):
                said = process.communicate()[1].strip().splitlines() or ["without a word"]
                click.echo(f"{name}: stopped: {said[-1]}")
                del processes[name]
                continue
            if run > 0:  # the first also allocates
                answers[name].append(answer)
    for process in processes.values():
        process.communicate()
    return {name: found for name, found in answers.items() if found}


def print_table(answers: dict[str, list[dict[str, Any]]]) -> None:
    """A ratio below 1 is faster than the reference."""
    expected = answers[PYTORCH][-1]["logits"] if PYTORCH in answers else answers[REFERENCE][-1]["logits"]
    against = PYTORCH if PYTORCH in answers else REFERENCE
    reference = statistics.median(answer["seconds"] for answer in answers[REFERENCE])
    click.echo(f"{'':40} {'ms, median':>10} {'ratio':>6} {'top-1':>6} {'logits':>8} {'peak MB':>8}")
    for name, found in answers.items():
        seconds, logits = statistics.median(answer["seconds"] for answer in found), found[-1]["logits"]
        same = "-" if logits is None else "same" if np.argmax(logits) == np.argmax(expected) else "other"
        far = "-" if logits is None else f"{np.abs(np.subtract(logits, expected)).max():.1e}"
        click.echo(
            f"{name:40} {seconds * 1000:10.0f} {seconds / reference:6.2f} {same:>6} {far:>8} "
            f"{found[-1]['peak_mb']:8.0f}"
        )
    click.echo(
        f"\nratio: to {REFERENCE}; top-1 and logits (largest difference): against {against}, "
        f"whose logits have a standard deviation of {np.std(expected):.1f}"
    )


@click.command()
@click.option("--preset", type=click.Choice(list(PRESETS)), default="base", show_default=True)
@click.option("--runs", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--only", multiple=True, type=click.Choice(list(CONTENDERS)), help="These, and the reference.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Keep the models there.")
@click.option("--serve", "served", type=click.Choice(list(CONTENDERS)), hidden=True)
def main(preset: str, runs: int, only: tuple[str, ...], folder: Path | None, served: str | None) -> None:
    """Time every way to run a VideoMAE on this machine's CPU, turn by turn."""
    if served and folder:
        serve(served, folder)
        return
    warn_if_busy()
    asked = [name for name in CONTENDERS if not only or name in (*only, REFERENCE)]
    missing = {name: [p for p in CONTENDERS[name] if not importlib.util.find_spec(p)] for name in asked}
    names = [name for name in asked if not missing[name]]
    with TemporaryDirectory() as scratch:
        place = folder or Path(scratch)
        place.mkdir(parents=True, exist_ok=True)
        make_files(place, preset, names)
        answers = compete(names, place, runs=runs)
    packages = ("vidcls", "onnxruntime", "torch", "transformers", "optimum", "openvino", "nncf")
    versions = [f"{package} {version(package)}" for package in packages if importlib.util.find_spec(package)]
    features = [name for name, found in cpu_features().items() if found]
    click.echo(f"{', '.join(versions)}, Python {platform.python_version()}")
    click.echo(f"{cpu_name()} ({', '.join(features)}), {usable_cpus()} threads")
    click.echo(f"VideoMAE {preset}, random weights, {len(LABELS)} labels; {runs} runs each, turn by turn\n")
    print_table(answers)
    for name, packages_missing in missing.items():
        if packages_missing:
            click.echo(f"{name}: not here; pip install {' '.join(packages_missing)}")


if __name__ == "__main__":
    main()
