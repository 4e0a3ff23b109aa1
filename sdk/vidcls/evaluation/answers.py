"""A model's answers beside what is true: what everything that measures or fits is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vidcls.contract import Decision
from vidcls.decision import label_columns
from vidcls.errors import ArgumentError


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """A model's logits for clips whose labels are known.

    logits: float32 [clips, labels].
    targets: bool [clips, labels], True for each label that a clip shows. Of a model with a none label, that column is
    True for a clip that shows none of the others; of one without, such a clip's row holds no True at all.
    """

    logits: npt.NDArray[np.floating]
    targets: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.logits.ndim != 2 or self.logits.shape != self.targets.shape:
            raise ArgumentError(
                f"logits have the shape {self.logits.shape}, targets {self.targets.shape}; both are [clips, labels]"
            )

    def __len__(self) -> int:
        return len(self.logits)

    def __getitem__(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Answers:
        """Those of some clips, by a mask or by their numbers."""
        return Answers(logits=self.logits[rows], targets=self.targets[rows])

    @property
    def class_ids(self) -> npt.NDArray[np.intp]:
        """The label of each clip, int [clips].

        Raises:
            ArgumentError: a clip shows no label, or several.
        """
        counts = self.targets.sum(axis=1)
        if (counts != 1).any():
            row = int((counts != 1).argmax())
            raise ArgumentError(
                f"clip {row} has {counts[row]} labels, expected exactly one; leave such clips out first"
            )
        return np.asarray(self.targets.argmax(axis=1))


def answers_of(logits: npt.NDArray[np.floating], class_ids: Sequence[int | None], labels: Sequence[str]) -> Answers:
    """Logits [clips, labels] with one class id per clip; None for a clip that shows none of the labels.

    >>> import numpy as np
    >>> from vidcls.evaluation.answers import answers_of
    >>> answers_of(np.zeros((2, 2), np.float32), [1, None], ["clap", "wave"]).targets.tolist()
    [[False, True], [False, False]]
    """
    targets = np.zeros((len(class_ids), len(labels)), bool)
    for row, class_id in enumerate(class_ids):
        if class_id is not None:
            targets[row, class_id] = True
    return Answers(logits=logits, targets=targets)


def positives(answers: Answers, labels: Sequence[str], decision: Decision) -> npt.NDArray[np.bool_]:
    """Which clips show a label that can be found, one other than the none label; bool [clips]."""
    return np.asarray(answers.targets[:, label_columns(tuple(labels), decision)].any(axis=1))
