"""Videos that come out of a decoder bit for bit as they were put in: FFV1 of RGB, written by PyAV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def write_lossless(path: Path, frames: Sequence[np.ndarray] | np.ndarray, *, rate: int = 25) -> Path:
    """Write uint8 RGB frames [H, W, 3], all of one size, as a .mkv."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=rate)
        assert isinstance(stream, av.VideoStream)
        stream.pix_fmt = "bgr0"
        stream.height, stream.width = frames[0].shape[:2]
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="bgr0")))
        container.mux(stream.encode())
    return path


def noise_frames(*, frames: int, width: int, height: int, seed: int = 0) -> np.ndarray:
    """uint8 RGB [frames, height, width, 3] in which every pixel counts: no two frames, rows or columns are alike."""
    return np.random.default_rng([seed, width, height]).integers(0, 256, (frames, height, width, 3), np.uint8)
