from __future__ import annotations

import pytest

from vidcls_train.data.directional_labels import directional_labels


@pytest.mark.parametrize(
    "label",
    [
        "left",
        "turn left",
        "SwipeRight",
        "swipe_left",
        "swipeleft",
        "clockwise",
        "rotate_CCW",
        "anti-clockwise",
        "lefthook",
        "LEFT hand",
    ],
)
def test_labels_that_speak_of_directions_are_found(label: str) -> None:
    assert directional_labels(["clap", label]) == [label]


@pytest.mark.parametrize("label", ["bright light", "upright row", "up", "grow", "ApplyLipstick", "clock", "Cleft lift"])
def test_other_labels_are_left_alone(label: str) -> None:
    assert directional_labels([label]) == []
