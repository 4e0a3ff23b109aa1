"""Frames in memory: the same answer as the file that they were decoded from, and what is no frames said so.

Tensors: tests/parity/test_tensors.py, where PyTorch is at hand.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image as PillowImage

from generated import contract_fields, model_logits, write_av_clip, write_model
from vidcls import VideoClassifier
from vidcls.inputs.frames import as_frames, frame_times
from videos import reference_pixels

# A variable rate, as of a telephone, with a gap: a window by index would hold other frames than one by time.
MILLISECONDS = [0, 40, 80, 130, 170, 300, 340, 350, 900, 940, 980, 1020, 1060, 1100, 1500, 1540, 1590, 1700, 1990, 2030]
# Float32 sums of 12288 products, against numpy's in float64 (tests/sdk/test_classifier.py).
LOGIT = 5e-5


@pytest.fixture(scope="module")
def classifier(model: Path) -> VideoClassifier:
    return VideoClassifier(model, device="cpu")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    return write_av_clip(path, frames=len(MILLISECONDS), milliseconds=MILLISECONDS)


@pytest.fixture(scope="module")
def decoded(film: Path) -> tuple[list[np.ndarray], list[float]]:
    """Its frames, uint8 RGB [H, W, 3], and their times, by PyAV."""
    with av.open(str(film)) as container:
        shown = [(reference_pixels(frame), frame.time) for frame in container.decode(video=0)]
    return [frame for frame, _ in shown], [time for _, time in shown if time is not None]


def random_frames(count: int = 4, *, height: int = 32, width: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, size=(count, height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("options", [{}, {"views": 3, "crops": 3}, {"region": (0.5, 0.0, 1.0, 1.0)}], ids=str)
def test_a_films_frames_and_times_give_the_answer_of_the_film(
    options: dict[str, Any], classifier: VideoClassifier, film: Path, decoded: tuple[list[np.ndarray], list[float]]
) -> None:
    frames, times = decoded
    expected = classifier.predict(film, **options)
    late = [time + 100.0 for time in times]  # from whatever zero, up to a rounding of 1e-14
    for given, shown in ((frames, times), (np.stack(frames), np.array(late)), (tuple(frames), tuple(times))):
        found = classifier.predict(given, times=shown, **options)
        np.testing.assert_array_equal(found.logits, expected.logits)
        np.testing.assert_allclose(found.timestamps, expected.timestamps, rtol=0, atol=1e-9)
        np.testing.assert_allclose(found.windows, expected.windows, rtol=0, atol=1e-9)
    by_index = classifier.predict(frames, fps=25.0, **options)
    assert by_index.logits.tobytes() != expected.logits.tobytes()


def test_a_rate_says_when_frames_are_shown(classifier: VideoClassifier, tmp_path: Path) -> None:
    film = write_av_clip(tmp_path / "steady.mkv", frames=50, rate=25)
    with av.open(str(film)) as container:
        frames = [reference_pixels(frame) for frame in container.decode(video=0)]
    expected = classifier.predict(film, views=2)
    for fps in (25, 25.0, Fraction(25), np.float32(25)):
        found = classifier.predict(frames, fps=fps, views=2)  # type: ignore[arg-type]
        np.testing.assert_array_equal(found.logits, expected.logits)
    assert found.decoded_share is None


def test_as_many_frames_as_the_model_takes_are_taken_as_they_are_and_others_are_picked_evenly(
    classifier: VideoClassifier,
) -> None:
    frames = random_frames(11)
    for count, picked in (
        (4, [0, 1, 2, 3]),
        (1, [0, 0, 0, 0]),
        (2, [0, 0, 0, 1]),
        (5, [0, 1, 2, 4]),
        (11, [0, 3, 6, 10]),
    ):
        found = classifier.predict_frames(frames[:count])
        np.testing.assert_array_equal(found.logits, classifier.predict_frames(frames[picked]).logits, str(count))
        assert (found.windows, found.timestamps.shape) == ([], (0, 4))
    np.testing.assert_allclose(
        classifier.predict_frames(frames[:4]).logits, model_logits(frames[:4], contract_fields()), rtol=0, atol=LOGIT
    )


def test_a_model_of_one_frame_takes_the_first(tmp_path: Path) -> None:
    classifier = VideoClassifier(write_model(tmp_path / "one.onnx", frames=1))
    frames = random_frames(3)
    np.testing.assert_array_equal(
        classifier.predict_frames(frames).logits, classifier.predict_frames(frames[:1]).logits
    )


def test_colours_are_read_in_the_order_that_is_said(classifier: VideoClassifier) -> None:
    frames = random_frames()
    bgr = np.ascontiguousarray(frames[..., ::-1])
    expected = classifier.predict_frames(frames).logits
    np.testing.assert_array_equal(classifier.predict_frames(bgr, channels="bgr").logits, expected)
    np.testing.assert_array_equal(
        classifier.predict(list(bgr), fps=5.0, channels="bgr").logits, classifier.predict(frames, fps=5.0).logits
    )
    assert classifier.predict_frames(bgr).logits.tobytes() != expected.tobytes()


@pytest.mark.parametrize(
    "held",
    [
        lambda frames: [list(frames), tuple(frames), frames[:, :, ::-1][:, :, ::-1]],
        lambda frames: [[PillowImage.fromarray(frame) for frame in frames]],
    ],
    ids=["arrays", "pictures"],
)
def test_frames_are_taken_however_they_are_held(
    held: Callable[[np.ndarray], list[Any]], classifier: VideoClassifier
) -> None:
    frames = random_frames()
    expected = classifier.predict_frames(frames).logits
    for given in held(frames):
        np.testing.assert_array_equal(classifier.predict_frames(given).logits, expected)


def test_arrays_are_not_copied() -> None:
    frames = random_frames(3)
    assert all(np.shares_memory(frame, frames) for given in (frames, list(frames)) for frame in as_frames(given))
    assert all(np.shares_memory(frame, frames) for frame in as_frames(frames, channels="bgr"))


def _full(*shape: int, dtype: Any = np.uint8) -> np.ndarray:
    return np.zeros(shape, dtype)


class OnACard:
    """What PyTorch gives for a tensor on a card, as far as it is asked for."""

    class device:  # noqa: N801
        type = "cuda"

    dtype, shape = "torch.uint8", (4, 32, 32, 3)

    def __array__(self) -> np.ndarray:
        raise TypeError("can't convert cuda:0 device type tensor to numpy")


@pytest.mark.parametrize(
    ("frames", "problem"),
    [
        (
            _full(4, 32, 32, 3, dtype=np.float32),
            "frames is an array of float32, expected a uint8 .* 255; .*255.*astype",
        ),
        (_full(4, 32, 32, 3, dtype=np.int64), r"frames is an array of int64, .*astype\('uint8'\)"),
        (np.array([_full(3, 3, 3), None], dtype=object), "frames is an array of object, .*list of frames of one size"),
        ([[[[0, 0, 0]]]] * 4, r"frame 0 is a list, expected a uint8 numpy array \[H, W, 3\], RGB"),
        ([_full(32, 32, 3), None], "frame 1 is a NoneType, expected"),
        (None, "frames is a NoneType, expected a uint8 numpy array"),
        (["a.jpg", "b.jpg"], r"holds names instead of pixels \('a.jpg'\); predict_many .*PIL.Image.open"),
        (np.array(["a.jpg", "b.jpg"]), "holds names instead of pixels"),
        (np.array(["a.jpg", Path("b.jpg")], dtype=object), "holds names instead of pixels"),  # as pandas has them
        (OnACard(), "is a tensor on .*bring it to the CPU first, by its cpu"),
    ],
)
def test_what_is_no_pixels_is_a_type_error(frames: Any, problem: str) -> None:
    with pytest.raises(TypeError, match=problem):
        as_frames(frames)


@pytest.mark.parametrize(
    ("frames", "problem"),
    [
        (_full(4, 3, 32, 32), r"shape \[4, 3, 32, 32\], expected \[T, H, W, 3\]; .*transpose\(0, 2, 3, 1\)"),
        (_full(3, 4, 32, 32), r"transpose\(1, 2, 3, 0\)"),
        (_full(4, 32, 32, 4), r"frames\[\.\.\., :3\]"),
        (_full(4, 32, 32), "gray frames become RGB"),
        (_full(4, 32, 32, 1), "gray frames become RGB"),
        (_full(32, 32, 3), r"one frame is given as \[frame\]"),
        (_full(1, 4, 32, 32, 3), "frames of one video at a time"),
        (_full(32), "whole frames"),
        (_full(4, 0, 32, 3), "at least one frame, of at least one pixel"),
        (_full(0, 32, 32, 3), "at least one frame, of at least one pixel"),
        ([], "frames is empty, expected at least one frame"),
        ([_full(32, 32)] * 4, r"frame 0 has shape \[32, 32\], expected \[H, W, 3\]; gray"),
        ([_full(3, 32, 32)] * 4, r"transpose\(1, 2, 0\)"),
        ([_full(32, 32, 3), _full(24, 32, 3)], "frame 1 is 32 x 24 pixels and frame 0 32 x 32, expected .* one size"),
        (_full(2, 1, 101, 3), "101 x 1 pixels, expected at most 100 times as long as wide"),
    ],
)
def test_what_has_another_shape_is_a_value_error_that_says_what_to_do(frames: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        as_frames(frames)


@pytest.mark.parametrize(
    "mode", ["YCbCr", "HSV", "LAB", "P", "PA", "L", "LA", "1", "RGBA", "RGBX", "CMYK", "I;16", "F"]
)
def test_pictures_whose_pixels_are_not_red_green_and_blue_say_how_to_convert_them(mode: str) -> None:
    picture: Any = PillowImage.new(mode, (32, 24))
    with pytest.raises(TypeError, match=rf"frame 1 is a picture of mode '{mode}', expected 'RGB'; .*convert\('RGB'\)"):
        as_frames([picture.convert("RGB"), picture])


@pytest.mark.parametrize("mode", ["YCbCr", "HSV", "P", "RGBA", "CMYK"])
def test_pictures_converted_as_the_message_says_are_taken(mode: str) -> None:
    picture = PillowImage.new("RGB", (32, 24), (204, 102, 51)).convert(mode)
    converted: Any = picture.convert("RGB")
    (frame,) = as_frames([converted])
    assert np.abs(frame.astype(int) - (204, 102, 51)).max() <= 3  # as near as the mode itself comes


@pytest.mark.parametrize("channels", ["BGR", "rgba", 3, None])
def test_another_order_of_colours_is_refused(channels: Any) -> None:
    with pytest.raises(ValueError, match=r"channels is .*, expected one of 'rgb', 'bgr'"):
        as_frames(_full(4, 32, 32, 3), channels=channels)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, r"give fps=25\.0 or times=\[\.\.\.\] in seconds, or call predict_frames"),
        ({"fps": 25.0, "times": [0, 1, 2]}, "give one of them"),
        ({"fps": 0}, "fps is 0, expected frames per second"),
        ({"fps": -25}, "fps is -25"),
        ({"fps": float("nan")}, "fps is nan"),
        ({"fps": float("inf")}, "fps is inf"),
        ({"fps": 1e-308}, "fps is 1e-308"),
        ({"times": [0.0, 0.1]}, "times has length 2 and there are 3 frames, expected one time in seconds per frame"),
        ({"times": [[0.0, 0.1, 0.2]]}, r"times has shape \[1, 3\]"),
        (
            {"times": [0.0, 0.1, 0.1]},
            r"times\[2\] is 0\.1 and times\[1\] 0\.1, expected seconds that strictly increase",
        ),
        ({"times": [0.2, 0.1, 0.3]}, r"times\[1\] is 0\.1 and times\[0\] 0\.2"),
        ({"times": [0.0, float("nan"), 0.2]}, r"times\[1\] is nan"),
        ({"times": [0.0, None, 0.2]}, r"times\[1\] is nan"),  # as PyAV's frames have it, where nobody knows
    ],
)
def test_frames_without_times_that_can_be_used_are_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        frame_times(3, **options)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"fps": "25"}, "fps is '25', expected a number of frames per second, such as 25"),
        ({"fps": True}, "fps is True"),
        ({"times": "abc"}, "times holds what is no number"),
        ({"times": ["a", "b", "c"]}, "times holds what is no number"),
        ({"times": [timedelta(seconds=second) for second in range(3)]}, "times holds what is no number"),
        ({"times": np.arange(3).astype("timedelta64[ms]")}, r"times holds timedelta64\[ms\], .*timedelta64\(1, 's'\)"),
        ({"times": list(np.arange(3).astype("datetime64[ns]"))}, r"times holds datetime64\[ns\], expected the seconds"),
        ({"times": np.arange(3) * 1j}, "times holds complex128, expected the seconds"),
    ],
)
def test_times_that_are_no_numbers_are_a_type_error(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(TypeError, match=problem):
        frame_times(3, **options)


def test_dates_become_seconds_as_the_message_says() -> None:
    times = np.datetime64("2026-11-30T09:51:30", "ms") + np.arange(0, 120, 40).astype("timedelta64[ms]")
    assert frame_times(3, times=(times - times[0]) / np.timedelta64(1, "s")) == [0.0, 0.04, 0.08]


def test_options_that_do_not_go_together_are_refused(classifier: VideoClassifier, clip: Path) -> None:
    frames = random_frames(50)
    for options in ({"fps": 25.0}, {"times": [0.0]}, {"times": np.array([0.0, 0.1])}, {"channels": "bgr"}):
        with pytest.raises(ValueError, match="fps, times and channels are those of frames in memory"):
            classifier.predict(clip, **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="decoder is 'opencv', but frames are decoded already"):
        classifier.predict(frames, fps=25.0, decoder="opencv")
    with pytest.raises(ValueError, match=r"give fps=25\.0 or times="):
        classifier.predict(frames)
    with pytest.raises(ValueError, match="views is 0"):
        classifier.predict(frames, fps=25.0, views=0)
