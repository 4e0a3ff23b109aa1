"""Time the decoding of sampled frames beside PyAV, torchcodec and decord: python tests/benchmarks/decoding.py

Each opens the file, finds the frames that the sampling rule asks for (16 frames in a window of 2.13 s) and
hands them out as uint8 RGB, turn by turn, so that a slow spell meets all. All are given the rate and told
that it is constant, which vidcls finds out for itself. Trust the ratios, not the times.
"""

from __future__ import annotations

import importlib.metadata
import statistics
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import av
import click
import cv2
import numpy as np

from benchmarks.machine import warn_if_busy
from vidcls.cpus import cpu_name, usable_cpus
from vidcls.sampling import sample_views
from vidcls.video.frames import predict_index, read_frames
from vidcls.video.reader import open_video

RATE, FRAMES, CLIP_SECONDS = 30, 16, 64 / 30
SECONDS = 10  # of footage; the long file repeats it
REPEATS = 60
SIZES = [(320, 240), (1920, 1080)]
# Grey levels, on average over a frame: libraries turn YUV into RGB by slightly different arithmetic. The frame
# before or after is over ten away.
SAME_FRAME = 3.0

Frames = dict[int, np.ndarray]
Rival = Callable[[Path, int], Frames]


def write_footage(path: Path, *, width: int, height: int) -> Path:
    """H.264 at 30 fps with x264's own key frames and B-frames: a camera that wanders over a coloured noise."""
    random = np.random.default_rng(0)
    scene = random.integers(0, 256, size=(height // 16 + 40, width // 16 + 40, 3), dtype=np.uint8)
    scene = np.asarray(cv2.resize(scene, None, fx=16, fy=16, interpolation=cv2.INTER_CUBIC), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "26"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(SECONDS * RATE):
            left, top = (320 + round(300 * wave(number / 50)) for wave in (np.sin, np.cos))
            picture = np.ascontiguousarray(scene[top : top + height, left : left + width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def repeat(footage: Path, path: Path) -> Path:
    """The same packets REPEATS times over, one after the other: a long video without encoding one."""
    with av.open(str(path), "w") as target:
        stream = None
        for turn in range(REPEATS):
            with av.open(str(footage)) as source:
                stream = stream or target.add_stream_from_template(source.streams.video[0])
                for packet in source.demux(video=0):
                    if packet.dts is None or packet.pts is None:
                        continue
                    shift = round(turn * SECONDS / Fraction(packet.time_base))
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = stream
                    target.mux(packet)
    return path


def wanted(frames: int, *, views: int) -> list[int]:
    """The frames to read of a file of that many, in order."""
    times = [number / RATE for number in range(frames)]
    sampled = sample_views(times, frames=FRAMES, clip_seconds=CLIP_SECONDS, views=views)
    return sorted({index for view in sampled for index in view.indices})


def with_vidcls(path: Path, views: int) -> Frames:
    with open_video(path) as video:
        table = predict_index(video, clip_seconds=CLIP_SECONDS, views=views)
        sampled = sample_views(
            table.times, frames=FRAMES, clip_seconds=CLIP_SECONDS, views=views, duration=table.duration
        )
        indices = sorted({index for view in sampled for index in view.indices})
        # Numbered by time: of a long video the table holds parts only.
        numbers = [round(table.times[index] * RATE) for index in indices]
        spans = [(view.indices[0], view.indices[-1]) for view in sampled]
        return dict(zip(numbers, read_frames(video, table, indices, spans=spans), strict=True))


def with_pyav(path: Path, views: int) -> Frames:
    found = {}
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        indices = wanted(stream.frames, views=views)
        for first in range(0, len(indices), FRAMES):
            window = set(indices[first : first + FRAMES])
            container.seek(int(Fraction(min(window), RATE) / Fraction(stream.time_base or 1)), stream=stream)
            for frame in container.decode(stream):
                number = round(frame.time * RATE)
                if number in window:
                    found[number] = frame.to_ndarray(format="rgb24")
                if number >= max(window):
                    break
    return found


def with_torchcodec(path: Path, views: int, *, seek_mode: str) -> Frames:
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(path, seek_mode=seek_mode, dimension_order="NHWC", num_ffmpeg_threads=0)
    indices = wanted(decoder.metadata.num_frames, views=views)
    return dict(zip(indices, decoder.get_frames_at(indices).data.numpy(), strict=True))


def with_decord(path: Path, views: int) -> Frames:
    import decord

    reader = decord.VideoReader(str(path))
    indices = wanted(len(reader), views=views)
    return dict(zip(indices, reader.get_batch(indices).asnumpy(), strict=True))


def installed(probe: Path) -> tuple[dict[str, Rival], list[str]]:
    """(the rivals that can read `probe`, by name; what to say of all)."""
    rivals: dict[str, Rival] = {"PyAV": with_pyav}
    notes = [f"PyAV {av.__version__}"]
    try:
        with_torchcodec(probe, 1, seek_mode="approximate")
    except ImportError:
        notes.append("torchcodec is not installed: pip install torchcodec")
    except RuntimeError as error:  # above all: no shared libraries of FFmpeg, which it does not bring
        notes.append(f"torchcodec cannot be used: {str(error).partition('. ')[0]}; install FFmpeg")
    else:
        rivals["torchcodec approximate"] = partial(with_torchcodec, seek_mode="approximate")
        rivals["torchcodec exact"] = partial(with_torchcodec, seek_mode="exact")
        notes.append(f"torchcodec {importlib.metadata.version('torchcodec')}")
    try:
        import decord
    except ImportError:
        notes.append("decord is not installed: pip install decord2")
    else:
        rivals["decord"] = with_decord
        notes.append(f"decord {decord.__version__}")
    return rivals, notes


def difference(ours: Frames, theirs: Frames) -> float:
    """How far the frames are apart, in grey levels on average over the worst frame; infinite if others came."""
    if ours.keys() != theirs.keys():
        return float("inf")
    return max(float(np.abs(ours[number].astype(np.int16) - theirs[number]).mean()) for number in ours)


def measure(path: Path, rivals: dict[str, Rival], *, views: int, runs: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(runs + 1):  # the first also fills the disk's cache
        for name, read in rivals.items():
            started = time.perf_counter()
            read(path, views)
            times[name].append((time.perf_counter() - started) * 1000)
    return {name: values[1:] for name, values in times.items()}


@click.command()
@click.option("--runs", type=click.IntRange(min=1), default=5, show_default=True)
def main(runs: int) -> None:
    """Time the decoding of sampled frames beside other libraries, and check that all read the same frames."""
    warn_if_busy()
    with TemporaryDirectory() as name:
        folder = Path(name)
        shorts = [write_footage(folder / f"short-{height}.mp4", width=width, height=height) for width, height in SIZES]
        rivals, notes = installed(shorts[0])
        readers = {"vidcls": with_vidcls, **rivals}
        click.echo(f"\nDecoding to uint8 RGB: OpenCV {cv2.__version__}; {'; '.join(notes)}")
        click.echo(f"{cpu_name()}, {usable_cpus()} CPUs; H.264 in MP4, {RATE} fps; {runs} runs each, turn by turn")
        click.echo("ms, median; in brackets vidcls / rival: below 1 means that vidcls is faster\n")
        click.echo(f"{'':28}" + "".join(f"{name:>24}" for name in readers))
        for (width, height), short in zip(SIZES, shorts, strict=True):
            long = repeat(short, folder / f"long-{height}.mp4")
            for path, seconds, views in [(short, SECONDS, 1), (long, SECONDS * REPEATS, 5)]:
                ours = with_vidcls(path, views)
                same = {name: difference(ours, read(path, views)) < SAME_FRAME for name, read in rivals.items()}
                times = measure(path, readers, views=views, runs=runs)
                medians = {name: statistics.median(values) for name, values in times.items()}
                row = f"{f'{width} x {height}, {views} of {seconds} s':28}{medians['vidcls']:24.0f}"
                for rival in rivals:
                    ratio = medians["vidcls"] / medians[rival]
                    row += f"{f'{medians[rival]:.0f} ({ratio:.2f})' + ('' if same[rival] else ' other frames'):>24}"
                click.echo(row)


if __name__ == "__main__":
    main()
