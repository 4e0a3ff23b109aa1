"""Decoded training clips on disk, so that every epoch after the first reads frames instead of decoding them.

A clip's frames and times lie in one file, named by the content of the video: a copy of it, or the same archive
unpacked again, finds it. Files are written under another name and renamed when complete, so runs may share the
folder and a killed run leaves nothing broken. The folder's size is bounded: the clips that have not been read for
longest make room, but for those that this run reads itself.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vidcls.errors import VideoError
from vidcls.preprocessing import resize
from vidcls.video.reader import iter_frames, read_times

_logger = logging.getLogger("vidcls.train")

# Part of every file's name: raise it when the same video would be stored differently.
_LAYOUT = 2

# What a killed run has left half-written is removed after so many seconds.
_ABANDONED_SECONDS = 3600.0


def default_folder() -> Path:
    """The user's cache folder, as the XDG base directory specification has it."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "vidcls" / "frames"


def content_key(video: Path) -> str:
    """The SHA-256 of a file's bytes, in hex.

    Raises:
        VideoError: the file cannot be read.

    Example:
        >>> content_key(Path(os.devnull))
        'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    """
    try:
        with video.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise VideoError(str(video), f"cannot be read ({error.strerror})") from None


@dataclass(frozen=True, kw_only=True)
class CachedVideo:
    """A video that was decoded to its end.

    pts_seconds: of its frames, by the container's clock, in the order they are decoded. key: its `content_key`.
    """

    pts_seconds: list[float]
    key: str


class FrameCache:
    """Frames of videos on disk, reduced to what training can use."""

    def __init__(self, folder: Path, *, short_side: int, limit_bytes: int) -> None:
        """Open a cache.

        Args:
            folder: where the files lie; made if missing.
            short_side: frames whose short side is longer, in pixels, are stored at this size.
            limit_bytes: what the folder may hold; videos for which there is no room are decoded whenever
                they are needed.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._short_side = short_side
        self._limit_bytes = limit_bytes
        self._used_here: set[str] = set()
        self._full = False
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def add(self, video: Path) -> CachedVideo:
        """Decode a video to its end, unless it is cached, and cache its frames where there is room.

        Raises:
            VideoError: the video cannot be decoded.
        """
        key = content_key(video)
        file = self._file(key)
        self._used_here.add(file.name)
        try:
            pts_seconds = _read_pts_seconds(file)
        except FileNotFoundError:
            pts_seconds = read_times(video)
            self._write(video, pts_seconds, file)
        return CachedVideo(pts_seconds=pts_seconds, key=key)

    def read(self, video: Path, key: str, window: range) -> npt.NDArray[np.uint8]:
        """The frames numbered `window` of a video: uint8 RGB [n, H, W, 3], the same whether cached or not.

        Args:
            video: the file.
            key: its `content_key`, as `add` returned it.
            window: consecutive frames, in the order they are decoded.

        Raises:
            VideoError: the frames are not cached and cannot be decoded.
        """
        file = self._file(key)
        try:
            # Mapped and not copied: of a window's frames few are read. Copied on write, as torch wants its memory.
            stored = np.load(file, mmap_mode="c")
        except FileNotFoundError:
            return np.stack([self._reduce(frame) for frame in iter_frames(video, window)])
        with suppress(OSError):  # another run may have removed it just now, and the open file still be read
            os.utime(file)
        return np.asarray(stored[window.start : window.stop])

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}-{self._short_side}-{_LAYOUT}.npy"

    def _write(self, video: Path, pts_seconds: list[float], file: Path) -> None:
        """Decode and store, if there is room for it. No room is no failure."""
        if self._full:
            return
        frames = iter_frames(video, range(len(pts_seconds)))
        first = self._reduce(next(frames))
        try:
            with self._room_for(file, first.nbytes * len(pts_seconds)) as part:
                if part is None:
                    return
                with part.open("r+b") as out:
                    header = {"descr": "|u1", "fortran_order": False, "shape": (len(pts_seconds), *first.shape)}
                    np.lib.format.write_array_header_1_0(out, header)
                    # Not through memory mapping: on a full disk that ends the process, and this does not.
                    out.write(first.tobytes())
                    for frame in frames:
                        reduced = self._reduce(frame)
                        if reduced.shape != first.shape:
                            raise VideoError(str(video), "changes its frame size midway; re-encode it at one size")
                        out.write(reduced.tobytes())
                    np.save(out, np.array(pts_seconds))
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            with self._lock:
                warned, self._full = self._full, True
            if not warned:
                _logger.warning(
                    "%s: the disk is full, so that clips are decoded anew in every epoch; "
                    "make room, or set XDG_CACHE_HOME to a folder on another disk",
                    self._folder,
                )

    @contextmanager
    def _room_for(self, file: Path, size: int) -> Iterator[Path | None]:
        """A path of `size` bytes to write to, which becomes `file` when all went well; None where there is no room."""
        with self._lock, _locked(self._folder.with_suffix(".lock")):
            part = self._reserve(size) if self._make_room(size) else None
        if part is None:
            yield None
            return
        try:
            yield part
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)

    def _reserve(self, size: int) -> Path:
        """A new file of `size` bytes: it counts as used from now on, for other runs too."""
        handle, name = tempfile.mkstemp(dir=self._folder, suffix=".part")
        try:
            os.truncate(handle, size)
        except OSError:
            Path(name).unlink()
            raise
        finally:
            os.close(handle)
        return Path(name)

    def _make_room(self, size: int) -> bool:
        """Remove what was not read for longest until `size` bytes fit."""
        used, removable = 0, []
        for entry in os.scandir(self._folder):
            with suppress(FileNotFoundError):
                status = entry.stat()
                if entry.name.endswith(".part") and time.time() - status.st_mtime > _ABANDONED_SECONDS:
                    Path(entry).unlink()
                    continue
                used += status.st_size
                if entry.name.endswith((".npy", ".times")) and entry.name not in self._used_here:
                    removable.append((status.st_mtime, status.st_size, entry.path))
        removable.sort()
        if used - sum(freed for _, freed, _ in removable) + size > self._limit_bytes:
            return False  # and nothing is removed in vain
        for _, freed, path in removable:
            if used + size <= self._limit_bytes:
                break
            Path(path).unlink(missing_ok=True)
            used -= freed
        return True

    def _reduce(self, frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        height, width = frame.shape[:2]
        short = min(height, width)
        if short <= self._short_side:
            return frame
        return resize(frame, width=self._short_side * width // short, height=self._short_side * height // short)


def _read_pts_seconds(file: Path) -> list[float]:
    """The frames' times, which lie behind the frames."""
    with file.open("rb") as opened:
        np.lib.format.read_magic(opened)
        shape, _, _ = np.lib.format.read_array_header_1_0(opened)
        opened.seek(int(np.prod(shape)), os.SEEK_CUR)
        return list(np.load(opened).tolist())


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """One process at a time, of all that share the folder."""
    with file.open("w") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
