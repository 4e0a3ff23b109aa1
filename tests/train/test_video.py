from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pytorchvideo.data.encoded_video import EncodedVideo

from generated import painted_number, write_clip
from vidcls.errors import VideoError
from vidcls_train.store import FrameStore
from vidcls_train.video import DecodedVideo


def store(tmp_path: Path, *, short_side: int = 1000, limit_bytes: int = 10**9) -> FrameStore:
    return FrameStore(tmp_path / "store", short_side=short_side, limit_bytes=limit_bytes)


def numbers(video: DecodedVideo, start: float | Fraction, end: float | Fraction) -> list[int]:
    return [painted_number(frame) for frame in video.get_clip(start, end)["video"].permute(1, 2, 3, 0).numpy()]


@pytest.mark.parametrize("limit_bytes", [0, 10**9])  # decoded on demand, and from the store
def test_a_clip_holds_the_frames_of_its_window(tmp_path: Path, limit_bytes: int) -> None:
    path = write_clip(tmp_path / "clip.mp4", frames=60, rate=25)
    frames = store(tmp_path, limit_bytes=limit_bytes)
    video = DecodedVideo(path, times=frames.fill(path), store=frames)
    assert float(video.duration) == pytest.approx(60 / 25)
    # 0.8 s at 25 fps is 20 frames; pytorchvideo's float arithmetic makes it 21.
    assert numbers(video, 0.4, 1.2) == list(range(10, 30))
    assert numbers(video, Fraction(0), Fraction(3)) == list(range(60))
    assert numbers(video, 2.0, 3.0) == list(range(50, 60))


def test_pytorchvideo_sees_the_same_frames_where_its_decoder_is_right(tmp_path: Path) -> None:
    # MP4 without B-frames; Fractions, since floats give its windows a frame too many. It drops the tail.
    path = write_clip(tmp_path / "clip.mp4", frames=60, rate=25)
    frames = store(tmp_path)
    ours = DecodedVideo(path, times=frames.fill(path), store=frames)
    theirs = EncodedVideo.from_path(str(path), decode_audio=False, decoder="pyav")
    for start, end in ((Fraction(0), Fraction(4, 5)), (Fraction(1, 2), Fraction(13, 10)), (Fraction(1), Fraction(2))):
        expected = theirs.get_clip(start, end)["video"]
        assert np.array_equal(ours.get_clip(start, end)["video"].numpy(), expected.numpy().astype(np.uint8))


def test_stored_frames_are_reduced_by_the_pixel_rule_and_never_enlarged(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", frames=5, width=160, height=120)
    full, small = store(tmp_path), store(tmp_path, short_side=50)
    small.fill(path)
    frames, reduced = full.read(path, range(5)), small.read(path, range(5))
    assert frames.shape == (5, 120, 160, 3)
    assert reduced.shape == (5, 50, 50 * 160 // 120, 3)
    for frame, stored in zip(frames, reduced, strict=True):
        expected = Image.fromarray(np.array(frame)).resize((66, 50), Image.Resampling.BILINEAR)
        assert np.array_equal(stored, np.asarray(expected))


def test_frames_are_the_same_stored_or_not(tmp_path: Path) -> None:
    # Otherwise a run's result would depend on how full the cache happens to be.
    path = write_clip(tmp_path / "clip.mp4", frames=20, width=160, height=120)
    stored = FrameStore(tmp_path / "stored", short_side=50, limit_bytes=10**9)
    not_stored = FrameStore(tmp_path / "not", short_side=50, limit_bytes=0)
    assert stored.fill(path) == not_stored.fill(path)
    assert np.array_equal(stored.read(path, range(3, 17)), not_stored.read(path, range(3, 17)))


def test_a_changed_file_is_decoded_again(tmp_path: Path) -> None:
    frames = store(tmp_path)
    path = write_clip(tmp_path / "clip.mp4", frames=5)
    assert len(frames.fill(path)) == 5
    write_clip(path, frames=9)
    assert len(frames.fill(path)) == 9
    assert frames.read(path, range(9)).shape[0] == 9


def test_a_store_that_is_full_or_fails_leaves_no_files(tmp_path: Path) -> None:
    frames = store(tmp_path, limit_bytes=0)
    path = write_clip(tmp_path / "clip.mp4", frames=5)
    assert len(frames.fill(path)) == 5
    (tmp_path / "broken.mp4").write_bytes(path.read_bytes()[:500])
    with pytest.raises(VideoError, match=r"broken\.mp4"):
        store(tmp_path).fill(tmp_path / "broken.mp4")
    with pytest.raises(VideoError, match=r"missing\.mp4"):
        frames.fill(tmp_path / "missing.mp4")
    assert list((tmp_path / "store").iterdir()) == []
