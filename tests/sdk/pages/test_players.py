"""Clips that play: each frame is where the script looks for it, and a page stays small."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from html_page import Page
from vidcls.errors import VideoError
from vidcls.pages.players import MOST_CLIPS, MOST_JPEG_BYTES, Shown, clip_list, clip_player

# JPEG at the qualities used here moves an even grey by a level or two.
JPEG_LEVELS = 4


def strip(page: Page) -> tuple[np.ndarray, dict[str, str], dict[str, str]]:
    (image,), (picture,) = page.all("image"), page.all("svg")
    data = base64.b64decode(image["href"].partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data))), image, picture


def player(frames: np.ndarray, **options: Any) -> Page:
    settings: dict[str, Any] = {"seconds": 2.0, "facts": [], "alt": "a clip", "most_bytes": 10**6}
    return Page(clip_player(frames, **(settings | options)))


@pytest.mark.parametrize(("height", "width"), [(32, 32), (50, 37), (224, 224), (120, 300)])
def test_each_frame_is_where_the_script_moves_the_picture_to(height: int, width: int) -> None:
    frames = np.stack([np.full((height, width, 3), 10 + 30 * number, np.uint8) for number in range(8)])
    page = player(frames)
    pixels, image, picture = strip(page)
    assert (int(image["x"]), int(image["width"]), int(image["height"])) == (0, pixels.shape[1], pixels.shape[0])
    _, _, shown_width, shown_height = map(int, picture["viewbox"].split())
    step = int(image["width"]) // 8  # as the script takes it
    for number in range(8):
        shown = pixels[:shown_height, step * number : step * number + shown_width]
        assert np.abs(shown.astype(int) - (10 + 30 * number)).max() <= JPEG_LEVELS
    assert shown_height == pytest.approx(shown_width * height / width, abs=0.51)
    (slider,) = page.all("input")
    assert (slider["min"], slider["max"], slider["value"]) == ("0", "7", "0")


def test_without_scripts_the_first_frame_shows_and_no_control_that_does_nothing() -> None:
    page = player(np.zeros((4, 32, 32, 3), np.uint8))
    assert page.all("image")[0]["x"] == "0"
    assert "hidden" in page.all("div", class_="controls")[0]


def test_of_many_frames_some_are_shown_spread_over_the_clip() -> None:
    frames = np.stack([np.full((16, 16, 3), number, np.uint8) for number in range(250)])
    page = player(frames)
    pixels, image, _ = strip(page)
    assert page.all("input")[0]["max"] == "31"
    step = int(image["width"]) // 32
    values = pixels[8, step // 2 :: step].mean(axis=1)
    assert values == pytest.approx(np.linspace(0, 249, 32), abs=JPEG_LEVELS + 1)


def test_a_clip_that_does_not_shrink_well_gets_a_smaller_picture() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (4, 224, 224, 3), dtype=np.uint8)
    large, small = player(noise), player(noise, most_bytes=50_000)
    assert len(base64.b64decode(small.all("image")[0]["href"].partition(",")[2])) <= 50_000
    assert int(small.all("image")[0]["height"]) < int(large.all("image")[0]["height"])


def test_a_page_shows_sixteen_clips_says_how_many_it_leaves_out_and_stays_small() -> None:
    rng = np.random.default_rng(0)
    clips = [Shown(number=number, facts=(("file", f"{number}.mp4"),), alt=f"clip {number}") for number in range(40)]
    html = clip_list(clips, lambda _: rng.integers(0, 256, (2, 160, 160, 3), dtype=np.uint8), seconds=2.0)
    page = Page(html)
    assert len(page.all("image")) == MOST_CLIPS
    assert f"{40 - MOST_CLIPS} more are not shown here." in page.text
    assert [found["aria-label"] for found in page.all("svg")] == [f"clip {number}" for number in range(MOST_CLIPS)]
    assert len(html) <= MOST_JPEG_BYTES * 4 / 3 + 50_000


def test_a_clip_that_cannot_be_read_any_more_is_named() -> None:
    def frames_of(_: int) -> np.ndarray:
        raise VideoError("gone.mp4", "does not exist")

    page = Page(clip_list([Shown(number=0, facts=(("file", "gone.mp4"),), alt="")], frames_of, seconds=2.0))
    assert "cannot be read any more" in page.text
    assert page.all("image") == []
