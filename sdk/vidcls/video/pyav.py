"""One open video, read through PyAV: for codecs that OpenCV's build lacks. The only module that imports av."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

from vidcls.errors import DependencyError, VideoError
from vidcls.video.frame_index import PTS_TOLERANCE_SECONDS, REORDERED_PACKETS, Packet
from vidcls.video.source import OPEN_SECONDS, READ_SECONDS, VideoSource, check_size, openable, source_name
from vidcls.video.versions import check_version

try:
    import av
except ImportError as error:
    raise DependencyError(f"PyAV cannot be imported ({error}); run 'pip install \"vidcls[av]\"'") from error

check_version("pyav", av.__version__)

# What PyAV raises for damaged data; an IndexError where a stream turns up in the middle of a file.
_DAMAGE = (av.FFmpegError, IndexError)
# A frame asked for by its time is found to within one or two.
_FRAMES_AROUND = 4


class PyAVVideo:
    """A `vidcls.video.protocol.Video` that PyAV decodes."""

    def __init__(self, source: VideoSource) -> None:
        self._source = openable(source)  # first: it refuses what is no name at all
        self.name = source_name(source)
        self._frame: Any = None
        self._rewind()
        self._first_pts = self._pts = self.peek() or 0.0
        self._size = (self._stream.codec_context.width, self._stream.codec_context.height)
        try:
            check_size(self.name, *self._size)
        except VideoError:
            self.close()
            raise
        self.codec: str = self._stream.codec_context.name
        self.average_rate = float(self._stream.average_rate) if self._stream.average_rate else None
        self.stated_frames = self._stated_frames()

    @property
    def seconds(self) -> float:
        """Seconds from the first frame to the one grabbed last."""
        return self._pts - self._first_pts

    def packets(self, *, start: float | None = None, end: float | None = None) -> list[Packet]:
        """The packets from a key frame at or before `start` on, all of them up to `end`, in file order."""
        if not isinstance(self._source, str):
            self.close()  # two readers of one open file would move each other
            self._is_fresh = False
        container, stream = self._open()
        try:
            if start is not None:
                container.seek(math.floor(start / stream.time_base), stream=stream)
            found = _read_packets(container, stream, end=end)
        except _DAMAGE:
            return []
        finally:
            container.close()
        if start is not None and not (
            found and found[0].is_key_frame and found[0].pts_seconds <= start + PTS_TOLERANCE_SECONDS
        ):
            return []
        return found

    def restart(self) -> None:
        """Go to the first frame."""
        if not self._is_fresh:
            self.close()
            self._rewind()

    def seek(self, pts: float) -> None:
        """Go to the frame with that pts, or to one before it.

        Raises:
            VideoError: the container cannot be entered there.
        """
        if not math.isfinite(pts):
            raise VideoError(self.name, "cannot be entered: the container gives no times")
        self.restart()
        self._is_fresh = False
        self._ready.clear()
        try:
            # Rounding down may miss a key frame by a tick; one tick later never finds a later one.
            self._container.seek(math.floor(pts / self._stream.time_base + 0.5), stream=self._stream)
        except _DAMAGE:
            raise VideoError(self.name, f"cannot be entered at {pts:.3f} s") from None
        self._packets = self._container.demux(self._stream)
        landed = self.peek()
        if landed is None or landed > pts + PTS_TOLERANCE_SECONDS:
            raise VideoError(self.name, f"cannot be entered at {pts:.3f} s")

    def peek(self) -> float | None:
        """The time of the frame that `grab` will give; not a number where the container gives none."""
        while not self._ready:
            try:
                packet = next(self._packets, None)
                if packet is None:
                    return None
                self._ready.extend(packet.decode())
            except _DAMAGE:  # as in OpenCV, a video ends where it cannot be decoded any more
                self._packets = iter(())
                return None
        frame = self._ready[0]
        return math.nan if frame.pts is None else float(frame.pts * frame.time_base)

    def grab(self) -> float | None:
        """Decode the next frame: its time in seconds of the container's clock; None at the end."""
        pts = self.peek()
        if pts is not None:
            self._frame = self._ready.popleft()
            self._pts = pts
        self._is_fresh = False
        return pts

    def retrieve(self) -> npt.NDArray[np.uint8]:
        """The frame grabbed last: uint8 RGB [H, W, 3], upright."""
        # As OpenCV converts, bit for bit: to BGR, by the same filter, at the size of the first frame.
        width, height = self._size
        try:
            bgr = self._frame.reformat(width=width, height=height, format="bgr24", interpolation="BICUBIC")
        except _DAMAGE:
            raise VideoError(self.name, "a frame cannot be converted to RGB") from None
        pixels = bgr.to_ndarray()[..., ::-1]
        quarters, rest = divmod(self._frame.rotation, 90)
        return np.ascontiguousarray(np.rot90(pixels, 0 if rest else quarters))

    def is_interlaced(self, seconds: float) -> bool:
        """Whether one of the first frames, or of those around `seconds` after the first, is made of half-pictures."""
        if self._find_interlaced():
            return True
        pts = self._first_pts + seconds
        try:
            self.seek(pts)
        except VideoError:  # where it cannot be entered, all before it has to be decoded
            self.restart()
        while (found := self.peek()) is not None and found < pts - PTS_TOLERANCE_SECONDS:
            self.grab()
        return self._find_interlaced()

    def _find_interlaced(self) -> bool:
        return any(self.grab() is not None and self._frame.interlaced_frame for _ in range(_FRAMES_AROUND))

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()

    def _rewind(self) -> None:
        self._container, self._stream = self._open()
        self._stream.thread_type = "AUTO"
        self._packets = self._container.demux(self._stream)
        self._ready: deque[Any] = deque()
        self._is_fresh = True

    def _open(self) -> tuple[Any, Any]:
        if not isinstance(self._source, str):
            self._source.seek(0)
        try:
            container = av.open(self._source, timeout=(OPEN_SECONDS, READ_SECONDS), metadata_errors="replace")
        except (av.FFmpegError, OSError):  # whose text may hold a password
            raise VideoError(
                self.name, "PyAV cannot open it as a video; check that the file plays and is complete"
            ) from None
        if not container.streams.video:
            container.close()
            raise VideoError(self.name, "there are no pictures in it")
        stream = container.streams.video[0]
        if stream.codec_context is None:
            container.close()
            raise VideoError(self.name, "PyAV has no decoder for its codec")
        return container, stream

    def _stated_frames(self) -> float | None:
        if self._stream.frames > 0:
            return float(self._stream.frames)
        if self.average_rate is None:
            return None
        if self._stream.duration:
            return float(self._stream.duration * self._stream.time_base) * self.average_rate
        return self._container.duration / av.time_base * self.average_rate if self._container.duration else None


def _read_packets(container: Any, stream: Any, *, end: float | None) -> list[Packet]:
    found: list[Packet] = []
    beyond = 0
    for packet in container.demux(stream):
        ticks = packet.dts if packet.pts is None else packet.pts
        if packet.size == 0 or ticks is None:
            continue
        found.append(Packet(float(ticks * stream.time_base), packet.is_keyframe))
        beyond = beyond + 1 if end is not None and found[-1].pts_seconds > end else 0
        if beyond >= REORDERED_PACKETS:
            break
    return found
