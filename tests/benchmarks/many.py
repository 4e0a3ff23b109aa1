"""Throughput of predict_many beside the bare session: python tests/benchmarks/many.py CLIPS_DIR [--preset base]

The bare session is fed tensors that are ready, so it does nothing but inference: what predict_many could
reach at best. Beside it `predict`, one video after the other. The three take turns, a few videos at a time,
so that a slow spell meets them all. The model is a VideoMAE of the preset's size with random weights, or
--model. Trust the ratios, not the times, and neither where the machine has other work.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))
# Otherwise threads wait for each other in a loop: where another process takes a CPU, many times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ["HF_HUB_OFFLINE"] = "1"

import click

from benchmarks.machine import warn_if_busy
from vidcls import Prediction, VideoClassifier
from vidcls.clips import read_clips
from vidcls.cpus import usable_cpus
from vidcls.preprocessing import normalise
from vidcls.runtime.model import open_model
from vidcls.video.folders import list_videos


def exported(preset: str, folder: Path) -> Path:
    """A VideoMAE of the preset's size with random weights, as vidcls-export leaves it."""
    from benchmarks.models import write_checkpoint
    from vidcls_export.exporter import export

    write_checkpoint(folder / "checkpoint", preset)
    return Path(export(folder / "checkpoint", folder / "model.onnx", precision="fp32").path)


def measure(path: Path, videos: list[Path], *, block: int) -> dict[str, float]:
    """Seconds that each of the three takes for all videos."""
    classifier = VideoClassifier(path, device="cpu")
    session, contract = open_model(path, device="cpu", engine="onnxruntime")
    seconds = {"bare session": 0.0, "predict_many": 0.0, "predict": 0.0}
    for start in range(-block, len(videos), block):
        part = videos[max(start, 0) : max(start, 0) + block]
        seen = [read_clips(video, contract).frames for video in part]
        tensors = [normalise(frames, contract.image) if contract.model.input.normalised else frames for frames in seen]
        times = [time.perf_counter()]
        for tensor in tensors:
            session.run(tensor)
        times.append(time.perf_counter())
        many = list(classifier.predict_many(part))
        times.append(time.perf_counter())
        single = [classifier.predict(video) for video in part]
        times.append(time.perf_counter())
        for found, right in zip(many, single, strict=True):
            assert isinstance(found, Prediction)
            assert (found.logits == right.logits).all()
        if start >= 0:  # the first also allocates
            for name, before, after in zip(seconds, times, times[1:], strict=False):
                seconds[name] += after - before
    return seconds


@click.command()
@click.argument("sources", metavar="VIDEO_OR_FOLDER...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--preset", default="base", show_default=True, help="As for vidcls-train.")
@click.option("--model", type=click.Path(path_type=Path), help="An exported model instead.")
@click.option("--block", type=click.IntRange(min=1), default=8, show_default=True, help="Videos to a turn.")
def main(sources: tuple[Path, ...], preset: str, model: Path | None, block: int) -> None:
    """Measure predict_many on videos; folders are taken with all that is below them."""
    warn_if_busy()
    videos = [video for source in sources for video in (list_videos(source) if source.is_dir() else [source])]
    with TemporaryDirectory() if model is None else nullcontext("") as folder:
        seconds = measure(model or exported(preset, Path(folder)), videos, block=block)
    click.echo(f"{model or preset}, {len(videos)} videos, {usable_cpus()} threads, {block} videos to a turn")
    for name, taken in seconds.items():
        click.echo(f"{name:12} {len(videos) / taken:8.2f} videos/s   {seconds['bare session'] / taken:.3f} of bare")


if __name__ == "__main__":
    main()
