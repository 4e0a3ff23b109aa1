"""Make the pictures of README and docs: python docs/images/make.py

Takes what `make demo` leaves in .demo: joins test clips of its dataset, each played so slowly that it lasts about as
long as the model's window, and lets the command line draw them. Writes timeline.png and preview.gif beside this file,
and the joined video as .demo/joined.avi.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2

from vidcls import VideoClassifier

IMAGES = Path(__file__).parent
DEMO = IMAGES.parents[1] / ".demo"
LABELS = ("left", "grow", "up", "right", "shrink", "down")
CLIPS_PER_LABEL = 2


def join(clips: list[Path], output: Path, *, clip_seconds: float) -> None:
    """Write the clips one after the other into an AVI of Motion JPEG, each about `clip_seconds` long.

    About, because OpenCV's own writer rounds the rate to whole frames a second.
    """
    writer = None
    for clip in clips:
        capture = cv2.VideoCapture(str(clip))
        frames = []
        while (read := capture.read())[0]:
            frames.append(read[1])
        if writer is None:
            height, width = frames[0].shape[:2]
            motion_jpeg = cv2.VideoWriter.fourcc(*"MJPG")
            rate = len(frames) / clip_seconds
            writer = cv2.VideoWriter(str(output), cv2.CAP_OPENCV_MJPEG, motion_jpeg, rate, (width, height))
        for frame in frames:
            writer.write(frame)
    if writer is not None:
        writer.release()


def run(*command: object) -> None:
    """Run the command line of vidcls."""
    subprocess.run([sys.executable, "-m", "vidcls.cli", *map(str, command)], check=True)  # noqa: S603 - this program


def main() -> None:
    """Write both pictures."""
    model, joined = DEMO / "model.onnx", DEMO / "joined.avi"
    clips = [
        DEMO / "data" / "test" / label / f"{label}_{number:04}.avi"
        for label in LABELS
        for number in range(CLIPS_PER_LABEL)
    ]
    join(clips, joined, clip_seconds=VideoClassifier(model).contract.sampling.clip_seconds)
    run("timeline", model, joined, "--plot", IMAGES / "timeline.png")
    run("preview", model, clips[0], "-o", IMAGES / "preview.gif")


if __name__ == "__main__":
    main()
