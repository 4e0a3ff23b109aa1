"""Timelines of joined clips: python tests/benchmarks/joined.py MODEL DATA_DIR [--clips 2 4] [--videos 4]

Clips of a label are played one after the other, then clips of another label, and so on, in one file whose
borders are therefore known. Every clip is played so slowly that it lasts one window. DATA_DIR holds one folder
of clips per label, such as .demo/data/test of `make demo`, MODEL is .demo/model.onnx. Counts the stretches that
`timeline` finds with both borders within half a window, and those that it adds.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import cv2

from vidcls import Segment, VideoClassifier
from vidcls.video.folders import label_folders
from vidcls.video.reader import iter_frames, read_times

STRETCHES = 30  # to a video


def join(
    path: Path, clips: dict[str, list[Path]], *, clip_seconds: float, at_least: int, at_most: int, seed: int
) -> list[Segment]:
    """Write the video; what is in it."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    writer: cv2.VideoWriter | None = None
    truth: list[Segment] = []
    at = 0.0
    for _ in range(STRETCHES):
        label = rng.choice([label for label in clips if not truth or label != truth[-1].label])
        start = at
        for clip in rng.sample(clips[label], rng.randint(at_least, at_most)):
            count = len(read_times(clip))
            for frame in iter_frames(clip, range(count)):
                if writer is None:
                    size = frame.shape[1], frame.shape[0]
                    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), count / clip_seconds, size)
                writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
            at += clip_seconds
        truth.append(Segment(start=start, end=at, label=label, score=1.0))
    assert writer is not None
    writer.release()
    return truth


def found_again(expected: Segment, found: list[Segment], *, tolerance: float) -> bool:
    """Whether a segment of that label has both borders where they belong."""
    return any(
        segment.label == expected.label
        and abs(segment.start - expected.start) <= tolerance
        and abs(segment.end - expected.end) <= tolerance
        for segment in found
    )


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data_dir", type=click.Path(path_type=Path))
@click.option("--clips", nargs=2, type=int, default=(2, 4), show_default=True, help="To a stretch: at least, at most.")
@click.option("--videos", type=click.IntRange(min=1), default=4, show_default=True)
def main(model: Path, data_dir: Path, clips: tuple[int, int], videos: int) -> None:
    """Join clips of equal length and size, and count what the timeline finds."""
    classifier = VideoClassifier(model)
    clip_seconds = classifier.contract.sampling.clip_seconds
    folders = label_folders(data_dir)
    total = right = more = 0
    with TemporaryDirectory() as folder:
        for seed in range(videos):
            path = Path(folder) / "joined.avi"
            truth = join(path, folders, clip_seconds=clip_seconds, at_least=clips[0], at_most=clips[1], seed=seed)
            found = classifier.timeline(path)
            # Rounding of frame times, over and above.
            tolerance = clip_seconds / 2 + 0.01
            total += len(truth)
            right += sum(found_again(segment, found, tolerance=tolerance) for segment in truth)
            more += len(found) - len(truth)
    click.echo(f"{right} of {total} stretches of {clips[0]} to {clips[1]} clips found; {more:+} segments in all")


if __name__ == "__main__":
    sys.exit(main())
