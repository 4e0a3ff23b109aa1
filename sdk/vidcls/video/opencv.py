"""One open video, read through OpenCV's FFmpeg. The only module that opens files with OpenCV."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Collection
from functools import partial
from typing import BinaryIO

from vidcls.concurrency.cancellation import raise_if_cancelled
from vidcls.errors import DependencyError, VideoError
from vidcls.video.channels import rgb_of
from vidcls.video.display_orientation import is_turned_by_headers
from vidcls.video.frame_index import REORDERED_PACKETS, Packet
from vidcls.video.http_file import check_http, close_http, opened_for_reading
from vidcls.video.opencv_failure import OPTIONS, why_not_opened
from vidcls.video.packet_contents import MPEG4_FRAME
from vidcls.video.picture_size import HEADER_BYTES, PictureSizes
from vidcls.video.protocol import Picture
from vidcls.video.quiet import quiet_ffmpeg
from vidcls.video.source import (
    MAX_PIXELS,
    OPEN_SECONDS,
    READ_SECONDS,
    VideoSource,
    bytes_of,
    check_size,
    is_url,
    look_inside,
    openable,
    source_name,
)
from vidcls.video.versions import check_version

try:
    import cv2
except ImportError as error:
    raise DependencyError(
        f"OpenCV cannot be imported ({error}); install it with 'pip install opencv-python', or on a machine "
        "without a display 'pip uninstall opencv-python' and 'pip install opencv-python-headless'"
    ) from error

VERSION: str = cv2.__version__

# Packets of these may hold no frame: MPEG-4 has some that only say that nothing changed, VP8 some that are never shown.
_FRAMELESS = frozenset({"fmp4", "mp4v", "xvid", "divx", "dx50", "mpg4", "mp42", "mp43", "div3", "vp80", "vp08"})
# OpenCV seeks to a frame number that it reckons from an average rate, so ask for a little earlier, then for more.
_EARLIER_SECONDS = (0.1, 1.0, 10.0)


def needs_pyav(name: str, what: str) -> VideoError:
    """The refusal of a video that OpenCV would answer wrongly, or not at all."""
    return VideoError(
        name, f"{what}; PyAV can: run 'pip install \"vidcls[av]\"', and leave the decoder to 'auto' or choose 'pyav'"
    )


class OpenCVVideo:
    """A `vidcls.video.protocol.Video` that OpenCV decodes."""

    skips = False  # every frame comes out, wanted or not
    seek_frames = 20  # it begins at least 16 before the one asked for

    def __init__(self, source: VideoSource, *, timeout_seconds: float = OPEN_SECONDS) -> None:
        self._timeout_seconds = timeout_seconds
        check_version("opencv", VERSION)
        quiet_ffmpeg()
        self.source = openable(source)  # first: it refuses what is no name at all
        self.name = source_name(source)
        if "avdiscard" in os.environ.get(OPTIONS, ""):
            raise VideoError(self.name, f"{OPTIONS} sets avdiscard, with which OpenCV leaves frames out; unset it")
        self.opened_bytes = bytes_of(self.source, name=self.name)
        self.has_pts = not look_inside(self.source, _is_avi, name=self.name)
        self._packet_capture = cv2.VideoCapture()
        self._opened: list[str | io.BufferedIOBase] = []
        self._rewind()
        try:
            self._read_beginning()
        except VideoError:
            self.close()
            raise

    def _read_beginning(self) -> None:
        self.average_rate = _positive(self._capture.get(cv2.CAP_PROP_FPS))
        stated_frames = _positive(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.stated_seconds = stated_frames / self.average_rate if stated_frames and self.average_rate else None
        self.codec = _fourcc(self._capture.get(cv2.CAP_PROP_FOURCC))
        self.counts_packets = self.codec.lower() not in _FRAMELESS
        self._sizes = PictureSizes(self.codec)
        self.has_frame = self.peek() is not None
        self.first_pts = self._pts = self.peek() or 0.0

    @property
    def seconds(self) -> float:
        """Seconds from the first frame to the one grabbed last."""
        return self._pts - self.first_pts

    def proves_end(self) -> bool:
        """OpenCV does not say whether packets are whole, so the last frame is decoded."""
        return False

    def packets(self, *, start: float | None = None, end: float | None = None) -> list[Packet]:
        """The packets from a key frame at or before `start` on, all of them up to `end`, in file order."""
        if not isinstance(self.source, str):
            self._capture.release()  # two readers of one open file would move each other
            self._is_fresh = False
        if start is None or not self._packet_capture.isOpened():
            self._packet_capture = self._open([cv2.CAP_PROP_FORMAT, -1])  # hands out packets instead of frames
        if start is not None and not self._sizes.is_begun and self._packet_capture.grab():
            self._check_pictures()  # of the first one, which is the size that OpenCV hands all frames out at
        if start is None:
            return self._read_packets(end=end)
        for earlier in _EARLIER_SECONDS:
            self._packet_capture.set(cv2.CAP_PROP_POS_MSEC, max(0.0, start - earlier) * 1000)
            found = self._read_packets(end=end)
            if found and found[0].is_key_frame and found[0].pts_seconds <= start:
                return found
        return []

    def restart(self) -> None:
        """Go to the first frame."""
        if not self._is_fresh:
            self._capture.release()
            self._rewind()

    def seek(self, pts: float) -> None:
        """Go to the frame with that pts, or to one before it.

        Raises:
            VideoError: the container cannot be entered there.
        """
        if not self._capture.isOpened():
            self._rewind()
        self._is_fresh = False
        for earlier in _EARLIER_SECONDS:
            self._capture.set(cv2.CAP_PROP_POS_MSEC, max(0.0, pts - earlier) * 1000)
            self._peeked.clear()
            landed = self.peek()
            if landed is not None and landed <= pts:
                return
        raise VideoError(self.name, f"cannot be entered at {pts:.3f} s")

    def need(self, pts_seconds: Collection[float] | None) -> None:
        """All frames come out, whichever are needed."""

    def peek_ahead(self) -> list[float]:
        """The time of the next frame: OpenCV holds one."""
        pts = self.peek()
        return [] if pts is None else [pts]

    def peek(self) -> float | None:
        """The time of the frame that `grab` will give."""
        if not self._peeked:
            self._peeked.append(self._decode())
        return self._peeked[0]

    def grab(self) -> float | None:
        """Decode the next frame: its time in seconds of the container's clock; None at the end."""
        pts = self.peek()
        self._peeked.clear()
        self._is_fresh = False
        self._pts = self._pts if pts is None else pts
        return pts

    def retrieve(self) -> Picture:
        """The frame grabbed last; the call gives uint8 RGB [H, W, 3], upright."""
        converted, bgr = self._capture.retrieve()
        if not converted:
            raise VideoError(self.name, "a frame cannot be converted to RGB")
        return partial(rgb_of, bgr)  # type: ignore[arg-type]

    def close(self) -> None:
        """Let go of the file."""
        self._capture.release()
        self._packet_capture.release()
        for opened in self._opened:
            close_http(opened)

    def _read_packets(self, *, end: float | None) -> list[Packet]:
        capture = self._packet_capture
        found: list[Packet] = []
        beyond = 0
        while beyond < REORDERED_PACKETS and capture.grab():
            raise_if_cancelled()
            seconds = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            found.append(Packet(seconds, capture.get(cv2.CAP_PROP_LRF_HAS_KEY_FRAME) > 0))
            beyond = beyond + 1 if end is not None and seconds > end else 0
            if found[-1].is_key_frame or self._sizes.in_all_packets:
                self._check_pictures()
        self._check_http()
        return found

    def _check_pictures(self) -> None:
        """Refuse several sizes, where OpenCV would hand out all at the first one's, and turns that it does not know."""
        packet = _head(self._packet_capture.retrieve()[1])
        header = b""
        if not self._sizes.is_begun:
            index = int(self._packet_capture.get(cv2.CAP_PROP_CODEC_EXTRADATA_INDEX))
            header = _head(self._packet_capture.retrieve(flag=index)[1])
        if self._sizes.are_different(packet, header=header):
            raise needs_pyav(self.name, "the size of its pictures changes midway, which OpenCV does not show")
        if is_turned_by_headers(packet):
            raise needs_pyav(self.name, "its stream says that its pictures are turned, which OpenCV does not show")

    def _decode(self) -> float | None:
        raise_if_cancelled()
        is_grabbed = self._capture.grab()
        self._check_http()
        if not is_grabbed:
            return None
        pts = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
        if pts == 0 and not self.has_pts and self._pts > 0:
            return self._last_pts()
        return pts

    def _check_http(self) -> None:
        for opened in self._opened:
            check_http(opened, name=self.name)

    def _last_pts(self) -> float:
        """The time of an AVI's last frame, for which OpenCV has none: it comes out when all packets were read.

        In MPEG-4 it is shown when the packets are over. Where a packet holds two frames, and in H.264, times that
        are made up of AVI's are out of order, and one more does no harm.
        """
        capture = self._open([cv2.CAP_PROP_FORMAT, -1])
        decoded: list[float] = []
        while capture.grab():
            raise_if_cancelled()
            frames = bytes(capture.retrieve()[1]).count(MPEG4_FRAME)
            if frames != 1:
                return 0.0
            decoded.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        self._check_http()
        capture.release()
        return decoded[-1] + 1 / self.average_rate if decoded and self.average_rate else 0.0

    def _rewind(self) -> None:
        if not isinstance(self.source, str):
            self._packet_capture.release()
        self._capture = self._open([])
        # The default has changed between versions of OpenCV.
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        self._peeked: list[float | None] = []
        self._pts = 0.0
        self._is_fresh = True
        width, height = (self._capture.get(prop) for prop in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        # Of a GIF, FFmpeg keeps several pictures with an alpha channel.
        is_gif = _fourcc(self._capture.get(cv2.CAP_PROP_FOURCC)) == "gif"
        try:
            check_size(self.name, int(width), int(height), limit=MAX_PIXELS // 4 if is_gif else MAX_PIXELS)
        except VideoError:
            self._capture.release()
            raise

    def _open(self, options: list[int]) -> cv2.VideoCapture:
        opened = opened_for_reading(self.source, name=self.name, open_seconds=self._timeout_seconds)
        self._opened.append(opened)
        if isinstance(opened, str) and is_url(opened):
            options = [
                *options,
                *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(self._timeout_seconds * 1000)),
                *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_SECONDS * 1000),
            ]
        # Only the FFmpeg backend: the others number, time and turn frames by rules of their own.
        capture = cv2.VideoCapture(opened, cv2.CAP_FFMPEG, options)  # type: ignore[arg-type]
        if not capture.isOpened():
            capture.release()
            close_http(opened)
            raise VideoError(self.name, why_not_opened(self.source))
        return capture


def _head(packet: cv2.typing.MatLike | None) -> bytes:
    return b"" if packet is None else packet.reshape(-1)[:HEADER_BYTES].tobytes()


def _is_avi(file: BinaryIO) -> bool:
    """Whether a file begins like AVI, which says when packets are decoded, and not when they are shown."""
    head = file.read(12)
    return head[:4] == b"RIFF" and head[8:12] == b"AVI "


def _positive(value: float) -> float | None:
    return value if math.isfinite(value) and value > 0 else None


def _fourcc(value: float) -> str:
    code = int(value).to_bytes(8, "little", signed=True)[:4] if math.isfinite(value) else b""
    return "".join(chr(byte) for byte in code if 32 < byte < 127)
