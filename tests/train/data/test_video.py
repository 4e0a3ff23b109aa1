from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from pytorchvideo.data.encoded_video import EncodedVideo

from generated import painted_number, write_clip
from vidcls_train.data.frame_cache import FrameCache
from vidcls_train.data.video import DecodedVideo


def cache(tmp_path: Path, *, short_side: int = 1000, limit_bytes: int = 10**9) -> FrameCache:
    return FrameCache(tmp_path / "cache", short_side=short_side, limit_bytes=limit_bytes)


def numbers(video: DecodedVideo, start: float | Fraction, end: float | Fraction) -> list[int]:
    return [painted_number(frame) for frame in video.get_clip(start, end)["video"].permute(1, 2, 3, 0).numpy()]


@pytest.mark.parametrize("limit_bytes", [0, 10**9])  # decoded on demand, and from the store
def test_a_clip_holds_the_frames_of_its_window(tmp_path: Path, limit_bytes: int) -> None:
    path = write_clip(tmp_path / "clip.mp4", frames=60, rate=25)
    frames = cache(tmp_path, limit_bytes=limit_bytes)
    video = DecodedVideo(path, frames.add(path), frames)
    assert float(video.duration) == pytest.approx(60 / 25)
    # 0.8 s at 25 fps is 20 frames; pytorchvideo's float arithmetic makes it 21.
    assert numbers(video, 0.4, 1.2) == list(range(10, 30))
    assert numbers(video, Fraction(0), Fraction(3)) == list(range(60))
    assert numbers(video, 2.0, 3.0) == list(range(50, 60))


def test_pytorchvideo_sees_the_same_frames_where_its_decoder_is_right(tmp_path: Path) -> None:
    # MP4 without B-frames; Fractions, since floats give its windows a frame too many. It drops the tail.
    path = write_clip(tmp_path / "clip.mp4", frames=60, rate=25)
    frames = cache(tmp_path)
    ours = DecodedVideo(path, frames.add(path), frames)
    theirs = EncodedVideo.from_path(str(path), decode_audio=False, decoder="pyav")
    for start, end in ((Fraction(0), Fraction(4, 5)), (Fraction(1, 2), Fraction(13, 10)), (Fraction(1), Fraction(2))):
        expected = theirs.get_clip(start, end)["video"]
        assert np.array_equal(ours.get_clip(start, end)["video"].numpy(), expected.numpy().astype(np.uint8))
