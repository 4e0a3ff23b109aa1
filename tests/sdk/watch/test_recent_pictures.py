"""Which pictures of a camera are kept, computed by hand."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from vidcls.watch.recent_pictures import Kept, RecentPictures


def filled(seconds: Iterable[float], *, size: int = 10, max_bytes: int = 1000, span: float = 5.0) -> RecentPictures:
    pictures = RecentPictures(seconds=span, max_bytes=max_bytes, max_held=2)
    for each in seconds:
        pictures.add(Kept(each, bytes(size)))
    return pictures


def kept(pictures: RecentPictures) -> list[float]:
    return [each.at for each in pictures.between(-1e6, 1e6)]


def test_old_ones_are_forgotten() -> None:
    pictures = filled(range(20))
    assert kept(pictures) == [14, 15, 16, 17, 18, 19]
    assert pictures.newest == 19
    assert pictures.bytes == 60


def test_a_stretch_begins_with_what_was_shown_then() -> None:
    pictures = filled([0, 2, 4])
    assert [each.at for each in pictures.between(1, 2)] == [0, 2]
    assert [each.at for each in pictures.between(2, 9)] == [0, 2, 4]
    assert [each.at for each in pictures.between(3, 9)] == [2, 4]
    assert list(pictures.between(-9, -5)) == []


def test_a_held_stretch_stays_until_it_is_let_go() -> None:
    pictures = filled(range(5))
    pictures.hold("fall", start=2, end=6)
    for each in range(5, 30):
        pictures.add(Kept(each, bytes(10)))
    assert kept(pictures) == [2, 3, 4, 5, 6, *range(24, 30)]
    pictures.let_go("fall")
    pictures.let_go("fall")
    pictures.add(Kept(30, bytes(10)))
    assert kept(pictures) == [25, 26, 27, 28, 29, 30]


def test_of_too_many_held_stretches_the_first_is_let_go() -> None:
    pictures = filled([])
    for number in range(3):
        pictures.hold(str(number), start=10 * number, end=10 * number)
    for each in range(60):
        pictures.add(Kept(each, bytes(10)))
    assert kept(pictures) == [10, 20, *range(54, 60)]


def test_memory_is_bounded_by_the_oldest_first_and_by_new_ones_where_all_are_held() -> None:
    pictures = filled(range(6), max_bytes=45, span=100)
    assert (kept(pictures), pictures.bytes) == ([2, 3, 4, 5], 40)
    pictures.hold("fall", start=3, end=100)
    for each in range(6, 20):
        pictures.add(Kept(each, bytes(10)))
        assert pictures.bytes <= 45
    assert kept(pictures) == [3, 4, 5, 6]


@pytest.mark.parametrize("later", [3.5, 0.5, -1000])
def test_time_that_goes_back_takes_what_would_be_later(later: float) -> None:
    pictures = filled([1, 2, 3, 4])
    pictures.add(Kept(later, bytes(10)))
    assert kept(pictures) == [*(each for each in (1, 2, 3, 4) if each < later), later]
    assert pictures.newest == later
