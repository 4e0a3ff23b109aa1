"""Files that were answered wrongly once, with what is right about them: every door, both decoders."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import awkward
from sdk.video import doors
from sdk.video.doors import DOORS, Right
from slow import slow
from vidcls import VideoClassifier, VideoError
from vidcls.clips import read_clips
from vidcls.video.reader import Decoder, iter_frames, read_times
from videos import reference_pixels

SMALL = ((96, 64),)

# Of each how many frames there are, of which sizes, when the last is shown, and what only PyAV can give. Where the
# container has no clock that can be used, only how many frames there are.
CASES: dict[str, dict[str, Any]] = {
    "audio60_video1.flv": {"frames": 25, "last": Fraction(24, 25), "sizes": SMALL},
    "redbull_2.mp4": {"frames": 300, "last": Fraction(299 * 1001, 30000), "sizes": ((320, 240),)},
    "kinetics_cut_tiny.mp4": {"frames": 6, "last": Fraction(5, 25), "sizes": ((160, 120),)},
    "two_edits_long.mp4": {"frames": 3500, "last": Fraction(3501, 25), "sizes": SMALL},
    "test-middle-pat-pmt.ts": {"frames": 15, "last": Fraction(14 * 1001, 30000), "sizes": ((864, 480),)},
    "dropped_b_long.avi": {"frames": 1500, "last": Fraction(2495, 25), "sizes": SMALL},
    "dropped_x264_long.avi": {"frames": 1500, "last": None, "sizes": SMALL, "clock": "open"},
    "sizechange.ts": {"frames": 100, "last": Fraction(99, 25), "sizes": (*SMALL, (192, 128)), "opencv": "refuses"},
}


class Converted(Sequence[np.ndarray]):
    """The pixels of frames, of which the long files' are converted only where they are looked at, and once."""

    def __init__(self, frames: list[Any]) -> None:
        self._frames, self._convert = frames, cache(lambda index: reference_pixels(frames[index]))

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: Any) -> Any:
        return self._convert(index)


@pytest.fixture(scope="module")
def cases(real_data: Path) -> Path:
    folder = real_data / "cases"
    if not folder.is_dir():
        pytest.skip(f"no cases at {folder}")
    return folder


@pytest.fixture(scope="module")
def films(cases: Path) -> Callable[[str], Right]:
    """What PyAV gives of a case, in decode order."""
    found: dict[str, Right] = {}

    def film(name: str) -> Right:
        if name not in found:
            found[name] = _reference(cases / name, **CASES[name])
        return found[name]

    return film


def _reference(path: Path, *, frames: int, last: Fraction | None, **verdict: Any) -> Right:
    decoded = awkward.decoded(path)
    times = awkward.increasing_times(decoded)
    right = Right(video=awkward.Awkward(path=path, times=times, numbers=[], **verdict))
    right.__dict__["frames"] = Converted(decoded)
    assert len(times) == frames
    assert last is None or times[-1] == last
    return right


def test_every_case_has_its_line_in_this_table(cases: Path) -> None:
    assert {path.name for path in cases.iterdir() if path.suffix != ".md"} == set(CASES)


# "auto" is PyAV, and what every door takes below.
@pytest.mark.parametrize("decoder", ["opencv", "pyav", pytest.param("auto", marks=slow)])
@pytest.mark.parametrize("name", CASES)
def test_every_frame_is_the_references(name: str, decoder: Decoder, films: Callable[[str], Right]) -> None:
    right = films(name)
    path = right.video.path
    with doors.refused(right, decoder=decoder):
        times = read_times(path, decoder=decoder)
        assert len(times) == len(right.times)
        if right.video.clock == "known":
            np.testing.assert_allclose(times, right.times, atol=doors.SECONDS, rtol=0)
        wanted = range(0, len(times), 1 + len(times) // 200)
        for index, frame in zip(wanted, iter_frames(path, wanted, decoder=decoder), strict=True):
            np.testing.assert_array_equal(frame, right.frames[index])
        for views in (1, 5):
            clips = read_clips(path, doors.contract(), views=views, decoder=decoder)
            doors.assert_share(right, clips.decoded_share)
            if right.video.clock == "known":
                expected = right.views(views)
                doors.assert_windows(right, clips.windows, clips.timestamps, expected)
                np.testing.assert_array_equal(clips.frames, np.stack([right.crops(window) for window in expected]))


def chosen() -> Iterator[Any]:
    """(name, door): all but the cache; where hundreds of windows are answered, one door one of the long ones each time.

    What is in the others is in short ones too, of test_doors.py.
    """
    for name, door in itertools.product(CASES, DOORS):
        takes_long = name.endswith(("_long.mp4", "_long.avi")) and door in ("timeline", "stream")
        takes_long = takes_long and (name, door) != ("dropped_b_long.avi", "timeline")
        if door != "training's cache":
            yield pytest.param(name, door, marks=[slow] if takes_long else [], id=f"{name}-{door}")


@pytest.mark.parametrize(("name", "door"), list(chosen()))
def test_every_door_gives_one_verdict(
    name: str,
    door: str,
    films: Callable[[str], Right],
    doors_classifier: VideoClassifier,
    doors_model: Path,
    tmp_path: Path,
) -> None:
    right = films(name)
    with doors.refused(right):
        DOORS[door](right, right.video.path, doors_classifier, doors_model, tmp_path / "folder")


@pytest.mark.parametrize("decoder", ["opencv", "pyav"])
def test_times_without_a_clock_are_the_same_by_both_decoders(decoder: Decoder, cases: Path) -> None:
    path = cases / "dropped_x264_long.avi"
    times = read_times(path, decoder=decoder)
    assert times == pytest.approx(read_times(path), abs=doors.SECONDS)
    assert all(early < late for early, late in itertools.pairwise(times))


def test_a_picture_of_another_size_is_never_squeezed(cases: Path) -> None:
    try:
        frames = list(iter_frames(cases / "sizechange.ts", range(100), decoder="opencv"))
    except VideoError as error:
        assert "vidcls[av]" in str(error)  # noqa: PT017 - either is right
    else:
        assert {frame.shape for frame in frames} == {(64, 96, 3), (128, 192, 3)}
