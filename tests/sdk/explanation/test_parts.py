"""The parts of an explanation, each with values that can be counted by hand."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from vidcls.explanation.belief import Belief, area, without_highest
from vidcls.explanation.importance import importance, log_odds
from vidcls.explanation.masks import BLOCKS, KEPT, TIMES, random_masks
from vidcls.explanation.places import main_frames, when, where
from vidcls.explanation.replacements import content, replacements

# 500 masks of 405 blocks, of which each is kept or not: the mean's standard deviation is 0.0011.
CHANCE = 0.01


@pytest.mark.parametrize("frames", [1, 3, 8, 16])
def test_masks_keep_half_of_every_frame(frames: int) -> None:
    masks = random_masks(500, frames=frames)
    assert masks.shape == (500, frames, 32, 32)
    assert masks.min() >= 0
    assert masks.max() <= 1
    assert abs(masks.mean() - KEPT) < CHANCE
    assert len(np.unique(masks[0, 0])) > 2  # edges are soft


def test_masks_have_blocks_in_space_and_time() -> None:
    """Neighbours a quarter of a block apart are alike, those two blocks apart are not; times change as blocks."""
    masks = random_masks(400, frames=16) - KEPT
    step = 32 // BLOCKS

    def likeness(one: np.ndarray, other: np.ndarray) -> float:
        return float((one * other).mean() / np.sqrt((one**2).mean() * (other**2).mean()))

    assert likeness(masks[..., 1:], masks[..., :-1]) > 0.9
    assert abs(likeness(masks[..., 2 * step :], masks[..., : -2 * step])) < 0.05
    apart = 16 // TIMES
    assert abs(likeness(masks[:, apart:], masks[:, :-apart])) < 0.05
    assert likeness(masks[:, 1:], masks[:, :-1]) == pytest.approx(0.75, abs=0.05)  # a border in one of four steps


def test_importance_is_the_covariance() -> None:
    masks = np.array([[0, 1], [1, 0], [1, 1], [0, 0]], np.float32).reshape(4, 1, 1, 2)
    scores = np.array([1.0, 3.0, 3.0, 1.0])  # hangs on the first place alone
    assert importance(scores, masks).ravel().tolist() == [0.5, 0.0]


def test_importance_makes_no_copy_of_the_masks() -> None:
    masks = random_masks(200, frames=4)
    scores = np.random.default_rng(0).normal(size=200)
    tracemalloc.start()
    try:
        importance(scores, masks)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < masks.nbytes / 4


def test_shares_are_taken_from_the_highest_on() -> None:
    found = [mask.ravel().tolist() for mask in without_highest(np.array([[[3.0, 1.0, 2.0, 0.0]]]), (0.25, 0.5))]
    assert found == [[0, 1, 1, 1], [0, 1, 0, 1]]


def test_log_odds_are_those_of_the_calibrated_probability() -> None:
    from dataclasses import replace

    from vidcls import decision as deciding
    from vidcls.contract import NEUTRAL

    logits = np.random.default_rng(0).normal(0, 3, (5, 4))
    for activation in ("softmax", "sigmoid"):
        decision = replace(NEUTRAL, activation=activation, temperature=1.7)
        expected = deciding.probabilities(logits, decision)[:, 2]
        np.testing.assert_allclose(log_odds(logits, 2, decision), np.log(expected / (1 - expected)), rtol=1e-9)


def test_the_replacements_take_away_more_and_more() -> None:
    """A light that moves is in none; a pattern that rests is in "still" alone; colours in the large in "blurred"."""
    clip = np.full((8, 32, 32, 3), 60, np.uint8)
    clip[:, ::2] = 80
    clip[:, :, 16:] += 100
    for number in range(8):
        clip[number, 4:8, 4 * number : 4 * number + 4] = 255
    still, blurred, grey = (picture[0] for _, picture in replacements(clip))
    np.testing.assert_array_equal(still, clip[0] * 0 + np.median(clip, axis=0))
    assert still.max() == 180
    assert np.abs(np.diff(blurred[..., 0], axis=0)).max() < 2
    assert blurred[:, -4:].mean() - blurred[:, :4].mean() > 50
    assert np.ptp(grey) == 0


def test_content_is_what_stands_out_now_and_not_the_ground_that_was_uncovered() -> None:
    """A light that rests for five of eight frames, and so is in the median, and then goes on."""
    clip = np.full((8, 32, 32, 3), 60, np.uint8)
    clip[:5, 8:16, 8:16] = 255
    clip[5:, 8:16, 20:28] = 255
    found = content(clip, "still")
    assert found[5:, 8:16, 20:28].min() > 150
    assert found[5:, 12, 12].max() < 0.6 * (255 - 60)  # its distance to the median alone is all of that
    assert found[:5, 8:16, 20:28].max() == 0
    np.testing.assert_array_equal(content(clip, "blurred"), np.abs(clip - dict(replacements(clip))["blurred"]).mean(-1))


def belief(highest: list[float], random: list[list[float]]) -> Belief:
    return Belief(shares=(0.0, 0.1, 1.0), highest=np.array(highest), random=np.array(random))


def test_a_map_is_believed_where_it_is_better_than_every_random_one() -> None:
    good = belief([0.9, 0.1, 0.1], [[0.9, 0.8, 0.1], [0.9, 0.7, 0.1]])
    assert good.deletion_score == pytest.approx((0.9 + 0.1) / 2 * 0.1 + 0.1 * 0.9)
    assert good.sentence() == (
        "can be believed: without the tenth that matters most 0.90 becomes 0.10, without a random tenth 0.75 (deletion "
        "score 0.14, of random maps 0.47)"
    )
    assert not belief([0.9, 0.5, 0.1], [[0.9, 0.8, 0.1], [0.9, 0.4, 0.1]]).believable
    rising = belief([0.1, 0.2, 0.9], [[0.1, 0.5, 0.9], [0.1, 0.6, 0.9]])
    assert not rising.believable
    other = belief([0.0021, 0.0004, 0.0], [[0.0021, 0.0019, 0.0]])  # a label that is not the answer
    assert "most 0.0021 becomes 0.0004, without a random tenth 0.0019 (deletion score 0.0003" in other.sentence()
    assert rising.sentence().startswith("cannot be believed, since the answer does not fall: ")
    np.testing.assert_allclose(area((0.0, 0.5, 1.0), np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]])), [1.0, 0.25])


@pytest.mark.parametrize(
    ("by_frame", "frames", "said"),
    [
        ([0, 0, 5, 0], (2, 2), "at 1.00 s"),
        ([1, 4, 4, 1], (1, 2), "from 0.50 to 1.00 s"),
        ([1, 1, 1, 1], (0, 1), "from 0.00 to 0.50 s"),
        ([4, 0, 0, 4], (0, 0), "at 0.00 s"),
        ([0, 0, 0, 0], (0, 3), "at all times"),
    ],
    ids=str,
)
def test_when_is_the_shortest_stretch_that_holds_half(
    by_frame: list[float], frames: tuple[int, int], said: str
) -> None:
    heat = np.array(by_frame, float).reshape(4, 1, 1)
    assert main_frames(heat) == frames
    assert when(heat, np.array([0.0, 0.5, 1.0, 1.5])) == said


@pytest.mark.parametrize(
    ("rows", "columns", "said"),
    [
        (slice(0, 3), slice(0, 3), "upper left"),
        (slice(6, 9), slice(6, 9), "lower right"),
        (slice(3, 6), slice(3, 6), "in the middle"),
        (slice(3, 6), slice(0, 3), "in the left part"),
        (slice(6, 9), slice(0, 9), "in the lower part"),
        (slice(0, 9), slice(0, 9), "all over the picture"),
    ],
    ids=str,
)
def test_where_is_the_third_that_holds_half(rows: slice, columns: slice, said: str) -> None:
    heat = np.zeros((2, 9, 9))
    heat[:, rows, columns] = 1
    assert where(heat) == said
