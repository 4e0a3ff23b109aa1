"""What a model says of one video."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from vidcls import decision as deciding
from vidcls.clips import SampledClips
from vidcls.contract import Decision
from vidcls.errors import ArgumentError
from vidcls.prediction.notebook import Bar, answer_html
from vidcls.printable import printable

TOP = 5
# Of a video's path in a notebook, in characters.
NAME_SHOWN = 80


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Prediction:
    """What the model says of one video; small, since it keeps no frame of it (`vidcls.preview` shows these).

    Two are equal if they are the same answer about the same frames, wherever and however fast it was computed. In a
    notebook it is shown with bars.

    Examples:
        >>> prediction = VideoClassifier("model.onnx").predict("clip.avi")
        >>> prediction.label == prediction.top(1)[0][0]
        True
        >>> round(float(prediction.probabilities.sum()), 6)
        1.0

    Attributes:
        labels: class names in class-id order, a class for "none of them" among them if the model has one.
        logits: float32 [labels], the model's own, the mean over views and crops.
        decision: what follows from them, as the contract states it.
        windows: (start, end) in seconds of each view; empty if frames were given to `predict_frames`.
        timestamps: float64 [views, T], seconds of every frame used; [0, T] if frames were given to `predict_frames`.
        decoded_share: how much of the video could be decoded, 0 to 1: what came out compared with what its packets
            show, after its edit list. Below 1 where it was cut off or is damaged; None of a live source and of frames.
        device: where the model ran, "cpu", "cuda" or "cuda:1".
        timing_ms: milliseconds spent on "decode", "preprocess", "inference", and "total".
        video: its path, or its URL without secrets; None if frames were given, or by a stream.
    """

    labels: tuple[str, ...]
    logits: npt.NDArray[np.float32]
    decision: Decision
    windows: list[tuple[float, float]]
    timestamps: npt.NDArray[np.float64]
    decoded_share: float | None
    device: str
    timing_ms: dict[str, float] = field(repr=False)
    video: str | None = None

    @classmethod
    def from_logits(
        cls,
        logits: npt.NDArray[np.float32],
        *,
        labels: tuple[str, ...],
        decision: Decision,
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
            decision=decision,
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
            video=clips.video,
        )

    @cached_property
    def probabilities(self) -> npt.NDArray[np.float64]:
        """float64 [labels], calibrated, in label order: softmax of logits / temperature, or their sigmoid.

        Examples:
            >>> VideoClassifier("model.onnx").predict("clip.avi").probabilities.shape
            (4,)
        """
        return deciding.probabilities(self.logits, self.decision)

    @property
    def label(self) -> str:
        """The top-1 label: of the largest logit, the class for "none of them" left out.

        Examples:
            >>> VideoClassifier("model.onnx").predict("clip.avi").label in VideoClassifier("model.onnx").labels
            True
        """
        return self.labels[self._top]

    @property
    def score(self) -> float:
        """The top-1 label's probability.

        Examples:
            >>> 0.25 <= VideoClassifier("model.onnx").predict("clip.avi").score <= 1
            True
        """
        return float(self.probabilities[self._top])

    @property
    def known(self) -> bool:
        """False where the model's own rule says that the video shows none of the labels; True where it has no rule.

        Examples:
            >>> VideoClassifier("model.onnx").predict("clip.avi").known
            True
        """
        return bool(deciding.known(self.logits, self.labels, self.decision))

    @property
    def labels_present(self) -> tuple[str, ...]:
        """What the video shows: the top-1 label, or nothing where it is not known.

        Of a model whose labels may hold together, those that reach their operating point, or 0.5 where they have none;
        nothing where the answer is not known.

        Examples:
            >>> prediction = VideoClassifier("model.onnx").predict("clip.avi")
            >>> prediction.labels_present == (prediction.label,)
            True
        """
        if not self.known:
            return ()
        if self.decision.activation == "softmax":
            return (self.label,)
        present = self.probabilities >= deciding.thresholds(self.labels, self.decision)
        return tuple(label for label, is_present in zip(self.labels, present, strict=True) if is_present)

    def top(self, k: int) -> list[tuple[str, float]]:
        """The k most probable (label, probability), best first; all of them if there are fewer.

        The class for "none of them", where the model has one, is not a label and not among them.

        Examples:
            >>> prediction = VideoClassifier("model.onnx").predict("clip.avi")
            >>> [score for _, score in prediction.top(3)] == sorted(prediction.probabilities, reverse=True)[:3]
            True
        """
        if k < 1:
            raise ArgumentError(f"k is {k}, expected at least 1")
        columns = deciding.label_columns(self.labels, self.decision)
        best = columns[np.argsort(-self.logits[columns], kind="stable")[:k]]
        return [(self.labels[index], float(self.probabilities[index])) for index in best]

    def to_dict(self, *, top_k: int = TOP) -> dict[str, Any]:
        """What `vidcls predict --json` prints of it, ready for JSON.

        Examples:
            >>> list(VideoClassifier("model.onnx").predict("clip.avi").to_dict())[:4]
            ['video', 'label', 'score', 'known']
        """
        return {
            "video": self.video,
            "label": self.label,
            "score": self.score,
            "known": self.known,
            "labels_present": list(self.labels_present),
            "top": [{"label": label, "score": score} for label, score in self.top(top_k)],
            "logits": self.logits.tolist(),
            "probabilities": self.probabilities.tolist(),
            "labels": list(self.labels),
            "windows": [list(window) for window in self.windows],
            "timestamps": self.timestamps.tolist(),
            "decoded_share": self.decoded_share,
            "device": self.device,
            "timing_ms": self.timing_ms,
        }

    def __repr__(self) -> str:
        return f"Prediction(label={self.label!r}, score={self.score:.4f}, known={self.known})"

    def _repr_html_(self) -> str:
        """The most probable labels with bars, for notebooks."""
        shown = [
            Bar(label=label, probability=probability, present=label in self.labels_present)
            for label, probability in self.top(TOP)
        ]
        return answer_html(shown, title=", ".join(self.labels_present) or "none of the labels", note=self._origin)

    @property
    def _origin(self) -> str:
        """Of what it is, where and how fast it was computed, for people."""
        count = len(self.windows)
        what = "window" if count == 1 else f"{count} windows,"
        facts = [
            printable(self.video or "", limit=NAME_SHOWN),
            f"{what} {self.windows[0][0]:.2f} to {self.windows[-1][1]:.2f} s" if count else "",
            f"{self.timing_ms['total']:.0f} ms on {self.device}" if "total" in self.timing_ms else self.device,
        ]
        return " · ".join(filter(None, facts))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Prediction):
            return NotImplemented
        return self._answer == other._answer

    def __hash__(self) -> int:
        return hash((self.labels, tuple(self.logits.tolist())))

    @property
    def _answer(self) -> tuple[Any, ...]:
        """What two equal predictions have in common."""
        return self.labels, self.logits.tolist(), self.decision, self.windows, self.timestamps.tolist()

    @cached_property
    def _top(self) -> int:
        return int(deciding.top_class(self.logits, self.labels, self.decision))
