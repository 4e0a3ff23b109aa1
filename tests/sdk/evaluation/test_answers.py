"""Answers beside what is true."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vidcls.contract import NEUTRAL
from vidcls.errors import ArgumentError
from vidcls.evaluation.answers import Answers, answers_of, positives


def test_a_clip_shows_its_label_or_none_of_them() -> None:
    answers = answers_of(np.zeros((3, 2), np.float32), [1, None, 0], ["a", "b"])
    assert answers.targets.tolist() == [[False, True], [False, False], [True, False]]
    assert positives(answers, ["a", "b"], NEUTRAL).tolist() == [True, False, True]
    assert positives(answers, ["a", "b"], replace(NEUTRAL, none_label="b")).tolist() == [False, False, True]
    assert answers[np.array([0, 2])].class_ids.tolist() == [1, 0]
    with pytest.raises(ArgumentError, match="clip 1 has 0 labels, expected exactly one"):
        _ = answers.class_ids


def test_logits_and_targets_are_of_the_same_clips_and_labels() -> None:
    with pytest.raises(ArgumentError, match=r"logits have the shape \(3, 2\), targets \(2, 2\)"):
        Answers(logits=np.zeros((3, 2)), targets=np.zeros((2, 2), bool))
