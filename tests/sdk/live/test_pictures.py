"""When pictures count as black or frozen, by pictures painted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from generated import painted_frame
from vidcls.live.pictures import BLACK_LEVEL, PictureState, PictureWatch, is_black, is_same

BLACK = np.zeros((120, 160, 3), np.uint8)


def picture(number: int) -> np.ndarray:
    return painted_frame(number, width=160, height=120)


def states(watch: PictureWatch, pictures: list[np.ndarray], *, first: int = 0) -> list[PictureState]:
    """The states after each of these, which come second by second."""
    found = []
    for at, each in enumerate(pictures, first):
        watch.add(float(at), each)
        found.append(watch.state)
    return found


def test_a_picture_is_frozen_once_it_was_the_same_for_ten_seconds(caplog: pytest.LogCaptureFixture) -> None:
    watch = PictureWatch("camera 0")
    found = states(watch, [picture(1), *[picture(2).copy() for _ in range(12)], picture(3), picture(4)])
    assert found == ["ok"] * 11 + ["frozen"] * 2 + ["ok"] * 2  # the second has come at 1 s
    begun, ended = caplog.messages
    assert begun.startswith("camera 0: its picture is frozen: the same to the last bit; restart the camera")
    assert "interlaced" in begun
    assert ended == "camera 0: its picture is all right again"


def test_a_picture_that_changes_by_one_bit_anywhere_is_not_frozen() -> None:
    watch = PictureWatch("camera 0")
    pictures = []
    for number in range(30):
        pictures.append(picture(1))
        pictures[-1][37, 99, 1] ^= number % 2  # between the rows that are looked at first
    assert states(watch, pictures) == ["ok"] * 30
    assert not is_same(pictures[0], pictures[1])
    assert not is_same(picture(1), picture(1)[:60])


def test_a_source_is_black_after_five_seconds_with_whatever_noise(caplog: pytest.LogCaptureFixture) -> None:
    random = np.random.default_rng(0)
    noise = [random.integers(0, BLACK_LEVEL + 1, BLACK.shape).astype(np.uint8) for _ in range(7)]
    found = states(PictureWatch("rtsp://door/x"), [*noise, picture(1), BLACK])
    assert found == ["ok"] * 5 + ["black"] * 2 + ["ok"] * 2
    assert caplog.messages == [
        "rtsp://door/x: its picture is black; check its lens, its light and its cable",
        "rtsp://door/x: its picture is all right again",
    ]


def test_black_is_said_of_what_is_both_and_how_that_may_come(caplog: pytest.LogCaptureFixture) -> None:
    assert states(PictureWatch("x"), [BLACK] * 20) == ["ok"] * 5 + ["black"] * 15
    (message,) = caplog.messages
    assert "interlaced" in message


def test_a_picture_is_black_where_hardly_anything_in_it_is_not() -> None:
    lit = BLACK.copy()
    lit[:, :3] = 255  # 1.9 % of it: a clock, say
    assert is_black(lit)
    lit[:, :4] = 255  # 2.5 %
    assert not is_black(lit)
    assert is_black(np.full_like(BLACK, BLACK_LEVEL))
    blue = np.full_like(BLACK, BLACK_LEVEL - 1)
    blue[..., 2] += 2
    assert not is_black(blue)
    assert not is_black(picture(0))


def test_the_time_without_a_picture_does_not_count() -> None:
    watch = PictureWatch("camera 0")
    assert states(watch, [picture(1)] * 6) == ["ok"] * 6
    watch.add(65.0, picture(1), gap_seconds=59.5)  # 5.5 s of it were watched
    assert watch.state == "ok"
    watch.add(69.4, picture(1))
    assert watch.state == "ok"
    watch.add(69.6, picture(1))
    assert watch.state == "frozen"
    watch.add(200.0, picture(1), gap_seconds=130.0)
    assert watch.state == "frozen"
