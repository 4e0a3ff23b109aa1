"""Make the pictures of README and docs: python docs/images/make.py

Takes what `make demo` leaves in .demo: joins test clips of its dataset, several of each label one after the other, and
lets the command line draw them. Writes timeline.png, preview.gif and annotated.jpg beside this file, and the joined
video as .demo/joined.avi.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2

IMAGES = Path(__file__).parent
DEMO = IMAGES.parents[1] / ".demo"
LABELS = ("left", "up", "right", "down")
CLIPS_PER_LABEL = 8
LARGE = 480  # px, of the clip that is annotated
STILL = 0.5  # which frame of it is shown, as a share of its length


def join(clips: list[Path], output: Path) -> None:
    """Write the clips one after the other into an AVI of Motion JPEG, at their own rate."""
    writer = None
    for clip in clips:
        capture = cv2.VideoCapture(str(clip))
        frames = []
        while (read := capture.read())[0]:
            frames.append(read[1])
        if writer is None:
            height, width = frames[0].shape[:2]
            motion_jpeg = cv2.VideoWriter.fourcc(*"MJPG")
            rate = capture.get(cv2.CAP_PROP_FPS)
            writer = cv2.VideoWriter(str(output), cv2.CAP_OPENCV_MJPEG, motion_jpeg, rate, (width, height))
        for frame in frames:
            writer.write(frame)
    if writer is not None:
        writer.release()


def enlarge(video: Path, output: Path) -> None:
    """Write an AVI of Motion JPEG with every frame LARGE pixels wide and high."""
    capture = cv2.VideoCapture(str(video))
    rate, size = capture.get(cv2.CAP_PROP_FPS), (LARGE, LARGE)
    writer = cv2.VideoWriter(str(output), cv2.CAP_OPENCV_MJPEG, cv2.VideoWriter.fourcc(*"MJPG"), rate, size)
    while (read := capture.read())[0]:
        writer.write(cv2.resize(read[1], size, interpolation=cv2.INTER_CUBIC))
    writer.release()


def write_still(video: Path, output: Path) -> None:
    """Write one frame of a video as a picture."""
    capture = cv2.VideoCapture(str(video))
    for _ in range(round(capture.get(cv2.CAP_PROP_FRAME_COUNT) * STILL)):
        capture.grab()
    cv2.imwrite(str(output), capture.retrieve()[1], [cv2.IMWRITE_JPEG_QUALITY, 90])


def run(*command: object) -> None:
    """Run the command line of vidcls."""
    subprocess.run([sys.executable, "-m", "vidcls.cli", *map(str, command)], check=True)  # noqa: S603 - this program


def main() -> None:
    """Write the three pictures."""
    model, joined = DEMO / "model.onnx", DEMO / "joined.avi"
    clips = [
        DEMO / "data" / "test" / label / f"{label}_{number:04}.avi"
        for label in LABELS
        for number in range(CLIPS_PER_LABEL)
    ]
    join(clips, joined)
    run("timeline", model, joined, "--plot", IMAGES / "timeline.png")
    run("preview", model, clips[0], "-o", IMAGES / "preview.gif")
    enlarge(clips[0], DEMO / "large.avi")
    run("annotate", model, DEMO / "large.avi", "-o", DEMO / "annotated.mp4")
    write_still(DEMO / "annotated.mp4", IMAGES / "annotated.jpg")


if __name__ == "__main__":
    main()
