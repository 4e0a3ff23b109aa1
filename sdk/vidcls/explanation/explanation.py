"""What was found out about an answer: the map, and how far it can be believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vidcls.explanation import places
from vidcls.explanation.belief import Belief
from vidcls.explanation.replacements import Replacement
from vidcls.prediction import Prediction


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Explanation:
    """Which parts of which frames an answer hangs on.

    Examples:
        >>> explanation = VideoClassifier("model.onnx").explain("clip.avi", runs=150)
        >>> explanation.label == explanation.prediction.label
        True
        >>> explanation.importance.shape == explanation.frames.shape[:3] == (4, 32, 32)
        True
        >>> bool(explanation.importance.max() == 1), explanation.runs
        (True, 150)

    Attributes:
        prediction: the answer itself.
        label: the label that is explained, the answer's unless another was asked for.
        importance: float32 [T, H, W], how much the label's log-odds lose with each pixel of each frame, as a share of
            the most that they lose with any: 0 to 1; 0 also where they gain.
        frames: uint8 RGB [T, H, W, 3], what the model is given, upright and cropped.
        replacement: what stood in the place of what was taken away: "still", the median over time; "blurred", that
            blurred; or "grey", the clip's mean colour.
        belief: how far the map can be believed.
        runs: of the model, all in all.
    """

    prediction: Prediction
    label: str
    importance: npt.NDArray[np.float32]
    frames: npt.NDArray[np.uint8]
    replacement: Replacement
    belief: Belief
    runs: int

    @property
    def score(self) -> float:
        """The probability of the label that is explained.

        Examples:
            >>> explanation = VideoClassifier("model.onnx").explain("clip.avi", runs=150)
            >>> explanation.score == explanation.prediction.score
            True
        """
        return float(self.prediction.probabilities[self.prediction.labels.index(self.label)])

    @property
    def timestamps(self) -> npt.NDArray[np.float64]:
        """float64 [T], seconds of each frame; [0] where the frames were given without times.

        Examples:
            >>> VideoClassifier("model.onnx").explain("clip.avi", runs=150).timestamps.shape
            (4,)
        """
        return self.prediction.timestamps[0] if len(self.prediction.timestamps) else np.empty(0)

    @property
    def place(self) -> str:
        """When and where the map is high, in words.

        Examples:
            >>> "," in VideoClassifier("model.onnx").explain("clip.avi", runs=150).place
            True
        """
        return f"{places.when(self.importance, self.timestamps)}, {places.where(self.importance)}"

    def to_dict(self) -> dict[str, Any]:
        """What `vidcls explain --json` prints of it, ready for JSON; the map itself only by frame.

        Examples:
            >>> list(VideoClassifier("model.onnx").explain("clip.avi", runs=150).to_dict())[:4]
            ['label', 'score', 'answer', 'known']
        """
        total = float(self.importance.sum())
        by_frame = self.importance.sum(axis=(1, 2), dtype=np.float64) / (total or 1.0)
        highest, random = self.belief.without_tenth
        return {
            "label": self.label,
            "score": self.score,
            "answer": self.prediction.label,
            "known": self.prediction.known,
            "place": self.place,
            "timestamps": self.timestamps.tolist(),
            "importance_by_frame": by_frame.tolist(),
            "replacement": self.replacement,
            "runs": self.runs,
            "believable": self.belief.believable,
            "deletion_score": self.belief.deletion_score,
            "random_deletion_scores": self.belief.random_deletion_scores.tolist(),
            "score_without_tenth": highest,
            "score_without_random_tenth": random,
            "windows": [list(window) for window in self.prediction.windows],
            "device": self.prediction.device,
        }

    def __repr__(self) -> str:
        believable = self.belief.believable
        return f"Explanation(label={self.label!r}, score={self.score:.4f}, {self.place}, believable={believable})"
