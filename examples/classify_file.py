"""Classify a video file: python examples/classify_file.py MODEL.onnx VIDEO"""

import argparse
import sys

from vidcls import VidclsError, VideoClassifier

parser = argparse.ArgumentParser(description="Print the five most probable labels of a video.")
parser.add_argument("model", help="an ONNX file made by vidcls-export")
parser.add_argument("video", help="path or URL")
arguments = parser.parse_args()

try:
    prediction = VideoClassifier(arguments.model).predict(arguments.video)
except VidclsError as error:
    sys.exit(f"Error: {error}")

for label, score in prediction.top(5):
    print(f"{score:.4f}  {label}")
