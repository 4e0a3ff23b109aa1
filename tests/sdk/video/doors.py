"""Every door that a video comes in by, and what is right at each: written out from the design, not a line of vidcls.

A door is a function of a video's path that gives what it made of the film, or raises.
"""

from __future__ import annotations

import io
import itertools
import json
import logging
import math
import shutil
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import awkward
from generated import CHECKPOINT_SECTIONS, contract_fields, model_weights
from parity import reference
from vidcls import Prediction, VideoClassifier, VideoError
from vidcls.cli.main import main
from vidcls.clips import SampledClips, read_clips
from vidcls.contract import Contract, from_json
from vidcls.pipeline import predict_each, read_source
from vidcls.video.folders import VIDEO_EXTENSIONS
from vidcls.video.reader import Decoder, iter_frames, read_times
from videos import painted, reference_pixels

# Exact fractions against the floats of a container's clock; a frame lasts a thousand times longer.
SECONDS = 1e-6
# Frames; how long the last one of more than these lasts may be taken from the average rate.
LONG = 3000
# Logits spread over several units; float32 against float64.
LOGITS = 2e-3
# Less than this is told to the user.
WHOLE_SHARE = 0.98

# Stretched, so that no crop cuts off what numbers a frame.
KIND: dict[str, Any] = {"frames": 6, "clip_seconds": 0.31, "size": 64, "resize": "stretch"}
FIELDS = contract_fields(**KIND)
CLIP = Fraction(FIELDS["sampling"]["clip_seconds"])


@cache
def _weights() -> np.ndarray:
    return model_weights(FIELDS).astype(np.float64)


@cache
def contract() -> Contract:
    checkpoint = {name: FIELDS[name] for name in CHECKPOINT_SECTIONS}
    return from_json(Contract, json.dumps(checkpoint), where="test")


def _answer(pixels: np.ndarray) -> np.ndarray:
    """float64 [labels]: the model's logits of uint8 RGB [T, 64, 64, 3]."""
    normal = (pixels.astype(np.float64) / 255 - FIELDS["image"]["mean"]) / FIELDS["image"]["std"]
    return np.asarray(normal.transpose(0, 3, 1, 2).reshape(-1) @ _weights())


