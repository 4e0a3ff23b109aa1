"""The right frames of any video: painted ones of every codec, container, keyframe distance, rate and rotation.

`VIDCLS_FULL_MATRIX=1 pytest tests/sdk/video/test_matrix.py` takes all cells, minutes; otherwise a choice
in which every codec meets every container and key frame distance, and every other property several of them, and every
other unusual video.
"""

from __future__ import annotations

import itertools
import json
import os
import random
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest

from generated import CHECKPOINT_SECTIONS, contract_fields
from parity import reference
from vidcls import VideoError
from vidcls.clips import SampledClips, read_clips
from vidcls.contract import Contract, from_json
from vidcls.video import frames as reading
from vidcls.video import packet_store
from vidcls.video.opencv import OpenCVVideo
from vidcls.video.pyav import PyAVVideo
from vidcls.video.reader import Decoder, iter_frames, read_times
from videos import CONTAINERS, INTERLACED, KINDS, Cell, Painted, mirrored, painted, reference_pixels, sound_with_cover
from videos import matrix as whole_matrix

# Exact fractions against the floats of a container's clock; a frame lasts a thousand times longer.
SECONDS = 1e-6

CLIP = {"rule": "uniform", "frames": 6, "clip_seconds": 0.31}


def chosen_cells() -> list[Cell]:
    """Each codec in each container and with each key frame distance, the other properties in turn."""
    cells: list[Cell] = []
    pairs = [(container, codec) for container, codecs in CONTAINERS.items() for codec in codecs]
    for turn, (container, codec) in enumerate(pairs):
        here = [cell for cell in whole_matrix() if (cell.container, cell.codec) == (container, codec)]
        gops = sorted({cell.gop for cell in here})
        gop = gops[sum(cell.codec == codec for cell in cells) % len(gops)]
        here = [cell for cell in here if cell.gop == gop]
        cells.append(here[turn * 7 % len(here)])
    return cells


FULL = os.environ.get("VIDCLS_FULL_MATRIX") == "1"
CELLS = list(whole_matrix()) if FULL else chosen_cells()


@cache
def contract() -> Contract:
    # Stretched, so that no crop cuts off what numbers a frame.
    fields = contract_fields(frames=6, clip_seconds=0.31, size=64, resize="stretch")
    checkpoint = {name: fields[name] for name in CHECKPOINT_SECTIONS}
    assert fields["sampling"] == CLIP
    return from_json(Contract, json.dumps(checkpoint), where="test")


def right_frames(video: Painted) -> list[np.ndarray]:
    """What PyAV gives, which shows the numbers that were painted: whatever has the same bits shows them too."""
    with av.open(str(video.path)) as container:
        frames = [reference_pixels(frame) for frame in container.decode(reference.film(container))]
    assert [painted(frame, grey=video.grey) for frame in frames] == video.numbers
    return frames


def assert_same_frames(ours: Iterable[np.ndarray], theirs: Iterable[np.ndarray]) -> None:
    assert all(itertools.starmap(np.array_equal, zip(ours, theirs, strict=True)))


def pictures(seen: SampledClips, *, grey: bool) -> list[list[int]]:
    return [[painted(frame, grey=grey) for frame in view] for view in seen.frames]


def assert_right_views(seen: SampledClips, video: Painted, *, views: int) -> None:
    """Windows, timestamps and numbers by the design's rule in exact fractions."""
    windows = reference.windows(video.times, CLIP, views=views)
    expected = [(float(window.start), float(window.end)) for window in windows]
    np.testing.assert_allclose(seen.windows, expected, atol=SECONDS, rtol=0)
    times = [[float(video.times[index]) for index in window.indices] for window in windows]
    np.testing.assert_allclose(seen.timestamps, times, atol=SECONDS, rtol=0)
    assert pictures(seen, grey=video.grey) == [[video.numbers[index] for index in window.indices] for window in windows]


def assert_frames_of_their_times(seen: SampledClips, video: Painted) -> None:
    """Whatever was taken of a video known only in parts, it shows what is shown at the time it is said to be from.

    How long the last frame lasts may then be taken from the average rate, so windows may start a little off.
    """
    times = [float(time) for time in video.times]
    windows = reference.windows(video.times, CLIP, views=len(seen.windows))
    longest = max((later - earlier for earlier, later in itertools.pairwise(times)), default=0.0)
    np.testing.assert_allclose(
        seen.windows, [(float(window.start), float(window.end)) for window in windows], atol=longest + SECONDS, rtol=0
    )
    numbers = dict(zip(np.round(times, 5), video.numbers, strict=True))
    shown = pictures(seen, grey=video.grey)
    assert shown == [[numbers[time] for time in view] for view in np.round(seen.timestamps, 5)]


def assert_same_views(ours: SampledClips, theirs: SampledClips) -> None:
    assert np.array_equal(ours.frames, theirs.frames)
    np.testing.assert_allclose(ours.timestamps, theirs.timestamps, atol=SECONDS, rtol=0)


