"""Decoded training clips on disk, so that every epoch after the first reads frames instead of decoding them.

A clip's frames and times lie in one file, named by the content of the video: a copy of it, or the same archive
unpacked again, finds it. Runs may share the folder (see `vidcls_train.data.cache_folder`). A file that is not what
was written (see `vidcls_train.data.stored_frames`) is made anew.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vidcls.clips import cut_source
from vidcls.region import Region, region_text
from vidcls.video.reader import VideoReader, iter_frames, open_video
from vidcls_train.data.cache_folder import CacheFolder
from vidcls_train.data.footage_keys import footage_key
from vidcls_train.data.frame_writer import FrameWriter
from vidcls_train.data.one_pass import FrameSink, read_once
from vidcls_train.data.stored_frames import LAYOUT, DamagedFileError, StoredVideo, fit, stored_size

_logger = logging.getLogger("vidcls.train")

_SUFFIX = ".frames"
# What may be removed to make room; the last two are of earlier versions, and are not read.
_SUFFIXES = (_SUFFIX, ".npy", ".times")


def default_folder() -> Path:
    """The user's cache folder, as the XDG base directory specification has it."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "vidcls" / "frames"


@dataclass(frozen=True, kw_only=True)
class CachedVideo:
    """A video, or a stretch of one, that was decoded to its end.

    pts_seconds: of its frames, in seconds after the first, in the order they are decoded. key: its `footage_key`.
    stretch: (start, end) in seconds after the video's first frame; None for all of it.
    """

    pts_seconds: list[float]
    key: str
    stretch: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Opened:
    """A file that this process reads. is_checked: bool [n], which frames were compared with their checksums."""

    status: tuple[int, int]
    stored: StoredVideo
    is_checked: npt.NDArray[np.bool_]