@dataclass(frozen=True, kw_only=True)
class Right:
    """A video and all that is right about it: its frames by PyAV in decode order, the rest from the design."""

    video: awkward.Awkward

    @cached_property
    def times(self) -> list[float]:
        return [float(time) for time in self.video.times]

    @cached_property
    def frames(self) -> list[np.ndarray]:
        frames = [reference_pixels(frame) for frame in awkward.decoded(self.video.path)]
        assert len(frames) == len(self.times)
        return frames

    @cached_property
    def duration(self) -> Fraction:
        last = self.video.times[-1]
        return last + last / (len(self.times) - 1) if len(self.times) > 1 else Fraction(0)

    def views(self, count: int) -> list[reference.Window]:
        return reference.windows(self.video.times, FIELDS["sampling"], views=count)

    def sliding(self) -> list[reference.Window]:
        """Every half a clip, and a last one that ends with the video."""
        slack = self.duration - CLIP
        if slack <= reference.MILLISECOND:
            return [self._window(Fraction(0))]
        starts = [CLIP / 2 * k for k in range(math.floor((slack + reference.MILLISECOND) / (CLIP / 2)) + 1)]
        return list(map(self._window, starts if slack - starts[-1] <= reference.MILLISECOND else [*starts, slack]))

    def _window(self, start: Fraction) -> reference.Window:
        end, times = start + CLIP, self.video.times
        first, after = (bisect_left(times, edge - reference.MILLISECOND) for edge in (start, end))
        inside = range(first, after) or range(first - 1, first)  # in a gap, what was shown last
        wanted = FIELDS["sampling"]["frames"]
        return reference.Window(start, end, [inside[j * (len(inside) - 1) // (wanted - 1)] for j in range(wanted)])

    @cached_property
    def _crops(self) -> Callable[[int], np.ndarray]:
        return cache(lambda index: reference.crop_pixels(self.frames[index], FIELDS["image"], crops=1)[0])

    def crops(self, window: reference.Window) -> np.ndarray:
        """uint8 RGB [T, 64, 64, 3]."""
        return np.stack([self._crops(index) for index in window.indices])

    @cached_property
    def _logits(self) -> Callable[[tuple[int, ...]], np.ndarray]:
        return cache(lambda indices: _answer(np.stack([self._crops(index) for index in indices])))

    def logits(self, windows: Sequence[reference.Window]) -> np.ndarray:
        """float64 [labels]: what the model answers, the mean over these windows, in plain numpy."""
        return np.mean([self._logits(tuple(window.indices)) for window in windows], axis=0)


def assert_windows(right: Right, windows: Any, timestamps: Any, expected: Sequence[reference.Window]) -> None:
    """The windows and the times of their frames, where the container's clock can be used."""
    if right.video.clock == "open":
        return
    close = SECONDS if len(right.times) <= LONG else right.times[-1] / len(right.times)
    np.testing.assert_allclose(windows, [(float(one.start), float(one.end)) for one in expected], atol=close, rtol=0)
    times = [[right.times[index] for index in window.indices] for window in expected]
    np.testing.assert_allclose(timestamps, times, atol=SECONDS, rtol=0)


def assert_share(right: Right, share: float | None) -> None:
    """Whether a warning is due that frames are missing, and how many."""
    if right.video.share is not None and right.video.share >= WHOLE_SHARE:
        assert share is None or share >= WHOLE_SHARE
    elif right.video.share is not None:
        assert share == pytest.approx(right.video.share, abs=0.03)


def assert_clips(right: Right, clips: SampledClips, *, views: int) -> None:
    expected = right.views(views)
    assert_windows(right, clips.windows, clips.timestamps, expected)
    assert_share(right, clips.decoded_share)
    if right.video.clock == "known":
        np.testing.assert_array_equal(clips.frames, np.stack([right.crops(window) for window in expected]))
    shown = [[painted(frame) for frame in view] for view in clips.frames]
    assert set(itertools.chain(*shown)) <= set(right.video.numbers)


def assert_prediction(right: Right, answer: Prediction | VideoError, *, views: int = 1) -> None:
    if isinstance(answer, VideoError):
        raise answer
    expected = right.views(views)
    assert_windows(right, answer.windows, answer.timestamps, expected)
    assert_share(right, answer.decoded_share)
    if right.video.clock == "known":
        np.testing.assert_allclose(answer.logits, right.logits(expected), atol=LOGITS, rtol=0)


@contextmanager
def refused(right: Right, *, decoder: Decoder = "auto") -> Iterator[None]:
    """Where the verdict is a refusal, it has to be raised inside; and where OpenCV cannot give the film, that."""
    if right.video.refusal is not None:
        with pytest.raises(VideoError, match=right.video.refusal):
            yield
    elif decoder == "opencv" and right.video.opencv == "refuses":
        with pytest.raises(VideoError, match=r"vidcls\[av\]"):
            yield
    elif decoder == "opencv" and right.video.opencv == "either":
        try:
            yield
        except VideoError as error:
            assert "vidcls[av]" in str(error)  # noqa: PT017 - either is right
    else:
        yield


# The doors.


def frames_door(right: Right, source: Any, *, decoder: Decoder) -> None:
    """All its times, all its frames bit for bit, and the clips of one view and of five."""
    times = read_times(source, decoder=decoder)
    if right.video.clock == "known":
        np.testing.assert_allclose(times, right.times, atol=SECONDS, rtol=0)
    assert len(times) == len(right.times)
    assert all(early < late for early, late in itertools.pairwise(times))
    ours = iter_frames(source, range(len(times)), decoder=decoder)
    assert all(itertools.starmap(np.array_equal, zip(ours, right.frames, strict=True)))
    for views in (1, 5):
        assert_clips(right, read_clips(source, contract(), views=views, decoder=decoder), views=views)


def predict_door(right: Right, classifier: VideoClassifier, source: Any, *, decoder: Decoder = "auto") -> None:
    assert_prediction(right, classifier.predict(source, views=3, decoder=decoder), views=3)


def predict_many_door(right: Right, classifier: VideoClassifier, source: Any, *, decoder: Decoder = "auto") -> None:
    answers = list(classifier.predict_many([source, source], decoder=decoder))
    assert len(answers) == 2
    for answer in answers:
        assert_prediction(right, answer)


def timeline_door(right: Right, classifier: VideoClassifier, source: Any) -> None:
    segments = classifier.timeline(source)
    assert segments[0].start == 0
    for earlier, later in itertools.pairwise(segments):
        assert earlier.end == later.start
    if right.video.clock == "known":
        assert segments[-1].end == pytest.approx(float(right.duration), abs=SECONDS)


def stream_door(right: Right, classifier: VideoClassifier, source: Any) -> None:
    with classifier.stream(source, pace="fastest") as records:
        found = list(records)
    expected = right.sliding()
    assert_windows(
        right,
        [record.window for record in found],
        [record.prediction.timestamps[0] for record in found],
        expected,
    )
    if right.video.clock == "known":
        for record, window in zip(found, expected, strict=True):
            np.testing.assert_allclose(record.prediction.logits, right.logits([window]), atol=LOGITS, rtol=0)
            np.testing.assert_array_equal(record.picture, right.frames[window.indices[-1]])


def realtime_door(right: Right, classifier: VideoClassifier, source: Any) -> None:
    """A file as if it was filmed now: windows may be dropped where the model is slow, and those that come are right."""
    by_start = {round(float(window.start), 4): window for window in right.sliding()}
    with classifier.stream(source) as records:
        found = list(records)
    assert found
    for record in found:
        window = by_start[round(record.window[0], 4)]
        assert_windows(right, [record.window], record.prediction.timestamps, [window])
        np.testing.assert_allclose(record.prediction.logits, right.logits([window]), atol=LOGITS, rtol=0)


def batch_door(right: Right, classifier: VideoClassifier, source: Any) -> None:
    """What a worker of `vidcls batch` does with a part."""
    from vidcls.batch.remote import fetched

    read = partial(read_source, contract=classifier.contract)
    (answer,) = predict_each([str(source)], read, classifier.predict_clips, fetch=fetched)
    assert_prediction(right, answer)


def _run(*arguments: object) -> Result:
    """A command of `vidcls`; what it says of a video that it cannot read is raised."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exit_code == 1:
        raise VideoError("the command", result.output)
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def command_door(right: Right, model: Path, source: Any) -> None:
    """`vidcls predict`: it warns where frames are missing, and where none are it does not."""
    result = _run("predict", model, source, "--json")
    (answer,) = [json.loads(line) for line in result.stdout.splitlines()]
    if right.video.clock == "known":
        np.testing.assert_allclose(answer["logits"], right.logits(right.views(1)), atol=LOGITS, rtol=0)
    if right.video.share is not None:
        assert ("Warning" in result.stderr) == (right.video.share < WHOLE_SHARE), result.stderr


def evaluate_door(right: Right, model: Path, source: Path, folder: Path) -> None:
    """`vidcls evaluate` on a folder with that one video."""
    suffix = source.suffix if source.suffix in VIDEO_EXTENSIONS else ".mp4"
    (folder / "clap").mkdir(parents=True)
    shutil.copy(source, folder / "clap" / f"clip{suffix}")
    result = _run("evaluate", model, folder, "--json")
    answer = json.loads(result.stdout)
    assert (answer["videos"], answer["failed"]) == (1, 0)
    if right.video.clock == "known":
        predicted = right.logits(right.views(1)).argmax()
        assert answer["confusion"][0][predicted] == 1


def check_door(right: Right, source: Path) -> None:
    """Training's check of its data."""
    from vidcls_train.audit.probe import probe

    info = probe(source)
    assert info.frames == len(right.times)
    if right.video.clock == "known":
        assert info.seconds == pytest.approx(float(right.duration), abs=SECONDS)
    assert (info.width, info.height) in right.video.sizes


def cache_door(right: Right, source: Path, folder: Path) -> None:
    """Training's frames, decoded and from the cache."""
    from vidcls_train.data.frame_cache import FrameCache

    cache = FrameCache(folder, short_side=64, limit_bytes=1 << 30)
    for _ in range(2):  # the second time from the folder
        added = cache.add(source)
        if right.video.clock == "known":
            np.testing.assert_allclose(added.pts_seconds, right.times, atol=SECONDS, rtol=0)
        frames = cache.read(source, added.key, range(len(added.pts_seconds)))
        assert [painted(frame) for frame in frames] == right.video.numbers


def export_door(right: Right, source: Path) -> None:
    """What `vidcls-export --check` gives to both models."""
    from vidcls.errors import ModelError
    from vidcls_export.parity import Videos, compare

    shown: list[np.ndarray] = []

    def classify(frames: np.ndarray) -> np.ndarray:
        shown.append(frames)
        return np.zeros((1, 4))

    told = io.StringIO()
    handler = logging.StreamHandler(told)
    logging.getLogger("vidcls.export").addHandler(handler)
    try:
        compare(Videos(paths=[source], class_ids=None), contract(), pytorch=classify, exported=classify)
    except ModelError:
        raise VideoError(str(source), told.getvalue()) from None
    finally:
        logging.getLogger("vidcls.export").removeHandler(handler)
    if right.video.clock == "known":
        for frames in shown:
            np.testing.assert_array_equal(frames[0], right.crops(right.views(1)[0]))


Door = Callable[[Right, Path, VideoClassifier, Path, Path], None]

DOORS: dict[str, Door] = {
    "predict": lambda right, path, classifier, _, __: predict_door(right, classifier, path),
    "predict_many": lambda right, path, classifier, _, __: predict_many_door(right, classifier, path),
    "timeline": lambda right, path, classifier, _, __: timeline_door(right, classifier, path),
    "stream": lambda right, path, classifier, _, __: stream_door(right, classifier, path),
    "batch": lambda right, path, classifier, _, __: batch_door(right, classifier, path),
    "command": lambda right, path, _, model, __: command_door(right, model, path),
    "evaluate": lambda right, path, _, model, folder: evaluate_door(right, model, path, folder),
    "training's check": lambda right, path, _, __, ___: check_door(right, path),
    "training's cache": lambda right, path, _, __, folder: cache_door(right, path, folder),
    "export's check": lambda right, path, _, __, ___: export_door(right, path),
}
