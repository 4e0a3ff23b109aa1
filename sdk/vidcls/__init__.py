"""Run a fine-tuned video classifier at the edge and keep its answers right.

from vidcls import VideoClassifier

prediction = VideoClassifier("model.onnx").predict("clip.avi")
print(prediction.label, prediction.score)
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "DependencyError",
    "DeviceError",
    "Event",
    "Explanation",
    "ModelContract",
    "ModelError",
    "Prediction",
    "Record",
    "Segment",
    "Verification",
    "VidclsError",
    "VideoClassifier",
    "VideoError",
    "draw",
    "preview",
    "steady_events",
    "to_csv",
    "to_rows",
]

if TYPE_CHECKING:
    from vidcls.classifier import VideoClassifier
    from vidcls.contract import ModelContract
    from vidcls.errors import DependencyError, DeviceError, ModelError, VidclsError, VideoError
    from vidcls.explanation.explanation import Explanation
    from vidcls.figures.answer import draw
    from vidcls.figures.preview import preview
    from vidcls.prediction import Prediction
    from vidcls.selftest import Verification
    from vidcls.tables import to_csv, to_rows
    from vidcls.temporal.events import Event, steady_events
    from vidcls.temporal.record import Record
    from vidcls.temporal.timeline import Segment
else:
    # Each name is imported when it is first used, so that a command's --help waits for neither NumPy nor OpenCV.
    _MODULES = {
        "DependencyError": "errors",
        "DeviceError": "errors",
        "Event": "temporal.events",
        "Explanation": "explanation.explanation",
        "ModelContract": "contract",
        "ModelError": "errors",
        "Prediction": "prediction",
        "Record": "temporal.record",
        "Segment": "temporal.timeline",
        "Verification": "selftest",
        "VidclsError": "errors",
        "VideoClassifier": "classifier",
        "VideoError": "errors",
        "draw": "figures.answer",
        "preview": "figures.preview",
        "steady_events": "temporal.events",
        "to_csv": "tables",
        "to_rows": "tables",
    }

    def __getattr__(name: str) -> object:
        from importlib import import_module  # noqa: PLC0415 - so that it is not one of the package's names

        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = found = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
