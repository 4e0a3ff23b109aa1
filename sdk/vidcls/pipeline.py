"""A file or a camera -> the views that a model looks at: a file is sampled, a camera is watched for one clip."""

from __future__ import annotations

import threading

from vidcls.clips import SampledClips, check_views, read_clips
from vidcls.contract import Contract
from vidcls.errors import VideoError
from vidcls.live.capture import Capture, live
from vidcls.video.reader import Decoder, EndlessError, VideoSource
from vidcls.video.source import is_live, source_name

# How long a camera or a stream may take to open, and to send its next picture.
TIMEOUT_SECONDS = 15.0


def look(
    source: int | VideoSource, contract: Contract, *, views: int = 1, crops: int = 1, decoder: Decoder = "auto"
) -> SampledClips:
    """The views of a video file, or one view of what a camera or a live stream shows from now on.

    Raises:
        VideoError: it cannot be opened or decoded, or no picture comes.
        DependencyError: decoder="pyav" without PyAV.
        ValueError: `views` or `crops` cannot be taken with this contract, or of a live source.
    """
    if not is_live(source):
        try:
            return read_clips(source, contract, views=views, crops=crops, decoder=decoder)  # type: ignore[arg-type]
        except EndlessError as error:
            source = error.url
    check_views(contract, views=views, crops=crops)
    if (views, crops, decoder) != (1, 1, "auto"):
        raise ValueError(
            f"views is {views}, crops is {crops} and decoder {decoder!r}; a live source can have only 1, 1 and 'auto'"
        )
    return _watch(source, contract)


def _watch(source: int | str, contract: Contract) -> SampledClips:
    capture = Capture(
        live(source, timeout_seconds=TIMEOUT_SECONDS), contract, step_seconds=contract.sampling.clip_seconds
    )
    seconds = contract.sampling.clip_seconds + TIMEOUT_SECONDS
    limit = threading.Timer(seconds, capture.stop)
    limit.start()
    try:
        catch = capture.catch()
    finally:
        limit.cancel()
        capture.close()
    if catch is None:
        raise VideoError(
            source_name(source), f"no clip of {contract.sampling.clip_seconds:.2f} s came in {seconds:.0f} s"
        )
    return catch.window.as_views()
