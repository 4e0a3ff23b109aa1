"""One clip of what a camera or a live stream shows from now on."""

from __future__ import annotations

import time
from dataclasses import replace

from vidcls.clips import SampledClips
from vidcls.contract import Contract
from vidcls.errors import VideoError
from vidcls.live.capture import Capture
from vidcls.live.readers import read_live
from vidcls.preprocessing import Crop
from vidcls.video.source import source_name

# How long a camera or a stream may take to open, and to send its next picture.
TIMEOUT_SECONDS = 15.0


def capture_clip(source: int | str, contract: Contract, *, crop: Crop) -> SampledClips:
    """Watch a source for one clip length, and crop its frames.

    Raises:
        VideoError: it cannot be opened, or no picture comes.
    """
    clip_seconds = contract.sampling.clip_seconds
    reader = read_live(source, timeout_seconds=TIMEOUT_SECONDS)
    capture = Capture(reader, contract, step_seconds=clip_seconds, crop=crop)
    seconds = clip_seconds + TIMEOUT_SECONDS
    try:
        captured = capture.next_window(until=time.monotonic() + seconds)
    finally:
        capture.close()
    if captured is None:
        raise VideoError(source_name(source), f"no clip of {clip_seconds:.2f} s came in {seconds:.0f} s")
    return replace(captured.window.as_clips(), video=source_name(source))
