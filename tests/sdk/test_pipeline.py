"""Many videos: in order, one bad one among them, endless lists, and threads that end."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from generated import write_clip, write_model
from vidcls import Prediction, VideoClassifier, VideoError
from vidcls.concurrency.prefetch import map_ahead
from vidcls.pipeline import predict_each, read_source


@pytest.fixture(scope="module")
def classifier(model: Path) -> VideoClassifier:
    return VideoClassifier(model, device="cpu")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Long ones first, so that the later are decoded before the earlier."""
    folder = tmp_path_factory.mktemp("clips")
    return [write_clip(folder / f"{frames}.mp4", frames=frames) for frames in (200, 150, 80, 30, 5, 1)]


def assert_same(found: Prediction | VideoError, expected: Prediction) -> None:
    assert isinstance(found, Prediction)
    np.testing.assert_array_equal(found.logits, expected.logits)
    np.testing.assert_array_equal(found.timestamps, expected.timestamps)
    assert found.windows == expected.windows
    assert set(found.timing_ms) == set(expected.timing_ms)


@pytest.mark.parametrize("options", [{}, {"views": 2, "crops": 3}], ids=str)
def test_answers_are_those_of_predict_in_the_order_of_the_videos(
    options: dict[str, Any], classifier: VideoClassifier, clips: list[Path]
) -> None:
    expected = [classifier.predict(clip, **options) for clip in clips]
    assert len({prediction.logits.tobytes() for prediction in expected}) == len(clips)
    for found, right in zip(classifier.predict_many(clips * 2, **options), expected * 2, strict=True):
        assert_same(found, right)


def test_a_bad_video_answers_in_its_place_and_the_rest_go_on(
    classifier: VideoClassifier, clips: list[Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    videos: list[str | Path] = [broken, clips[0], "gone.mp4", clips[1], broken]
    answers = list(classifier.predict_many(videos))
    assert [isinstance(answer, VideoError) for answer in answers] == [True, False, True, False, True]
    assert str(answers[2]) == "gone.mp4: there is no such file"
    for place in (1, 3):
        assert_same(answers[place], classifier.predict(videos[place]))


def test_what_is_fetched_is_looked_at_in_its_videos_place(classifier: VideoClassifier, clips: list[Path]) -> None:
    held: list[str] = []

    @contextmanager
    def fetch(name: Any) -> Iterator[Any]:
        if name == "gone":
            raise VideoError(name, "cannot be fetched")
        held.append(name)
        yield clips[int(name)]
        held.remove(name)

    answers = list(
        predict_each(
            ["4", "gone", "3"],
            partial(read_source, contract=classifier.contract),
            classifier.predict_clips,
            fetch=fetch,
        )
    )
    assert_same(answers[0], classifier.predict(clips[4]))
    assert str(answers[1]) == "gone: cannot be fetched"
    assert_same(answers[2], classifier.predict(clips[3]))
    assert held == []


def test_no_videos_no_answers(classifier: VideoClassifier) -> None:
    assert list(classifier.predict_many([])) == []


def test_wrong_arguments_are_refused_at_once(classifier: VideoClassifier) -> None:
    with pytest.raises(ValueError, match="crops is 2"):
        classifier.predict_many(["gone.mp4"], crops=2)
    with pytest.raises(TypeError, match="video is None, expected a path"):
        list(classifier.predict_many([None]))  # type: ignore[list-item]


def test_clips_that_were_read_for_another_model_are_refused(
    classifier: VideoClassifier, clips: list[Path], tmp_path: Path
) -> None:
    own = read_source(clips[0], classifier.contract)
    others = [
        read_source(clips[0], VideoClassifier(write_model(tmp_path / "longer.onnx", frames=8)).contract),
        read_source(clips[0], VideoClassifier(write_model(tmp_path / "larger.onnx", size=48)).contract),
        replace(own, frames=own.frames / 255),  # type: ignore[arg-type]  # of which normalising made black ones
        replace(own, frames=own.frames[:0]),
    ]
    for given in others:
        with pytest.raises(
            ValueError, match=r"^clips hold frames .*, expected uint8 \[1 or more, 4, 32, 32, 3\]; read"
        ):
            classifier.predict_clips(given)
    assert_same(classifier.predict_clips(own), classifier.predict(clips[0]))


def test_an_endless_list_is_taken_as_it_is_needed_and_closing_ends_the_threads(
    classifier: VideoClassifier, clips: list[Path]
) -> None:
    before = set(threading.enumerate())  # one of an earlier test may end meanwhile

    def own_threads() -> list[threading.Thread]:
        """But for the one that limits runs, which ends where there is none for a moment, and is started again."""
        return [each for each in {*threading.enumerate()} - before if each.name != "vidcls run limit"]

    taken: list[Path] = []

    def endless() -> Iterator[Path]:
        for clip in itertools.cycle(clips[-2:]):
            taken.append(clip)
            yield clip

    answers = classifier.predict_many(endless())
    for _ in range(5):
        assert isinstance(next(answers), Prediction)
    assert 5 <= len(taken) <= 5 + len(own_threads()) + 1  # a thread each, and one to spare
    answers.close()
    assert not own_threads()


def test_threads_that_share_a_classifier_get_their_own_answers(classifier: VideoClassifier, clips: list[Path]) -> None:
    expected = [classifier.predict(clip) for clip in clips]
    failures: list[BaseException] = []

    def check() -> None:
        try:
            for found, right in zip(classifier.predict_many(clips * 2), expected * 2, strict=True):
                assert_same(found, right)
        except AssertionError as error:
            failures.append(error)

    threads = [threading.Thread(target=check) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_results_keep_the_order_of_their_items_and_work_overlaps() -> None:
    meeting = threading.Barrier(3, timeout=60)

    def work(item: int) -> int:
        meeting.wait()  # three items at the same time, or nobody gets past
        time.sleep(0.01 * (3 - item % 3))
        return item

    assert list(map_ahead(work, range(12), threads=3)) == list(range(12))


def test_what_work_raises_is_raised_in_its_place() -> None:
    results = map_ahead(lambda item: 1 / item, [1, 2, 0, 4], threads=2)
    assert [next(results), next(results)] == [1, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(results)
