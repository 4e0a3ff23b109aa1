"""What stands at an http or https URL as an open file, for decoders to read through."""

from __future__ import annotations

import io
import re
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from urllib.error import HTTPError, URLError

from vidcls.concurrency.cancellation import CancelledError
from vidcls.errors import VideoError
from vidcls.video.http import Patience, opener, request
from vidcls.video.protocols import FETCHED_PROTOCOLS, is_page, is_url, protocol_of
from vidcls.video.source import READ_SECONDS, cannot_be_opened, check_is_no_archive

# What lies so shortly ahead is read and thrown away, which takes less time than another request.
_SKIPPED_BYTES = 1 << 18
_BLOCK_BYTES = 1 << 16
# A file of a server that gives no parts is kept as it comes, up to this size: decoders go back in it.
_KEPT_BYTES = 64 << 20
# How often the next bytes are asked for: a connection may be closed early, and a proxy may send less than it was asked.
_REQUESTS = 3
_PART = re.compile(r"bytes (\d+)-\d+/(\d+|\*)\s*$", re.IGNORECASE)
_PLAYLIST = b"#EXTM3U"


class HttpFile(io.BufferedIOBase):
    """The bytes at a URL, which are fetched as they are read.

    An answer that breaks off is asked for again. To whoever reads, one that comes to nothing, or whose waiting nobody
    wants any more, is a file that ends: no decoder's C code gets an exception to deal with. `check` says which it was,
    and whoever reads frames or packets asks it before they count.
    """

    def __init__(self, url: str, *, open_seconds: float, read_seconds: float) -> None:
        """Ask for it.

        Args:
            url: http or https.
            open_seconds: how long the server may take to answer.
            read_seconds: how long until the next bytes come.

        Raises:
            OSError: there is no such thing there, or no server.
        """
        self._url, self._open_seconds, self._read_seconds = url, open_seconds, read_seconds
        self._position = 0
        self._has_broken_off = False
        self._length: int | None = None
        self._begin(0)
        answer = self._answer
        assert answer is not None  # noqa: S101 - it was just opened
        self.kind = answer.headers.get_content_type()
        self._ranges = answer.status == 206 or answer.headers.get("Accept-Ranges", "").strip() == "bytes"
        part = _PART.match(answer.headers.get("Content-Range", ""))
        stated = part[2] if part else answer.headers.get("Content-Length", "")
        self._length = int(stated) if stated.strip().isdecimal() else None
        self._patience.renew(read_seconds)
        self._beginning = answer.read(len(_PLAYLIST))
        self._at = len(self._beginning)
        is_kept = not self._ranges and self._length is not None and self._length <= _KEPT_BYTES
        self._kept = bytearray(self._beginning) if is_kept else None

    @property
    def is_playlist(self) -> bool:
        """Whether it names other URLs."""
        return self._beginning == _PLAYLIST or self.kind.endswith("mpegurl")

    def check_is_video(self, name: str) -> None:
        """Raise VideoError, of the video `name`, where what begins here is a web page or an archive."""
        if self.kind in ("text/html", "application/xhtml+xml") and self._beginning.lstrip()[:1] == b"<":
            raise VideoError(name, is_page("(HTML)"))
        check_is_no_archive(self._beginning, name=name)

    def check(self, name: str) -> None:
        """Raise VideoError, of the video `name`, where the server gave less than the whole of what was asked for."""
        if self._has_broken_off:
            raise VideoError(
                name,
                f"the server broke off at byte {self._position} of {self._length}; try again, or download the file",
            )

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """Whether the server says how long it is, and gives parts of it, or it is small enough to be kept."""
        return self._length is not None and (self._ranges or self._kept is not None)

    def tell(self) -> int:
        """The number of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go on at that byte; asks the server when it is read."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length or 0}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """At most `size` bytes, and as many as are there; none at the end, and once the server has broken off."""
        if self._has_broken_off:
            return b""
        try:
            found = self._beginning[self._position :][:size] if self._position < len(self._beginning) else b""
            found = found or self._fetch(_BLOCK_BYTES if size is None or size < 0 else size)
        except CancelledError:
            return b""
        except (OSError, HTTPException, ValueError):
            self._has_broken_off = True
            return b""
        self._position += len(found)
        return found

    def close(self) -> None:
        """Hang up."""
        self._hang_up()
        super().close()

    def _fetch(self, size: int) -> bytes:
        if self._length is not None and self._position >= self._length:
            return b""
        if self._kept is not None:
            return self._fetch_kept(self._kept, size)
        for _ in range(_REQUESTS):
            with suppress(ConnectionError, URLError, HTTPException):
                found = self._fetch_part(size)
                if found or self._length is None:
                    return found
            self._hang_up()
        raise ConnectionError("the server closes the connection before it has sent what was asked for")

    def _fetch_part(self, size: int) -> bytes:
        """What comes of the answer next; nothing where it ends."""
        if self._answer is None or not 0 <= self._position - self._at <= _SKIPPED_BYTES:
            self._begin(self._position)
        answer = self._answer
        assert answer is not None  # noqa: S101 - it was just opened
        while self._at < self._position:
            self._patience.renew(self._read_seconds)
            skipped = answer.read1(self._position - self._at)
            if not skipped:
                return b""
            self._at += len(skipped)
        self._patience.renew(self._read_seconds)
        found = answer.read1(size)
        self._at += len(found)
        return found

    def _fetch_kept(self, kept: bytearray, size: int) -> bytes:
        answer = self._answer
        assert answer is not None  # noqa: S101 - it is asked only once
        while len(kept) <= self._position:
            self._patience.renew(self._read_seconds)
            more = answer.read1(_BLOCK_BYTES)
            if not more:  # whose server cannot be asked for the rest
                raise ConnectionError("the server closes the connection before it has sent all of the file")
            kept += more
        return bytes(kept[self._position : self._position + size])

    def _begin(self, position: int) -> None:
        self._hang_up()
        self._patience = Patience(self._open_seconds)
        try:
            answer: HTTPResponse = opener(self._patience).open(request(self._url, start=position))
        except HTTPError as error:
            error.close()
            raise
        if position and not self._is_part(answer, position):
            answer.close()
            raise OSError("the server does not give the part that was asked for")
        self._answer, self._at = answer, position

    def _is_part(self, answer: HTTPResponse, position: int) -> bool:
        """Whether it begins at that byte, of a file that is as long as it was."""
        part = _PART.match(answer.headers.get("Content-Range", ""))
        is_same = part is None or (int(part[1]) == position and part[2] in ("*", str(self._length)))
        return answer.status == 206 and is_same

    _answer: HTTPResponse | None = None

    def _hang_up(self) -> None:
        if self._answer is not None:
            with suppress(OSError, HTTPException):
                self._answer.close()
        self._answer = None


def opened_for_reading(source: str | io.BufferedIOBase, *, name: str, open_seconds: float) -> str | io.BufferedIOBase:
    """What a decoder is to read of what `vidcls.video.source.openable` gave: a name, or an open file at its beginning.

    An HttpFile in place of an http or https URL; but where FFmpeg has to ask in ways of its own, the URL itself: for
    playlists, for what states no length, and of servers that ask for a password by digest. Its waits then last as long
    as their limits.

    Raises:
        VideoError: of the video `name`: its server does not give it.
    """
    if not isinstance(source, str):
        source.seek(0)
        return source
    if not is_url(source) or protocol_of(source) not in FETCHED_PROTOCOLS:
        return source
    try:
        opened = HttpFile(source, open_seconds=open_seconds, read_seconds=READ_SECONDS)
    except HTTPError as error:
        if error.code == 401 and "digest" in error.headers.get("WWW-Authenticate", "").lower():
            return source
        raise VideoError(name, cannot_be_opened(source)) from None
    except (OSError, HTTPException, ValueError):  # whose text may hold a password
        raise VideoError(name, cannot_be_opened(source)) from None
    try:
        opened.check_is_video(name)
    except VideoError:
        opened.close()
        raise
    if opened.is_playlist or not opened.seekable():
        opened.close()
        return source
    return opened


def check_http(opened: str | io.BufferedIOBase, *, name: str) -> None:
    """Raise VideoError, of the video `name`, where that is what `opened_for_reading` gave and it has broken off."""
    if isinstance(opened, HttpFile):
        opened.check(name)


def close_http(opened: str | io.BufferedIOBase) -> None:
    """Hang up, where that is what `opened_for_reading` gave; else it is the caller's."""
    if isinstance(opened, HttpFile):
        opened.close()
