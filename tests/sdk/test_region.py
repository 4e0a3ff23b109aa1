"""A region is answered bit for bit as a video of its pixels is, and crops as the mean over them, at every door."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from generated import contract_fields, model_logits, write_model
from lossless import noise_frames, write_lossless
from vidcls import Prediction, VideoClassifier, VideoError
from vidcls.clips import crop_clip, read_clips
from vidcls.preprocessing import crop_frame
from vidcls.region import MAX_PROPORTION, region_box
from vidcls.video import source

# Of pictures of 107 x 60 pixels, worked out by hand: 107 * 0.25 + 0.5 = 27.25, 107 * 0.7 + 0.5 = 75.4
REGIONS: list[tuple[tuple[float, float, float, float], tuple[int, int, int, int]]] = [
    ((0.0, 0.0, 1.0, 1.0), (0, 0, 107, 60)),
    ((0.25, 0.1, 0.7, 0.9), (27, 6, 75, 54)),
    ((0.5, 0.0, 1.0, 1.0), (54, 0, 107, 60)),  # 53.5 goes up
    ((0.0, 0.5, 0.3, 1.0), (0, 30, 32, 60)),
    ((0.9, 0.0, 1.0, 0.9), (96, 0, 107, 54)),
    ((0.5, 0.5, 0.51, 0.51), (54, 30, 55, 31)),  # one pixel
]
LOGITS = 1e-4  # float32 sums over 12,000 values in onnxruntime, beside float64 in numpy


@pytest.fixture(scope="module")
def classifier(model: Path) -> VideoClassifier:
    return VideoClassifier(model, device="cpu")


@pytest.fixture(scope="module")
def stretching(tmp_path_factory: pytest.TempPathFactory) -> VideoClassifier:
    return VideoClassifier(write_model(tmp_path_factory.mktemp("model") / "model.onnx", resize="stretch"), device="cpu")


def same(one: Prediction, other: Prediction) -> None:
    """Bit for bit."""
    np.testing.assert_array_equal(one.logits, other.logits)
    np.testing.assert_array_equal(one.timestamps, other.timestamps)
    assert one.windows == other.windows


@pytest.mark.parametrize(("region", "box"), REGIONS)
@pytest.mark.parametrize("orientation", ["landscape", "portrait"])
def test_a_region_is_answered_as_a_video_of_its_pixels(
    region: Any, box: tuple[int, int, int, int], orientation: str, classifier: VideoClassifier, tmp_path: Path
) -> None:
    frames = noise_frames(frames=40, width=107, height=60)
    if orientation == "portrait":
        frames, region, box = frames.swapaxes(1, 2), swapped(region), swapped(box)
    left, top, right, bottom = box
    whole = write_lossless(tmp_path / "whole.mkv", frames)
    cut = write_lossless(tmp_path / "cut.mkv", frames[:, top:bottom, left:right])
    asked: list[dict[str, Any]] = [{}, {"views": 2, "crops": 3, "decoder": "opencv"}]
    for options in asked:
        same(classifier.predict(whole, region=region, **options), classifier.predict(cut, **options))
    picked = [10, 16, 22, 29]  # of 0.4 s to 1.2 s: frames 10 to 29, floor(j * 19 / 3)
    expected = classifier.predict_frames(np.ascontiguousarray(frames[picked, top:bottom, left:right]))
    np.testing.assert_array_equal(classifier.predict(whole, region=region).logits, expected.logits)
    np.testing.assert_array_equal(classifier.predict_frames(frames[picked], region=region).logits, expected.logits)


def swapped(edges: tuple[Any, ...]) -> tuple[Any, ...]:
    left, top, right, bottom = edges
    return top, left, bottom, right


def test_a_model_that_stretches_stretches_the_region(stretching: VideoClassifier, tmp_path: Path) -> None:
    frames = noise_frames(frames=40, width=107, height=60)
    whole = write_lossless(tmp_path / "whole.mkv", frames)
    cut = write_lossless(tmp_path / "cut.mkv", frames[:, 6:54, 27:75])
    region = (0.25, 0.1, 0.7, 0.9)
    same(stretching.predict(whole, region=region), stretching.predict(cut))
    for door in (
        lambda: stretching.predict(whole, crops=3, region=region),
        lambda: stretching.stream(whole, crops=3, region=region),
        lambda: stretching.timeline(whole, crops=3, region=region),
    ):
        with pytest.raises(ValueError, match="stretches the whole frame"):
            door()


@pytest.mark.parametrize("options", [{}, {"crops": 3}], ids=["1 crop", "3 crops"])
def test_many_a_stream_and_a_timeline_take_the_region_as_predict_does(
    options: dict[str, Any], classifier: VideoClassifier, tmp_path: Path
) -> None:
    frames = noise_frames(frames=60, width=107, height=60)
    whole = write_lossless(tmp_path / "whole.mkv", frames)
    cut = write_lossless(tmp_path / "cut.mkv", frames[:, 6:54, 27:75])
    region = (0.25, 0.1, 0.7, 0.9)

    (many,) = classifier.predict_many([whole], region=region, **options)
    assert isinstance(many, Prediction)
    same(many, classifier.predict(cut, **options))

    with classifier.stream(whole, pace="fastest", region=region, **options) as stream:
        found = list(stream)
    with classifier.stream(cut, pace="fastest", **options) as stream:
        expected = list(stream)
    assert len(found) == len(expected) == 5
    for record, right in zip(found, expected, strict=True):
        same(record.prediction, right.prediction)
        assert record.picture.shape == (60, 107, 3)  # what people see is the whole picture

    sensitive: Any = options | {"change_odds": 1}
    assert classifier.timeline(whole, region=region, **sensitive) == classifier.timeline(cut, **sensitive)


def test_three_crops_of_a_window_are_the_mean_of_predicts(classifier: VideoClassifier, tmp_path: Path) -> None:
    """Of a video one window long, against the model worked out in plain numpy for each crop."""
    frames = noise_frames(frames=20, width=107, height=60)
    video = write_lossless(tmp_path / "video.mkv", frames)
    fields = contract_fields()
    crops = read_clips(video, classifier.contract, crops=3).frames
    mean = np.mean([model_logits(crop, fields) for crop in crops], axis=0)
    with classifier.stream(video, pace="fastest", crops=3) as stream:
        (record,) = stream
    np.testing.assert_allclose(record.prediction.logits, mean, atol=LOGITS, rtol=0)
    same(record.prediction, classifier.predict(video, crops=3))
    assert len({crop.tobytes() for crop in crops}) == 3


def test_a_file_at_its_own_pace_is_given_region_and_crops(classifier: VideoClassifier, tmp_path: Path) -> None:
    frames = noise_frames(frames=20, width=107, height=60)
    whole = write_lossless(tmp_path / "whole.mkv", frames)
    cut = write_lossless(tmp_path / "cut.mkv", frames[:, 6:54, 27:75])
    with classifier.stream(whole, crops=3, region=(0.25, 0.1, 0.7, 0.9)) as stream:
        (record,) = stream
    same(record.prediction, classifier.predict(cut, crops=3))


def test_the_whole_picture_as_a_region_copies_nothing(classifier: VideoClassifier) -> None:
    frame = noise_frames(frames=1, width=107, height=60)[0]
    image = classifier.contract.image
    whole = region_box((0, 0, 1, 1), width=107, height=60)
    assert whole == (0, 0, 107, 60)
    part = frame[whole[1] : whole[3], whole[0] : whole[2]]
    assert np.shares_memory(part, frame)
    assert part.flags.c_contiguous  # else Pillow would copy it
    for crops in (1, 3):
        np.testing.assert_array_equal(
            crop_frame(frame, image, crops=crops, region=(0, 0, 1, 1)), crop_frame(frame, image, crops=crops)
        )


def test_what_lies_at_the_edge_is_found_with_a_region_or_three_crops_and_not_in_the_middle(
    classifier: VideoClassifier, tmp_path: Path
) -> None:
    """A white square in the leftmost tenth of a 16:9 picture: the centre crop is black, as if it was not there."""
    empty = np.zeros((20, 90, 160, 3), np.uint8)
    shown = empty.copy()
    shown[:, 30:60, 2:16] = 255
    without = write_lossless(tmp_path / "without.mkv", empty)
    with_it = write_lossless(tmp_path / "with.mkv", shown)

    def is_found(answers: Callable[[Path], np.ndarray]) -> bool:
        return not np.array_equal(answers(with_it), answers(without))

    def streamed(video: Path, **options: Any) -> np.ndarray:
        with classifier.stream(video, pace="fastest", **options) as stream:
            return next(stream).prediction.logits

    left = (0.0, 0.0, 0.5, 1.0)
    assert not is_found(lambda video: classifier.predict(video).logits)
    assert not is_found(streamed)
    assert is_found(lambda video: classifier.predict(video, region=left).logits)
    assert is_found(lambda video: streamed(video, region=left))
    assert is_found(lambda video: streamed(video, crops=3))


@pytest.mark.parametrize(
    ("region", "kind", "message"),
    [
        ((0.5, 0.0, 0.5, 1.0), ValueError, r"\(0.5, 0.0, 0.5, 1.0\).*left less than right"),
        ((0.0, 0.8, 1.0, 0.2), ValueError, "top less than bottom"),
        ((-0.1, 0.0, 1.0, 1.0), ValueError, "4 numbers from 0 to 1"),
        ((0.0, 0.0, 1.0, 1.5), ValueError, "4 numbers from 0 to 1"),
        ((0.0, float("nan"), 1.0, 1.0), ValueError, "4 numbers from 0 to 1"),
        ((0.0, 0.0, 1.0), ValueError, "4 numbers from 0 to 1"),
        ("0,0,1,1", TypeError, "expected a tuple of 4 numbers"),
        ((0.0, 0.0, "1", 1.0), TypeError, "expected a tuple of 4 numbers"),
        ((False, False, True, True), TypeError, "expected a tuple of 4 numbers"),
    ],
)
def test_what_is_no_region_is_refused_before_anything_is_opened(
    region: Any, kind: type[Exception], message: str, classifier: VideoClassifier
) -> None:
    frames = np.zeros((4, 60, 107, 3), np.uint8)
    for door in (
        lambda: classifier.predict("gone.mp4", region=region),
        lambda: classifier.predict(99, region=region),
        lambda: classifier.predict_many(["gone.mp4"], region=region),
        lambda: classifier.predict_frames(frames, region=region),
        lambda: classifier.stream("gone.mp4", region=region),
        lambda: classifier.stream("gone.mp4", pace="fastest", region=region),
        lambda: classifier.timeline("gone.mp4", region=region),
    ):
        with pytest.raises(kind, match=message):
            door()


@pytest.mark.parametrize(
    ("region", "message"),
    [
        (
            (0.5, 0.5, 0.504, 0.6),
            r"region \(0.5, 0.5, 0.504, 0.6\) of a picture of 107 x 60 pixels is 0 x 6 pixels, expected at least 1",
        ),
        ((0.0, 0.5, 1.0, 0.52), "region .* is 107 x 1 pixels, expected at most 100 times as long as wide"),
    ],
    ids=["no pixel", "too thin"],
)
def test_a_region_that_is_too_little_of_a_video_is_an_error_of_that_video(
    region: tuple[float, float, float, float], message: str, classifier: VideoClassifier, tmp_path: Path
) -> None:
    video = write_lossless(tmp_path / "small.mkv", noise_frames(frames=20, width=107, height=60))
    large = write_lossless(tmp_path / "large.mkv", np.zeros((20, 300, 420, 3), np.uint8))
    with pytest.raises(ValueError, match=message):
        region_box(region, width=107, height=60)
    with pytest.raises(ValueError, match=message):
        classifier.predict_frames(np.zeros((4, 60, 107, 3), np.uint8), region=region)
    for door in (
        lambda: classifier.predict(video, region=region),
        lambda: list(classifier.stream(video, region=region)),
        lambda: list(classifier.stream(video, pace="fastest", region=region)),
        lambda: classifier.timeline(video, region=region),
    ):
        with pytest.raises(VideoError, match=f"small.mkv: {message}"):
            door()
    refused, answered = classifier.predict_many([video, large], region=region)
    assert isinstance(refused, VideoError)
    assert isinstance(answered, Prediction)


def test_a_region_may_be_as_thin_as_a_video() -> None:
    assert MAX_PROPORTION == source.MAX_PROPORTION


def test_neighbouring_regions_leave_no_pixel_out_and_share_none() -> None:
    for pixels in range(20, 700):
        shares = [0, 0.1, 0.25, 1 / 3, 0.5, 0.7, 0.9, 1]
        edges = [region_box((left, 0, right, 1), width=pixels, height=pixels)[::2] for left, right in pairwise(shares)]
        assert edges[0][0] == 0
        assert edges[-1][1] == pixels
        assert all(one[1] == other[0] for one, other in pairwise(edges))


def test_a_region_from_json_will_do(classifier: VideoClassifier) -> None:
    """A list, with whole numbers."""
    frames = noise_frames(frames=4, width=107, height=60)
    region = json.loads("[0, 0, 0.5, 1]")
    np.testing.assert_array_equal(
        crop_clip(frames, classifier.contract, region=region).frames,
        crop_clip(np.ascontiguousarray(frames[:, :, :54]), classifier.contract).frames,
    )
