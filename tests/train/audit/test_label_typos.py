from __future__ import annotations

import pytest

from vidcls_train.audit.label_typos import look_alike


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("jump", "Jump"),
        ("open door", "open_door"),
        ("BabyCrawling", "baby-crawling"),
        ("archery", "archry"),
        ("archery", "acrhery"),
        ("basketball", "basketbaal"),
        ("basketball", "baskettballl"),
        ("waves", "wave"),
    ],
)
def test_misspellings_look_alike(first: str, second: str) -> None:
    assert look_alike([first, "another", second]) == [tuple(sorted((first, second)))]


@pytest.mark.parametrize(
    ("first", "second"),
    [("walk", "talk"), ("turn left", "turn right"), ("cam1", "cam2"), ("level 10", "level 11"), ("open", "close")],
)
def test_other_words_do_not(first: str, second: str) -> None:
    assert look_alike([first, second]) == []


def test_labels_of_only_punctuation_are_left_alone() -> None:
    assert look_alike(["?", "!"]) == []
