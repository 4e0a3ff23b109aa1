"""The frames exactly as the model sees them, as a picture that moves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from vidcls.errors import ArgumentError

# How Pillow writes each ending. GIF has 256 colours a frame; the other two keep every pixel's value.
_OPTIONS: dict[str, dict[str, Any]] = {".gif": {}, ".webp": {"lossless": True}, ".png": {}}


def write_animation(frames: npt.NDArray[np.uint8], path: Path, *, seconds: float) -> None:
    """Write uint8 RGB frames [T, H, W, 3] as an endless GIF, WebP or animated PNG of that duration.

    Raises:
        ValueError: the path has another ending.

    >>> import numpy as np
    >>> from pathlib import Path
    >>> from vidcls.figures.animation import write_animation
    >>> write_animation(np.zeros((4, 32, 32, 3), np.uint8), Path("clip.gif"), seconds=0.8)
    """
    ending = path.suffix.lower()
    if ending not in _OPTIONS:
        raise ArgumentError(f"{path}: a preview is written as {', '.join(sorted(_OPTIONS))}, not as '{path.suffix}'")
    first, *rest = [Image.fromarray(frame) for frame in frames]
    # Programs that show GIFs slow down frames shorter than 20 ms, the format counts in 10 ms.
    frame_ms = max(20, round(seconds * 1000 / len(frames)))
    first.save(path, save_all=True, append_images=rest, duration=frame_ms, loop=0, **_OPTIONS[ending])
