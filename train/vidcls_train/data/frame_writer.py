"""A video's frames on their way into the cache: written as they are decoded."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from vidcls.video.protocol import Frame, Picture
from vidcls_train.data.cache_folder import CacheFolder
from vidcls_train.data.stored_frames import StoredFrames, file_bytes, fit, stored_size

_logger = logging.getLogger("vidcls.train")

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class FrameWriter:
    """A `vidcls_train.data.one_pass.FrameSink` that writes to a folder. No room there is no failure.

    left_out: bytes that there was no room for; 0 where there was.
    """

    def __init__(
        self,
        folder: CacheFolder,
        reserve: Callable[[int], Path | None],
        cut: Callable[[Frame], Frame],
        *,
        short_side: int,
    ) -> None:
        """Where frames are written, and how.

        Args:
            folder: where.
            reserve: bytes -> a new file there of that size, or None without room.
            cut: what is kept of a frame.
            short_side: pixels, as `stored_size` has it.
        """
        self.left_out = 0
        self._folder = folder
        self._reserve = reserve
        self._cut = cut
        self._short_side = short_side
        self._times: Sequence[float] = ()
        self._size = (0, 0)
        self._part: Path | None = None
        self._out: BinaryIO | None = None
        self._stored: StoredFrames | None = None

    def restart(self, times: Sequence[float]) -> None:
        """Forget what was written."""
        self.discard()
        self.left_out = 0
        self._times = times

    def add(self, number: int, picture: Picture) -> None:
        """Write the next frame."""
        if number > 0 and self._stored is None:
            return
        frame = self._cut(picture())
        with self._without_space():
            if number == 0:
                self._size = stored_size(frame, short_side=self._short_side)
                self._begin()
            if self._stored is not None:
                self._stored.add(fit(frame, self._size))

    def finish(self, file: Path) -> None:
        """All frames were written: they become `file`.

        It is not forced onto the disk: what a power cut leaves of it does not fit its checksums, and is made anew.
        """
        with self._without_space():
            if self._stored is None or self._out is None or self._part is None:
                return
            self._stored.end()
            self._out.close()
            self._part.replace(file)

    def discard(self) -> None:
        """Remove what was written, if it did not become a file."""
        self._stored = None
        if self._out is not None:
            self._out.close()
            self._out = None
        if self._part is not None:
            self._part.unlink(missing_ok=True)
            self._part = None

    def _begin(self) -> None:
        if self._folder.is_full:
            return
        size = file_bytes(len(self._times), self._size)
        self._part = self._reserve(size)
        if self._part is None:
            self.left_out = size
            return
        self._out = self._part.open("r+b")
        self._stored = StoredFrames(self._out, pts_seconds=self._times, size=self._size)

    @contextmanager
    def _without_space(self) -> Iterator[None]:
        """Give up quietly where the disk is full, once with a warning."""
        try:
            yield
        except OSError as error:
            if error.errno not in _NO_SPACE:
                raise
            try:
                self.discard()
            except OSError:  # what was buffered does not fit either
                self.discard()
            if self._folder.mark_full():
                _logger.warning(
                    "%s: the disk is full, so that clips are decoded anew in every epoch; "
                    "make room, or set XDG_CACHE_HOME to a folder on another disk",
                    self._folder.path,
                )