def assert_reads_right(
    video: Painted, right: list[np.ndarray], monkeypatch: pytest.MonkeyPatch, *, decoder: Decoder
) -> None:
    """Every frame, some frames, and the views: as the length of the video suggests, by seeking, and in parts."""
    path = video.path
    times = read_times(path, decoder=decoder)
    np.testing.assert_allclose(times, [float(time) for time in video.times], atol=SECONDS, rtol=0)
    assert_same_frames(iter_frames(path, range(len(times)), decoder=decoder), right)
    wanted = sorted({*random.Random(len(times)).sample(range(len(times)), k=min(4, len(times))), len(times) - 1})  # noqa: S311
    assert_same_frames(iter_frames(path, wanted, decoder=decoder), [right[index] for index in wanted])
    seen = read_clips(path, contract(), views=5, decoder=decoder)
    assert_right_views(seen, video, views=5)
    assert_right_views(read_clips(path, contract(), decoder=decoder), video, views=1)
    if decoder == "opencv" and not FULL:
        return
    with monkeypatch.context() as eager:
        eager.setattr(OpenCVVideo, "seek_frames", 0)
        eager.setattr(PyAVVideo, "seek_frames", 0)
        assert_same_views(read_clips(path, contract(), views=5, decoder=decoder), seen)
        eager.setattr(reading, "FULL_INDEX_FRAMES", 0)
        assert_frames_of_their_times(read_clips(path, contract(), views=5, decoder=decoder), video)
        eager.setattr(packet_store, "KEPT_BYTES", 0)
        assert_frames_of_their_times(read_clips(path, contract(), views=5, decoder=decoder), video)
        eager.setattr(reading, "FULL_INDEX_FRAMES", 3000)
        assert_same_views(read_clips(path, contract(), views=5, decoder=decoder), seen)


def reads_right_or_needs_pyav(video: Painted, monkeypatch: pytest.MonkeyPatch) -> None:
    right = right_frames(video)
    assert_reads_right(video, right, monkeypatch, decoder="pyav")
    try:
        assert_reads_right(video, right, monkeypatch, decoder="opencv")
    except VideoError as error:
        assert "vidcls[av]" in str(error)  # noqa: PT017 - either is right, another answer is not


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_every_frame_of_a_cell_is_the_one_asked_for(
    cell: Cell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads_right_or_needs_pyav(cell.write(tmp_path), monkeypatch)


@pytest.mark.parametrize("kind", list(KINDS) if FULL else list(KINDS)[::2])
def test_every_frame_of_an_unusual_video_is_the_one_asked_for(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads_right_or_needs_pyav(KINDS[kind](tmp_path), monkeypatch)


@pytest.mark.parametrize("kind", INTERLACED)
def test_interlaced_frames_are_right_or_refused(kind: str, tmp_path: Path) -> None:
    video = INTERLACED[kind](tmp_path)
    assert_same_frames(iter_frames(video.path, range(len(video.times))), right_frames(video))
    for views in (1, 5):
        assert_right_views(read_clips(video.path, contract(), views=views), video, views=views)
    try:  # some versions of OpenCV give other memory in their place
        by_opencv = list(iter_frames(video.path, range(len(video.times)), decoder="opencv"))
    except VideoError as error:
        assert "interlaced" in str(error)  # noqa: PT017 - either is right
    else:
        assert [painted(frame) for frame in by_opencv] == video.numbers


@pytest.mark.xfail(reason="OpenCV tells the angle of a display matrix, and not that it mirrors", strict=True)
@pytest.mark.parametrize("kind", ["sideways", "upside down", "diagonally"])
def test_mirrored_pictures_are_shown_as_players_show_them(kind: str, tmp_path: Path) -> None:
    video = mirrored(tmp_path, kind=kind)
    assert [painted(frame) for frame in iter_frames(video.path, range(len(video.times)))] == video.numbers


def test_the_cover_of_a_sound_is_no_video(tmp_path: Path, real_data: Path) -> None:
    sound = (real_data / "odd" / "torchcodec_nasa_13013.mp4.audio.mp3").read_bytes()
    with pytest.raises(VideoError, match="single picture"):
        read_times(sound_with_cover(tmp_path, sound=sound))


def test_the_whole_matrix_has_every_combination() -> None:
    cells = list(whole_matrix())
    assert len(cells) == len(set(cells)) == len({str(cell) for cell in cells})
    assert {(cell.codec, cell.container) for cell in CELLS} == {(cell.codec, cell.container) for cell in cells}
    assert {(cell.codec, cell.gop) for cell in CELLS} == {(cell.codec, cell.gop) for cell in cells}
    for name in ("rate", "rotation"):
        counts = Counter(getattr(cell, name) for cell in CELLS)
        assert set(counts) == {getattr(cell, name) for cell in cells}
        assert min(counts.values()) > 1
