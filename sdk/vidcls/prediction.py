"""Logits and labels -> a prediction."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from vidcls.clips import SampledClips
from vidcls.errors import ArgumentError


def softmax(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """exp(x) / sum(exp(x)) over the last axis, shifted by the maximum so that it cannot overflow."""
    exponentials = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """What the model says of one video.

    Examples:
        >>> prediction = VideoClassifier("model.onnx").predict("clip.avi")
        >>> prediction.label == prediction.top(1)[0][0]
        True
        >>> round(float(prediction.probabilities.sum()), 6)
        1.0

    Attributes:
        labels: class names in class-id order.
        logits: float32 [labels], the mean over views and crops.
        windows: (start, end) in seconds of each view; empty if frames were given instead of a video.
        timestamps: float64 [views, T], seconds of every frame used; [0, T] if frames were given.
        decoded_share: how much of the video could be decoded, 0 to 1: what came out compared with what its packets
            show, after its edit list. Below 1 where it was cut off or is damaged; None of a live source and of frames.
        device: where the model ran, "cpu" or "cuda".
        timing_ms: milliseconds spent on "decode", "preprocess", "inference", and "total".
    """

    labels: tuple[str, ...]
    logits: npt.NDArray[np.float32]
    windows: list[tuple[float, float]]
    timestamps: npt.NDArray[np.float64]
    decoded_share: float | None
    device: str
    timing_ms: dict[str, float] = field(repr=False)

    @classmethod
    def from_logits(
        cls,
        logits: npt.NDArray[np.float32],
        *,
        labels: tuple[str, ...],
        clips: SampledClips,
        device: str,
        preprocess_ms: float,
        inference_ms: float,
    ) -> Prediction:
        """The prediction that these logits, float32 [labels], make of the clips they were computed from."""
        preprocess_ms += clips.crop_ms
        return cls(
            labels=labels,
            logits=logits,
            windows=clips.windows,
            timestamps=clips.timestamps,
            decoded_share=clips.decoded_share,
            device=device,
            timing_ms={
                "decode": clips.decode_ms,
                "preprocess": preprocess_ms,
                "inference": inference_ms,
                "total": clips.decode_ms + preprocess_ms + inference_ms,
            },
        )

    @cached_property
    def probabilities(self) -> npt.NDArray[np.float64]:
        """float64 [labels], softmax of the logits, in label order.

        Examples:
            >>> VideoClassifier("model.onnx").predict("clip.avi").probabilities.shape
            (4,)
        """
        return softmax(self.logits)

    @property
    def label(self) -> str:
        """The top-1 label.

        Examples:
            >>> VideoClassifier("model.onnx").predict("clip.avi").label in VideoClassifier("model.onnx").labels
            True
        """
        return self.labels[int(self.logits.argmax())]

    @property
    def score(self) -> float:
        """The top-1 label's probability.

        Examples:
            >>> 0.25 <= VideoClassifier("model.onnx").predict("clip.avi").score <= 1
            True
        """
        return float(self.probabilities.max())

    def top(self, k: int) -> list[tuple[str, float]]:
        """The k most probable (label, probability), best first; all of them if there are fewer.

        Examples:
            >>> prediction = VideoClassifier("model.onnx").predict("clip.avi")
            >>> [score for _, score in prediction.top(3)] == sorted(prediction.probabilities, reverse=True)[:3]
            True
        """
        if k < 1:
            raise ArgumentError(f"k is {k}, expected at least 1")
        best = np.argsort(-self.logits, kind="stable")[:k]
        return [(self.labels[index], float(self.probabilities[index])) for index in best]
