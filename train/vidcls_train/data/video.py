"""pytorchvideo's `Video` on vidcls's own decoding, so that training sees the frames the SDK sees.

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
from vidcls_train.data.frame_cache import FrameStore, Stored


class DecodedVideo(Video):  # type: ignore[misc]
    """One video whose frame times are known.

    Takes anything that works on pytorchvideo's `Video`: clip samplers, datasets, transforms.
    """

    def __init__(self, path: Path, stored: Stored, store: FrameStore) -> None:
        """Args: path; what `store.fill` told of it; the store that may hold its frames."""
        self._path = path
        self._times = stored.times
        self._key = stored.key
        self._store = store

    @property
    def duration(self) -> Fraction:
        """Length in seconds, by the sampling rule."""
        return Fraction(duration_seconds(self._times))

    def get_clip(self, start_sec: float | Fraction, end_sec: float | Fraction) -> dict[str, Any]:
        """The frames shown from `start_sec` to `end_sec`, by the sampling rule.

        Returns:
            {"video": uint8 RGB [3, n, H, W], "audio": None}.

        Raises:
            VideoError: the frames cannot be decoded.
        """
        window = frames_in_window(self._times, start=float(start_sec), clip_seconds=float(end_sec - start_sec))
        return {
            "video": torch.from_numpy(self._store.read(self._path, self._key, window)).permute(3, 0, 1, 2),
            "audio": None,
        }
