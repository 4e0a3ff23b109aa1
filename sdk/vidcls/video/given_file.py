"""Open files that somebody gives as videos: whatever reading them raises, no decoder's C code has to deal with it."""

from __future__ import annotations

import io
import operator
from collections.abc import Callable
from typing import TypeVar

from vidcls.concurrency.prefetch import in_thread
from vidcls.errors import VideoError
from vidcls.video.protocols import is_remote
from vidcls.video.source import VideoSource, source_name

Result = TypeVar("Result")


class GivenFile(io.BufferedIOBase):
    """Somebody's open file, to decoders one that ends where it cannot be read.

    OpenCV crashes the process where a file raises, and PyAV prints what it raised and may ask for ever. Both trust what
    it answers: more bytes than were asked for are written behind a buffer's end. `check` says it afterwards.
    """

    def __init__(self, given: io.BufferedIOBase) -> None:
        self._given = given
        self._problem: BaseException | None = None
        self.name = getattr(given, "name", None)

    def check(self) -> None:
        """Raise VideoError where it could not be read; what is no Exception, such as a cancellation, as it is."""
        if self._problem is not None and not isinstance(self._problem, Exception):
            raise self._problem
        if self._problem is not None:
            what = str(self._problem) or type(self._problem).__name__
            raise VideoError(source_name(self), f"the open file cannot be read ({what}); open it again")

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """Whether it can be read twice."""
        return self._asked(self._given.seekable, instead=True)  # what is wrong with it, `check` says

    def tell(self) -> int:
        """The number of the next byte."""
        return self._asked(self._place, instead=0)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go on at that byte; -1 where that cannot be."""
        return self._asked(lambda: self._seek(offset, whence), instead=-1)

    def read(self, size: int | None = -1, /) -> bytes:
        """At most `size` bytes; none at the end, and once something has gone wrong."""
        return self._asked(lambda: self._read(size), instead=b"")

    def _place(self) -> int:
        return operator.index(self._given.tell())

    def _seek(self, offset: int, whence: int) -> int:
        place: int | None = self._given.seek(offset, whence)
        return self._place() if place is None else operator.index(place)  # many a class written by hand gives none

    def _read(self, size: int | None) -> bytes:
        content: object = self._given.read(size)
        if isinstance(content, bytearray | memoryview):
            content = bytes(content)
        if not isinstance(content, bytes):
            raise TypeError(f"read() gives {type(content).__name__}, expected bytes")
        if size is not None and 0 <= size < len(content):
            raise ValueError(f"read({size}) gives {len(content)} bytes")
        return content

    def _asked(self, ask: Callable[[], Result], *, instead: Result) -> Result:
        if self._problem is None:
            try:
                return ask()
            except BaseException as error:  # noqa: BLE001 - it is anybody's code; `check` raises it
                self._problem = error
        return instead


def guarded(source: VideoSource) -> VideoSource:
    """The source, with an open file in the form in which decoders can read it."""
    return GivenFile(source) if isinstance(source, io.BufferedIOBase) else source


def check_read(source: VideoSource) -> None:
    """Raise VideoError where a `guarded` source could not be read."""
    if isinstance(source, GivenFile):
        source.check()


def broken_off_by_signals(source: VideoSource, work: Callable[[], Result]) -> Result:
    """What `work` gives, which reads a `guarded` source, and which a signal can break off.

    A file needs nothing for that. A server or a file object, read by a decoder through Python code, is read in another
    thread: signals come in the main thread, and what their handlers raise may not come up inside a decoder.

    Raises:
        VideoError: the source could not be read; that is said rather than what decoders make of it.
    """
    if not isinstance(source, GivenFile) and not (isinstance(source, str) and is_remote(source)):
        return work()
    try:
        found = in_thread(work)
    except VideoError:
        check_read(source)
        raise
    check_read(source)
    return found