class FrameCache:
    """Frames of videos on disk, reduced to what training can use."""

    def __init__(self, folder: Path, *, short_side: int, limit_bytes: int, region: Region | None = None) -> None:
        """Open a cache.

        Args:
            folder: where the files lie; made if missing.
            short_side: frames whose short side is longer, in pixels, are stored at this size.
            limit_bytes: what the folder may hold; videos for which there is no room are decoded whenever
                they are needed.
            region: of the picture, that frames are cut to before all else; None for all of it.
        """
        self._folder = CacheFolder(folder, suffixes=_SUFFIXES, limit_bytes=limit_bytes)
        self._short_side = short_side
        self._region = region
        # {key: bytes} of the videos that were decoded here: what there was no room for.
        self._left_out: dict[str, int] = {}
        self._opened: dict[str, _Opened] = {}

    def add(self, video: Path, stretch: tuple[float, float] | None = None) -> CachedVideo:
        """Decode a video, or a stretch of it, unless it is cached, and cache its frames where there is room.

        Args:
            video: the file.
            stretch: (start, end) in seconds after its first frame; None for all of it.

        Raises:
            VideoError: the video cannot be decoded.
        """
        key = footage_key(video, stretch)
        stored = self._open(key)
        if stored is not None:
            return CachedVideo(pts_seconds=stored.pts_seconds, key=key, stretch=stretch)
        with open_video(video) as reader:
            return self._store(reader, video, key, (), stretch, self._folder.reserve)

    def add_along(
        self,
        reader: VideoReader,
        video: Path,
        sinks: Sequence[FrameSink],
        *,
        stretch: tuple[float, float] | None = None,
    ) -> CachedVideo:
        """As `add`, in a pass that others take part in: the video is decoded for them, whether it is cached or not.

        Args:
            reader: of the video, to be read.
            video: the file.
            sinks: are given every frame.
            stretch: as for `add`.

        Raises:
            VideoError: the video cannot be decoded.
        """
        key = footage_key(video, stretch)
        if self._open(key) is not None:
            return CachedVideo(pts_seconds=read_once(reader, sinks, stretch=stretch), key=key, stretch=stretch)
        return self._store(reader, video, key, sinks, stretch, self._folder.reserve)

    def settle(self, videos: Iterable[CachedVideo]) -> None:
        """Say which of the videos that were added this run trains on; the others make room."""
        self._folder.use_only(self._file_name(video.key) for video in videos)

    def complete(self, video: Path, known: CachedVideo) -> CachedVideo:
        """Cache a video now for which there was no room when it was added, if there is now.

        Raises:
            VideoError: the video cannot be decoded.
        """
        size = self._left_out.get(known.key, 0)
        return self.add(video, known.stretch) if size and self._folder.has_room(size) else known

    def tell_left_out(self, videos: Iterable[CachedVideo]) -> None:
        """Warn of those for which there was no room, unless there was to be none."""
        sizes = {video.key: self._left_out.get(video.key, 0) for video in videos}
        count, size = sum(map(bool, sizes.values())), sum(sizes.values())
        if count and self._folder.limit_bytes:
            _logger.warning(
                "%d of %d training videos do not fit into the cache and are decoded anew in every epoch; "
                "give --cache-gb %.0f instead of %g, where %s has room for that",
                count,
                len(sizes),
                math.ceil((self._folder.limit_bytes + size) / 1e9),
                self._folder.limit_bytes / 1e9,
                self._folder.path,
            )

    def read(
        self, video: Path, key: str, window: range, *, stretch: tuple[float, float] | None = None
    ) -> npt.NDArray[np.uint8]:
        """The frames numbered `window` of a video: uint8 RGB [n, H, W, 3], the same whether cached or not.

        Args:
            video: the file.
            key: its `footage_key`, as `add` returned it.
            window: consecutive frames, in the order they are decoded; of a stretch, counted from its first frame on.
            stretch: as for `add`.

        Raises:
            VideoError: the frames are not cached and cannot be decoded.
        """
        file = self._file(key)
        try:
            frames = self._checked(key, file, window).map_frames()
        except FileNotFoundError:
            if self._folder.is_full or self._left_out.get(key):
                return self._decode(video, window, stretch)
            self._tell_removed()
            return self._made_anew(video, key, window, stretch)
        except DamagedFileError as error:
            self._discard(key, error)
            return self._made_anew(video, key, window, stretch)
        with suppress(OSError):  # another run may have removed it just now, and the open file still be read
            os.utime(file)
        return frames[window.start : window.stop]

    def _made_anew(
        self, video: Path, key: str, window: range, stretch: tuple[float, float] | None
    ) -> npt.NDArray[np.uint8]:
        """As `read`, where the file was damaged, or removed.

        It is made again where there is room, and no other makes room for it: runs that have too little for both would
        remove each other's by turns.
        """
        with suppress(OSError), open_video(video) as reader:  # it cannot be written either
            self._store(reader, video, key, (), stretch, self._folder.reserve_free)
        with suppress(FileNotFoundError, DamagedFileError):
            return self._checked(key, self._file(key), window).map_frames()[window.start : window.stop]
        return self._decode(video, window, stretch)

    def _checked(self, key: str, file: Path, window: range) -> StoredVideo:
        """The file, after those of the frames `window` that were not used in this process yet were checked."""
        found = file.stat()
        status = (found.st_ino, found.st_size)
        opened = self._opened.get(key)
        if opened is None or opened.status != status:  # another run may have put another file in its place
            stored = StoredVideo.open(file)
            opened = _Opened(status=status, stored=stored, is_checked=np.zeros(len(stored.pts_seconds), bool))
            self._opened[key] = opened
        unchecked = [number for number in window if not opened.is_checked[number]]
        if unchecked:
            opened.stored.check(unchecked)
            opened.is_checked[unchecked] = True
        return opened.stored

    def _open(self, key: str) -> StoredVideo | None:
        """The file of a video; None where there is none, or where it was damaged, and is removed."""
        try:
            return StoredVideo.open(self._file(key))
        except FileNotFoundError:
            return None
        except DamagedFileError as error:
            self._discard(key, error)
            return None

    def _tell_removed(self) -> None:
        if self._folder.mark_removed():
            _logger.warning(
                "%s: what this run has decoded was removed meanwhile, as by another run with a smaller --cache-gb; "
                "videos are decoded again, and where there is no room for them in every epoch",
                self._folder.path,
            )

    def _discard(self, key: str, problem: DamagedFileError) -> None:
        file = self._file(key)
        self._opened.pop(key, None)
        with suppress(OSError):
            file.unlink()
        if self._folder.mark_damaged():
            _logger.warning("%s: %s; it is made anew, and so are others that are damaged", file, problem)

    def _decode(self, video: Path, window: range, stretch: tuple[float, float] | None) -> npt.NDArray[np.uint8]:
        # The first frame says at which size the video is stored.
        every = iter_frames(video, sorted({0, *window}), stretch=stretch)
        frames = (cut_source(frame, video, self._region) for frame in every)
        first = next(frames)
        size = stored_size(first, short_side=self._short_side)
        start = [fit(first, size)] if window.start == 0 else []
        return np.stack([*start, *(fit(frame, size) for frame in frames)])

    def _file(self, key: str) -> Path:
        return self._folder.use(self._file_name(key))

    def _file_name(self, key: str) -> str:
        region = "" if self._region is None else f"-{region_text(self._region)}"
        return f"{key}-{self._short_side}-{LAYOUT}{region}{_SUFFIX}"

    def _store(
        self,
        reader: VideoReader,
        video: Path,
        key: str,
        sinks: Sequence[FrameSink],
        stretch: tuple[float, float] | None,
        reserve: Callable[[int], Path | None],
    ) -> CachedVideo:
        cut = partial(cut_source, source=video, region=self._region)
        writer = FrameWriter(self._folder, reserve, cut, short_side=self._short_side)
        try:
            times = read_once(reader, [writer, *sinks], stretch=stretch)
            writer.finish(self._file(key))
        finally:
            writer.discard()
        self._left_out[key] = writer.left_out
        return CachedVideo(pts_seconds=times, key=key, stretch=stretch)
