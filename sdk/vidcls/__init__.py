"""Run a fine-tuned video classifier at the edge and keep its answers right.

from vidcls import VideoClassifier

prediction = VideoClassifier("model.onnx").predict("clip.avi")
print(prediction.label, prediction.score)
"""

from vidcls.classifier import VideoClassifier
from vidcls.contract import ModelContract
from vidcls.errors import DependencyError, DeviceError, ModelError, VidclsError, VideoError
from vidcls.prediction import Prediction
from vidcls.selftest import Verification

__version__ = "0.1.0"

__all__ = [
    "DependencyError",
    "DeviceError",
    "ModelContract",
    "ModelError",
    "Prediction",
    "Verification",
    "VidclsError",
    "VideoClassifier",
    "VideoError",
]
