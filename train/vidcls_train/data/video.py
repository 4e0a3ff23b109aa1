"""pytorchvideo's `Video` on vidcls's own decoding, so that training gets the frames that the SDK gets.

pytorchvideo's own decoder sorts frames by timestamp, which shuffles B-frame AVIs, ignores rotation,
and hands a dataset another video when one cannot be read.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from pytorchvideo.data.video import Video

from vidcls.sampling import duration_seconds, frames_in_window
from vidcls_train.data.frame_cache import CachedVideo, FrameCache


class DecodedVideo(Video):  # type: ignore[misc]
    """One video, or a stretch of one, whose frame times are known.

    Takes anything that works on pytorchvideo's `Video`: clip samplers, datasets, transforms.
    """

    def __init__(self, path: Path, cached: CachedVideo, cache: FrameCache) -> None:
        """Args: path: the file. cached: what `cache.add` returned for it. cache: which may hold its frames."""
        self._path = path
        self._pts_seconds = cached.pts_seconds
        self._key = cached.key
        self._stretch = cached.stretch
        self._cache = cache

    @property
    def duration(self) -> Fraction:
        """Length in seconds, by the sampling rule."""
        return Fraction(duration_seconds(self._pts_seconds))

    def get_clip(self, start_sec: float | Fraction, end_sec: float | Fraction) -> dict[str, Any]:
        """The frames shown from `start_sec` to `end_sec`, by the sampling rule.

        Args:
            start_sec: of the window, in seconds after the first frame.
            end_sec: of the window, likewise.

        Returns:
            {"video": uint8 RGB [3, n, H, W], "audio": None}.

        Raises:
            VideoError: the frames cannot be decoded.
        """
        window = frames_in_window(self._pts_seconds, start=float(start_sec), clip_seconds=float(end_sec - start_sec))
        frames = self._cache.read(self._path, self._key, window, stretch=self._stretch)
        return {
            "video": torch.from_numpy(frames).permute(3, 0, 1, 2),
            "audio": None,
        }
