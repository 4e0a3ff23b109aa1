"""One open video, read through PyAV: one open gives packets and frames. The only module that imports av."""

from __future__ import annotations

import io
import math
import threading
from collections import deque
from collections.abc import Collection, Iterator
from functools import partial
from typing import Any

import cv2
import numpy as np

from vidcls.concurrency.cancellation import raise_if_cancelled
from vidcls.cpus import decoding_threads
from vidcls.errors import DependencyError, VideoError
from vidcls.video.channels import rgb_of
from vidcls.video.film import choose_film, is_first
from vidcls.video.frame_index import PTS_TOLERANCE_SECONDS, Packet
from vidcls.video.http_file import check_http, close_http, opened_for_reading
from vidcls.video.packet_source import NOTHING, Clock, PacketSource
from vidcls.video.protocol import Frame, Picture
from vidcls.video.protocols import protocol_whitelist
from vidcls.video.source import (
    MAX_PIXELS,
    OPEN_SECONDS,
    READ_SECONDS,
    VideoSource,
    bytes_of,
    cannot_be_opened,
    check_size,
    look_inside,
    openable,
    source_name,
)
from vidcls.video.structure import is_cut_off
from vidcls.video.versions import check_version

try:
    import av
    from av.video.reformatter import VideoReformatter
except ImportError as error:
    raise DependencyError(f"PyAV cannot be imported ({error}); run 'pip install \"vidcls[av]\"'") from error

check_version("pyav", av.__version__)

# What PyAV raises for damaged data; an IndexError where a stream turns up in the middle of a file.
_DAMAGE = (av.FFmpegError, IndexError)
# Frames that may be held decoded to find out how their times go.
_FRAMES_AHEAD = 8
# Containers that say when a packet is decoded and not when its frame is shown: FFmpeg's names.
_WITHOUT_PTS = frozenset({"avi"})
# Of these codecs FFmpeg then makes up that each frame is shown when the next packet is decoded, which is right only
# where frames are reordered, and then not for the others.
_MADE_UP = frozenset({"h264", "hevc"})
# Of these codecs FFmpeg skips exactly the frames that nothing is predicted from: in H.264 nal_ref_idc says so.
# (HEVC's are only not referred to within their temporal layer.)
_SKIPPABLE = frozenset({"h264"})

# What turns a frame upright, by the degrees that it is stored turned; other angles are not made up for.
_TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}

_of_this_thread = threading.local()


