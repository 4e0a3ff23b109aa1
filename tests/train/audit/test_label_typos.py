from __future__ import annotations

import pytest

from vidcls_train.audit.label_typos import find_label_typos


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
def test_misspellings_are_found(first: str, second: str) -> None:
    assert find_label_typos([first, "another", second]) == [tuple(sorted((first, second)))]


@pytest.mark.parametrize(
    ("first", "second"),
    [("walk", "talk"), ("turn left", "turn right"), ("cam1", "cam2"), ("level 10", "level 11"), ("open", "close")],
)
def test_other_words_do_not(first: str, second: str) -> None:
    assert find_label_typos([first, second]) == []


def test_labels_of_only_punctuation_are_left_alone() -> None:
    assert find_label_typos(["?", "!"]) == []
