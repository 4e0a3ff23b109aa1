"""Show what a camera sees, and what it is: python examples/webcam.py MODEL.onnx [--source 0]

--source is a camera's number, a stream's URL, or a file, which is played at its own pace. Where there is no display, a
line is printed for each answer instead. Ends with q, Esc, Ctrl-C or kill. For a page and events, take `vidcls watch`.
"""

import argparse
import os
import signal
import sys

import cv2

from vidcls import Record, VidclsError, VideoClassifier, draw
from vidcls.video.quiet import quiet_decoders

# Without a display OpenCV's windows abort the program, and opencv-python-headless has none.
HAS_DISPLAY = not sys.platform.startswith("linux") or "DISPLAY" in os.environ
HAS_WINDOWS = HAS_DISPLAY and "GUI:                           NONE" not in cv2.getBuildInformation()


def show(record: Record) -> bool:
    """Show an answer; False once q or Esc was pressed, or the window closed."""
    try:
        cv2.imshow("vidcls", cv2.cvtColor(draw(record.picture, record), cv2.COLOR_RGB2BGR))
        return cv2.waitKey(1) & 0xFF not in (ord("q"), 27) and cv2.getWindowProperty("vidcls", cv2.WND_PROP_VISIBLE) > 0
    except cv2.error:  # Qt's answer once the only window is closed
        return False


def write(record: Record) -> bool:
    label = record.label if record.known else "-"
    print(f"{record.window[1]:8.2f} s  {record.score:.2f}  {label}  (lag {record.lag_seconds:.2f} s)", flush=True)
    return True


parser = argparse.ArgumentParser(description="Classify what a camera sees, live.")
parser.add_argument("model", help="an ONNX file made by vidcls-export")
parser.add_argument("--source", default="0", help="a camera's number, a file or a URL; 0 unless given")
arguments = parser.parse_args()
source = int(arguments.source) if arguments.source.isdecimal() else arguments.source
quiet_decoders()  # a lost camera is reported once, not at every try
try:
    with VideoClassifier(arguments.model).stream(source, step_seconds=0.2) as stream:
        for kind in (signal.SIGINT, signal.SIGTERM):
            signal.signal(kind, lambda *_: stream.stop())
        for record in stream:
            if not (show if HAS_WINDOWS else write)(record):
                break
except VidclsError as error:
    sys.exit(f"Error: {error}")
