"""Windows that are answered again without the model: which, and with what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from generated import painted_frame
from vidcls import Prediction, VideoClassifier
from vidcls.clips import SampledClips
from vidcls.live.repeats import CHANGED_LEVELS, Repeats, changed_share
from vidcls.live.stream import open_stream

# Pixels of a frame of 32 x 32.
PIXELS = 1024


@pytest.fixture(scope="module")
def classifier(model: Path) -> VideoClassifier:
    return VideoClassifier(model, device="cpu")


class Model:
    """What answers, and how often it was run."""

    def __init__(self, classifier: VideoClassifier) -> None:
        self._classifier, self.runs = classifier, 0

    def __call__(self, clips: SampledClips) -> Prediction:
        self.runs += 1
        return self._classifier.predict_clips(clips)


def clips(frames: np.ndarray, *, start: float) -> SampledClips:
    return SampledClips(
        frames=frames[None],
        windows=[(start, start + 0.8)],
        timestamps=np.array([[start, start + 0.2, start + 0.4, start + 0.6]]),
        decoded_share=None,
        decode_ms=0.0,
        crop_ms=0.0,
    )


def painted(first: int) -> np.ndarray:
    return np.stack([painted_frame(number, width=32, height=32) for number in range(first, first + 4)])


def test_what_is_the_same_to_the_last_bit_is_answered_again_at_its_own_time(classifier: VideoClassifier) -> None:
    model, repeats = Model(classifier), Repeats(motion=0.0)
    first, is_first_repeated = repeats.answer(clips(painted(0), start=0.0), model)
    again, is_repeated = repeats.answer(clips(painted(0).copy(), start=7.0), model)
    assert (is_first_repeated, is_repeated, model.runs) == (False, True, 1)
    np.testing.assert_array_equal(again.logits, first.logits)
    assert again.windows == [(7.0, 7.8)]
    np.testing.assert_array_equal(again.timestamps, clips(painted(0), start=7.0).timestamps)
    assert set(again.timing_ms.values()) == {0.0}
    assert first.windows == [(0.0, 0.8)]


def test_one_level_of_one_pixel_is_enough_for_the_model_to_be_run(classifier: VideoClassifier) -> None:
    model, repeats = Model(classifier), Repeats(motion=0.0)
    frames, changed = painted(0), painted(0)
    changed[3, 31, 31, 2] ^= 1
    answers = [repeats.answer(clips(each, start=0.0), model)[0] for each in (frames, changed, changed, frames)]
    assert model.runs == 3  # the fourth is the first, but not the last that was answered
    for answer, each in zip(answers, (frames, changed, changed, frames), strict=True):
        np.testing.assert_array_equal(answer.logits, classifier.predict_clips(clips(each, start=0.0)).logits)


def test_the_changed_share_is_of_the_frame_with_most_changed_pixels() -> None:
    before = np.full((1, 4, 32, 32, 3), 100, np.uint8)
    frames = before.copy()
    frames[0, 1, 0, :10, 0] += CHANGED_LEVELS + 1  # ten pixels of one colour
    frames[0, 2, 0, :30, 1] -= CHANGED_LEVELS + 1  # thirty, darker
    frames[0, 3, :, :, :] += CHANGED_LEVELS  # all, but by too little
    assert changed_share(before, frames) == 30 / PIXELS
    assert changed_share(frames, before) == 30 / PIXELS
    frames[0, 3, :, :, 2] += 1
    assert changed_share(before, frames) == 1


def test_motion_is_the_share_from_which_on_the_model_is_run(classifier: VideoClassifier) -> None:
    still, moved = np.full((4, 32, 32, 3), 100, np.uint8), np.full((4, 32, 32, 3), 100, np.uint8)
    moved[2, 0, :10] = 200
    for motion, runs in ((10 / PIXELS, 2), (10.5 / PIXELS, 1)):
        model, repeats = Model(classifier), Repeats(motion=motion)
        for each in (still, moved):
            repeats.answer(clips(each, start=0.0), model)
        assert model.runs == runs


@pytest.mark.parametrize(
    ("side", "level", "repeated"),
    [(7, 200, True), (8, 200, False), (100, CHANGED_LEVELS, True), (100, CHANGED_LEVELS + 1, False)],
    ids=["too small", "large enough", "too faint", "bright enough"],
)
def test_what_moves_is_missed_where_it_is_small_or_faint(
    side: int, level: int, repeated: bool, classifier: VideoClassifier
) -> None:
    """A square on black, in crops of 224 x 224, that moves by its own width; at 0.002, the value of the guide."""
    answer = classifier.predict_clips(clips(painted(0), start=0.0))
    repeats, answers = Repeats(motion=0.002), []
    for left in (0, side):
        frames = np.zeros((4, 224, 224, 3), np.uint8)
        frames[:, :side, left : left + side] = level
        answers.append(repeats.answer(clips(frames, start=0.0), lambda _: answer)[1])
    assert answers == [False, repeated]


def test_slow_change_adds_up_from_the_last_window_that_was_answered(classifier: VideoClassifier) -> None:
    model, repeats = Model(classifier), Repeats(motion=0.01)
    repeated = []
    for number in range(11):  # 4 levels brighter each time: the fifth differs by 20
        frames = np.full((4, 32, 32, 3), 100 + 4 * number, np.uint8)
        repeated.append(repeats.answer(clips(frames, start=0.0), model)[1])
    assert repeated == [False, *[True] * 4, False, *[True] * 4, False]
    assert model.runs == 3


def film(path: Path, numbers: list[int]) -> Path:
    """These painted frames at 25 fps, without loss."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), 25, (160, 120))
    assert writer.isOpened()
    for number in numbers:
        writer.write(painted_frame(number, width=160, height=120))
    writer.release()
    return path


@pytest.mark.clock
@pytest.mark.parametrize("pace", ["fastest", "realtime"])
def test_a_stream_runs_its_model_only_for_what_is_new_and_answers_the_same(
    pace: Any, classifier: VideoClassifier, tmp_path: Path
) -> None:
    path = film(tmp_path / "still.avi", [1] * 40 + list(range(1, 21)))
    model = Model(classifier)
    options: dict[str, Any] = {"step_seconds": 0.4, "timeout_seconds": 5, "decoder": "auto"}
    with open_stream(path, classifier.contract, model, pace=pace, **options) as stream:
        records = list(stream)
    assert [record.repeated for record in records] == [False, True, True, False, False]
    assert model.runs == 3
    with open_stream(path, classifier.contract, classifier.predict_clips, pace="fastest", **options) as stream:
        for record, plain in zip(records, stream, strict=True):
            np.testing.assert_array_equal(record.prediction.logits, plain.prediction.logits)
            assert record.prediction.windows == [record.window] == [plain.window]


@pytest.mark.parametrize("motion", [-0.1, 1.5, float("nan")])
def test_a_motion_that_is_no_share_is_refused(motion: float, classifier: VideoClassifier) -> None:
    with pytest.raises(ValueError, match=rf"^motion is {motion}, expected a share of the picture, from 0 to 1$"):
        classifier.stream("clip.mp4", motion=motion)
