"""Decoded training clips on disk, so that every epoch after the first reads frames instead of decoding them.

A clip's frames lie in one .npy file, read through memory mapping. Files are written under another
name and renamed when complete, so runs may share the folder and a killed run leaves nothing broken.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vidcls.decoding import iter_frames, read_times
from vidcls.errors import VideoError
from vidcls.preprocessing import resize

# Part of every file's name: raise it when the same video would be stored differently.
_LAYOUT = 1


def default_folder() -> Path:
    """The user's cache folder, as the XDG base directory specification has it."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "vidcls" / "frames"


class FrameStore:
    """Frames of videos, reduced to what training can use."""

    def __init__(self, folder: Path, *, short_side: int, limit_bytes: int) -> None:
        """Open a store.

        Args:
            folder: where the files lie; made if missing.
            short_side: frames whose short side is longer, in pixels, are stored at this size.
            limit_bytes: once the folder holds this much, further videos are decoded whenever they
                are needed.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._short_side = short_side
        self._limit_bytes = limit_bytes
        self._used_bytes = sum(file.stat().st_size for file in folder.glob("*.npy"))

    def fill(self, video: Path) -> list[float]:
        """Decode a video to its end, keeping its frames while there is room; returns their times in seconds.

        Raises:
            VideoError: the video cannot be decoded.
        """
        frames_file, times_file = self._files(video)
        if frames_file.exists() and times_file.exists():
            return list(np.load(times_file).tolist())
        times = read_times(video)
        if self._used_bytes < self._limit_bytes:
            with _complete_or_absent(frames_file) as part:
                self._write_frames(video, len(times), part)
            self._used_bytes += frames_file.stat().st_size
            with _complete_or_absent(times_file) as part, part.open("wb") as file:
                np.save(file, np.array(times))
        return times

    def read(self, video: Path, window: range) -> npt.NDArray[np.uint8]:
        """The frames numbered `window`: uint8 RGB [n, H, W, 3], the same whether they are stored or not.

        Raises:
            VideoError: the frames are not stored and cannot be decoded.
        """
        frames_file, _ = self._files(video)
        if frames_file.exists():
            return np.array(np.load(frames_file, mmap_mode="r")[window.start : window.stop])
        return np.stack([self._reduce(frame) for frame in iter_frames(video, window)])

    def _files(self, video: Path) -> tuple[Path, Path]:
        try:
            status = video.stat()
        except OSError as error:
            raise VideoError(str(video), f"cannot be read ({error.strerror})") from None
        identity = f"{_LAYOUT}|{video.resolve()}|{status.st_size}|{status.st_mtime_ns}|{self._short_side}"
        name = hashlib.sha256(os.fsencode(identity)).hexdigest()
        return self._folder / f"{name}.npy", self._folder / f"{name}.times"

    def _write_frames(self, video: Path, count: int, part: Path) -> None:
        stored = None
        for index, frame in enumerate(iter_frames(video, range(count))):
            reduced = self._reduce(frame)
            if stored is None:
                shape = (count, *reduced.shape)
                stored = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
            stored[index] = reduced

    def _reduce(self, frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        height, width = frame.shape[:2]
        short = min(height, width)
        if short <= self._short_side:
            return frame
        return resize(frame, width=self._short_side * width // short, height=self._short_side * height // short)


@contextmanager
def _complete_or_absent(file: Path) -> Iterator[Path]:
    """A path beside `file` to write to, which becomes `file` only when all went well."""
    handle, name = tempfile.mkstemp(dir=file.parent, suffix=".part")
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