class PyAVVideo:
    """A `vidcls.video.protocol.Video` that PyAV decodes."""

    _container: Any
    _stream: Any
    _codec: Any
    _packets: PacketSource
    _opened: str | io.BufferedIOBase = ""
    seek_frames = 2  # a decoder that is emptied gives its first frame a little later

    def __init__(self, source: VideoSource, *, timeout_seconds: float = OPEN_SECONDS) -> None:
        self._timeout_seconds = timeout_seconds
        self.source = openable(source)  # first: it refuses what is no name at all
        self.name = source_name(source)
        self.opened_bytes = bytes_of(self.source, name=self.name)
        self._frame: Any = None
        self._is_fresh = True
        self._needed: Collection[float] | None = None
        self._open()
        try:
            # Of a GIF, FFmpeg keeps several pictures with an alpha channel.
            limit = MAX_PIXELS // 4 if self._codec.name == "gif" else MAX_PIXELS
            check_size(self.name, self._codec.width, self._codec.height, limit=limit)
            self._read_beginning()
        except VideoError:
            self.close()
            raise

    def _read_beginning(self) -> None:
        self.is_first = is_first(self._container, self._stream)
        self.codec: str = self._codec.name
        # FFmpeg's names for how pixels are stored, and the container's. PyAV 17's pix_fmt crashes where there is none.
        self.pixel_format: str = self._codec.format.name if self._codec.format else "unknown"
        self.container: str = self._container.format.name
        self.has_audio = bool(self._container.streams.audio)
        self.skips = self.codec in _SKIPPABLE
        self.average_rate = float(self._stream.average_rate) if self._stream.average_rate else None
        self.stated_frames = self._stream.frames
        self.stated_seconds = self._stated_seconds()
        # What states no length may be live, and its next packets seconds away.
        is_file = self.has_pts and self.stated_seconds is not None
        proven = self._packets.proven_first_pts() if is_file else None
        self._go_to_beginning()  # again, where the first packets are too large to be kept
        self.has_frame = proven is not None or self.peek() is not None
        self.first_pts = self._pts = (self.peek() or 0.0) if proven is None else proven
        check_http(self._opened, name=self.name)

    @property
    def seconds(self) -> float:
        """Seconds from the first frame to the one grabbed last."""
        return self._pts - self.first_pts

    @property
    def counts_packets(self) -> bool:
        """Whether each of all packets is a frame."""
        return self._packets.counts_frames

    def proves_end(self) -> bool:
        """Whether the last packets are kept and whole, in a file that is not cut off."""
        return self._packets.is_end_whole() and not look_inside(self.source, is_cut_off, name=self.name)

    def packets(self, *, start: float | None = None, end: float | None = None) -> list[Packet]:
        """The packets from a key frame at or before `start` on, all of them up to `end`, in file order."""
        if start is None:
            self._go_to_beginning()
            found = self._packets.describe(end=end)
            is_moved = not self._packets.reaches_beginning
        else:
            found = self._packets.describe_from(start, end=end)
            is_moved = True
        check_http(self._opened, name=self.name)
        if is_moved:
            self._feed_decoder(NOTHING)  # its own way through the file is lost
        return found

    def restart(self) -> None:
        """Go to the first frame."""
        if not self._is_fresh:  # with a new decoder: an emptied one remembers what damaged headers said
            self._check_open()
            self._container.close()
            self._open()

    def seek(self, pts: float) -> None:
        """Go to the frame with that pts, or to one before it.

        Raises:
            VideoError: the container cannot be entered there.
        """
        if not math.isfinite(pts):
            raise VideoError(self.name, "cannot be entered: the container gives no times")
        self._feed_decoder(self._packets.enter(pts) or NOTHING)
        landed = self.peek()
        if landed is None or landed > pts + PTS_TOLERANCE_SECONDS:
            raise VideoError(self.name, f"cannot be entered at {pts:.3f} s")

    def need(self, pts_seconds: Collection[float] | None) -> None:
        """Say which frames have to come out from now on; None: all."""
        self._needed = pts_seconds if self.skips else None

    def peek(self) -> float | None:
        """The time of the frame that `grab` will give; not a number where the container gives none."""
        return self._packets.seconds(self._ready[0].pts) if self._fill(1) else None

    def peek_ahead(self) -> list[float]:
        """The times of the next few frames."""
        self._fill(_FRAMES_AHEAD)
        return [self._packets.seconds(frame.pts) for frame in self._ready]

    def grab(self) -> float | None:
        """Decode the next frame: its time in seconds of the container's clock; None at the end."""
        pts = self.peek()
        if pts is not None:
            self._frame = self._ready.popleft()
            # What H.264's own headers say of a key frame holds up to the next one; FFmpeg says it of that frame alone.
            if self._frame.key_frame or self._frame.rotation:
                self._rotation = self._frame.rotation
            self._pts = pts
        self._is_fresh = False
        return pts

    def retrieve(self) -> Picture:
        """The frame grabbed last; the call gives uint8 RGB [H, W, 3], upright, of the frame's own size."""
        check_size(self.name, self._frame.width, self._frame.height)
        return partial(_convert, self._frame, self._rotation, self.name)

    def is_interlaced(self) -> bool:
        """Whether the frame grabbed last is made of half-pictures."""
        return bool(self._frame.interlaced_frame)

    def close(self) -> None:
        """Let go of the file."""
        self._ready.clear()
        self._feed = NOTHING
        self._frame = None
        self._packets.close()
        self._container.close()
        close_http(self._opened)
        # Its threads end with it, and not when memory is next tidied.
        self._codec = self._stream = None

    def _open(self) -> None:
        close_http(self._opened)
        self._opened = opened_for_reading(self.source, name=self.name, open_seconds=self._timeout_seconds)
        try:
            self._container = av.open(
                self._opened,
                mode="r",  # which it would look for in the file: gzip's is a number
                timeout=(self._timeout_seconds, READ_SECONDS),
                metadata_errors="replace",
                options={"protocol_whitelist": protocol_whitelist(self.source)},
            )
        except (av.FFmpegError, OSError):  # whose text may hold a password
            close_http(self._opened)
            raise VideoError(self.name, cannot_be_opened(self.source)) from None
        try:
            self._stream = choose_film(self._container, self.name)
        except VideoError:
            self._container.close()
            close_http(self._opened)
            raise
        self._codec = self._stream.codec_context
        self._codec.thread_type = "FRAME"
        self._codec.thread_count = decoding_threads()
        self.has_pts = self._container.format.name not in _WITHOUT_PTS
        clock: Clock = "dts" if not self.has_pts and self._codec.name in _MADE_UP else "pts"
        self._packets = PacketSource(self._container, self._stream, clock=clock, damage=_DAMAGE)
        self._feed = self._packets.from_beginning()
        self._ready: deque[Any] = deque()
        self._skips, self._rotation = False, 0
        self._is_fresh = True

    def _stated_seconds(self) -> float | None:
        # FFmpeg shortens the duration of a file that was cut off, and not its count of frames.
        counted = self.stated_frames / self.average_rate if self.average_rate else 0.0
        if self._stream.duration:
            return max(float(self._stream.duration * self._stream.time_base), counted)
        return counted or (float(self._container.duration / av.time_base) if self._container.duration else None)

    def _go_to_beginning(self) -> None:
        """Open the file again, unless its packets are kept or it stands right behind those that are."""
        self._check_open()
        if not self._packets.reaches_beginning:
            self._container.close()
            self._open()

    def _feed_decoder(self, packets: Iterator[Any]) -> None:
        self._check_open()
        self._codec.flush_buffers()
        self._feed = packets
        self._ready.clear()
        self._is_fresh = False

    def _check_open(self) -> None:
        if self._codec is None:
            raise ValueError(f"{self.name}: is closed; read it inside the `with` that opens it")

    def _fill(self, count: int) -> bool:
        """Decode until `count` frames are ready, or all; whether one is."""
        while len(self._ready) < count and self._feed is not NOTHING:
            raise_if_cancelled()
            packet = next(self._feed, None)
            try:
                if packet is None:
                    self._feed = NOTHING
                else:
                    self._skip_unless_needed(packet)
                self._ready.extend(self._codec.decode(packet))
            except _DAMAGE:  # as in OpenCV, a video ends where it cannot be decoded any more
                self._feed = NOTHING
        check_http(self._opened, name=self.name)
        return bool(self._ready)

    def _skip_unless_needed(self, packet: Any) -> None:
        skips = self._needed is not None and self._packets.seconds(packet.pts) not in self._needed
        if skips != self._skips:
            self._codec.skip_frame = "NONREF" if skips else "DEFAULT"
            self._skips = skips


def _convert(frame: Any, rotation: int, name: str) -> Frame:
    """uint8 RGB [H, W, 3], upright. As OpenCV converts, bit for bit: to BGR first, by the same filter."""
    if not hasattr(_of_this_thread, "reformatter"):
        _of_this_thread.reformatter = VideoReformatter()
    try:
        bgr = _of_this_thread.reformatter.reformat(frame, format="bgr24", interpolation="BICUBIC", threads=1)
    except _DAMAGE:
        raise VideoError(name, "a frame cannot be converted to RGB") from None
    plane = bgr.planes[0]
    # FFmpeg's memory as it is, without a copy: its rows may be longer than the picture is wide.
    pixels: Frame = np.ndarray((bgr.height, bgr.width, 3), np.uint8, buffer=plane, strides=(plane.line_size, 3, 1))
    rgb = rgb_of(pixels)
    turn = _TURNS.get(rotation % 360)
    return rgb if turn is None else cv2.rotate(rgb, turn)  # type: ignore[return-value]
