"""Short films of events on disk: what the camera showed from a little before each to a little after it."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from vidcls.concurrency.cancellation import raise_if_cancelled
from vidcls.concurrency.daemons import call_of_the_program
from vidcls.errors import VidclsError
from vidcls.files.atomic import make_folder, remove_abandoned, whole_files
from vidcls.live.clock import BURST_SECONDS, Burst
from vidcls.watch.clip_names import clip_name, clip_time
from vidcls.watch.event import CameraEvent
from vidcls.watch.recent_pictures import Kept, RecentPictures
from vidcls.watch.settings import ClipSettings
from vidcls.watch.webm import write_webm

PICTURES_PER_SECOND = 10
LONGEST_SIDE = 640  # px
# Of an event that goes on for longer, the clip shows the beginning.
EVENT_SECONDS = 30.0
# For how long before it is handed out an event may have begun, for its clip to show that.
DETECTION_SECONDS = 20.0
# Memory of a camera: twice what 30 s of a busy picture take.
MAX_BYTES = 24_000_000
MAX_HELD = 8  # events of one camera that go on at one time
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 75]

_logger = logging.getLogger("vidcls")


class ClipRecorder:
    """Keeps the last pictures of every camera in memory, and writes those of an event to disk.

    What belongs to an event goes by media time alone: a camera that sends some seconds at once (HLS) shows in its clips
    what it filmed, and not when that came.

    `add` every picture; `begin` an event when it is provisional, so that the pictures of its beginning stay however
    long it goes on; `save` it when it is final. All may be called by any thread; `save` takes as long as encoding does,
    20 to 60 ms of CPU for a picture, and waits for pictures that belong to the clip and are still to come.
    """

    def __init__(self, settings: ClipSettings) -> None:
        """Make the folder.

        Raises:
            VidclsError: it cannot be made.
        """
        self._settings = settings
        try:
            make_folder(settings.folder)
        except OSError as error:
            raise VidclsError(f"{settings.folder}: no clips can be kept there ({error.strerror})") from error
        self._seconds = settings.before_seconds + DETECTION_SECONDS + settings.after_seconds
        self._cameras: defaultdict[str, RecentPictures] = defaultdict(self._none_yet)
        self._bursts: defaultdict[str, Burst] = defaultdict(Burst)
        self._due: dict[str, float] = {}  # when the next picture of each camera is, in media time
        self._added: dict[str, float] = {}  # monotonic seconds, of each camera's newest picture
        self._news = threading.Condition()
        self._is_closed = self._is_failing = False
        self.prune()

    def add(self, camera: str, at: float, picture: npt.NDArray[np.uint8]) -> None:
        """Keep a picture, uint8 RGB [H, W, 3], unless as many of each second are kept already.

        at: seconds after the camera's first frame, in media time, as an event's `start_seconds` are.
        """
        with self._news:
            newest, due = self._cameras[camera].newest, self._due.get(camera, at)
            due = at if newest is not None and at < newest else due  # time went back
            # A little before the next is due, so that 10 pictures a second that come unevenly are all kept.
            if self._is_closed or at < due - 0.25 / PICTURES_PER_SECOND:
                return
            self._due[camera] = max(due, at - 1 / PICTURES_PER_SECOND) + 1 / PICTURES_PER_SECOND
        kept = Kept(at, _compressed(picture))
        with self._news:
            self._added[camera] = time.monotonic()
            self._bursts[camera].add(self._added[camera], at)
            pictures = self._cameras[camera]
            # What came at once is told of as late as it takes to answer all of it.
            pictures.seconds = max(pictures.seconds, self._seconds + self._bursts[camera].silence_seconds(0.0))
            pictures.add(kept)
            self._news.notify_all()

    def begin(self, event: CameraEvent) -> None:
        """Hold the pictures of an event that goes on, until it is saved."""
        start, end = self._stretch(event)
        with self._news:
            self._cameras[event.camera].hold(event.id, start=start, end=end)

    def let_go(self, event: CameraEvent) -> None:
        """Hold the pictures of an event no longer, of which no clip will be saved."""
        with self._news:
            self._cameras[event.camera].let_go(event.id)

    def save(self, event: CameraEvent) -> str | None:
        """Write the clip of an event, whole or not at all: its name in the folder.

        None where there is no picture of it or nothing can be written; then the logger "vidcls" says why, once.

        Raises:
            CancelledError: nobody waits for this thread's work any more; nothing of the clip is left.
        """
        start, end = self._stretch(event)
        with self._news:
            self._wait(event.camera, end=end)
            pictures = self._cameras[event.camera].between(start, end)
            self._cameras[event.camera].let_go(event.id)
        if not pictures:
            _logger.warning(
                "%s: there is no picture of the event %s any more, so it has no clip", event.camera, event.id
            )
            return None
        name = clip_name(event)
        try:
            self._write(name, pictures, start=start, end=end)
        except OSError as error:
            self._say_failing(error)
            return None
        if self._is_failing:
            self._is_failing = False
            _logger.warning("%s: clips are kept again", self._settings.folder)
        self._prune(newest=name)
        return name if self.path(name) is not None else None  # too large for the folder by itself

    def prune(self) -> None:
        """Remove clips that are too old, and of the others the oldest while they are too many; nothing else.

        Those of a time that is still to come are from before the clock was set back, and so the oldest.
        """
        self._prune(newest="")

    def _prune(self, *, newest: str) -> None:
        """As `prune`; the clip of the name `newest` goes last, whatever time it says."""
        now = datetime.now(timezone.utc)
        with suppress(OSError):  # the folder is missing, which is said when a clip is written
            clips = sorted(
                (path.name == newest, made <= now, made, path.stat().st_size, path)
                for path in self._settings.folder.iterdir()
                if (made := clip_time(path.name)) is not None
            )
            left = sum(size for *_, size, _ in clips)
            for _, _, made, size, path in clips:
                is_old = (now - made) / timedelta(days=1) > self._settings.max_days
                if not is_old and left <= self._settings.max_megabytes * 1e6:
                    continue
                with suppress(OSError):  # someone is reading it, on a system that then keeps it
                    path.unlink()
                    left -= size
            remove_abandoned(self._settings.folder)

    def path(self, name: str) -> Path | None:
        """Where the clip of that name is; None where there is none, and of every name that is not a clip's."""
        path = self._settings.folder / name if clip_time(name) is not None else None
        return path if path is not None and path.is_file() else None

    def close(self) -> None:
        """Wait for no more pictures; a clip that is being written is written to its end."""
        with self._news:
            self._is_closed = True
            self._news.notify_all()

    def _wait(self, camera: str, *, end: float) -> None:
        """Wait until the camera has shown what was at `end`, or is silent for longer than between its bursts."""
        patience = self._settings.after_seconds + 1 / PICTURES_PER_SECOND
        longest = time.monotonic() + patience + BURST_SECONDS
        while not self._is_closed and (newest := self._cameras[camera].newest) is not None and newest < end:
            until = min(longest, self._added[camera] + self._bursts[camera].silence_seconds(patience))
            if not self._news.wait(max(0.0, until - time.monotonic())) and time.monotonic() >= until:
                return

    def _none_yet(self) -> RecentPictures:
        return RecentPictures(seconds=self._seconds, max_bytes=MAX_BYTES, max_held=MAX_HELD)

    def _stretch(self, event: CameraEvent) -> tuple[float, float]:
        longest = event.start_seconds + EVENT_SECONDS
        end = longest if event.end_seconds is None else min(event.end_seconds, longest)
        return event.start_seconds - self._settings.before_seconds, end + self._settings.after_seconds

    def _write(self, name: str, pictures: Sequence[Kept], *, start: float, end: float) -> None:
        if not self._settings.folder.is_dir():  # it may be on a disk that was taken away: make it nowhere else
            raise FileNotFoundError(2, "the folder is missing", str(self._settings.folder))
        with whole_files(self._settings.folder) as scratch, call_of_the_program():
            first = _decoded(pictures[0].jpeg)
            size = first.shape[1], first.shape[0]
            frames = _at_rate(pictures, size=size, start=max(start, pictures[0].at), end=min(end, pictures[-1].at))
            write_webm(scratch / name, frames, rate=PICTURES_PER_SECOND, size=size)

    def _say_failing(self, error: OSError) -> None:
        if not self._is_failing:
            self._is_failing = True
            _logger.warning(
                "%s: a clip cannot be written (%s); events go on without clips", self._settings.folder, error.strerror
            )


def _at_rate(
    pictures: Sequence[Kept], *, size: tuple[int, int], start: float, end: float
) -> Iterator[npt.NDArray[np.uint8]]:
    """Of every tenth of a second the picture that was the newest then, BGR, all of one size: at real pace."""
    frames = max(1, round((end - start) * PICTURES_PER_SECOND) + 1)
    number, shown = -1, None
    for frame in range(frames):
        at = start + (frame + 0.5) / PICTURES_PER_SECOND
        newest = number
        while newest + 1 < len(pictures) and (newest < 0 or pictures[newest + 1].at <= at):
            newest += 1
        if shown is None or newest != number:
            number, shown = newest, _of_size(_decoded(pictures[newest].jpeg), size)
        raise_if_cancelled()
        yield shown


def _compressed(picture: npt.NDArray[np.uint8]) -> bytes:
    """A JPEG, no longer than LONGEST_SIDE, of an even width and height, which VP8 asks for."""
    height, width = picture.shape[:2]
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    size = max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)
    bgr = cv2.cvtColor(_of_size(picture, size), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, _JPEG)[1].tobytes()


def _of_size(picture: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """The picture in another size (width, height): halved as often as can be, which is the mean of each four pixels.

    A third of the time that cv2.INTER_AREA takes, and as free of aliasing.
    """
    while min(picture.shape[1] / size[0], picture.shape[0] / size[1]) >= 1.5:
        half = (picture.shape[1] + 1) // 2, (picture.shape[0] + 1) // 2
        picture = np.asarray(cv2.resize(picture, half, interpolation=cv2.INTER_LINEAR), np.uint8)
    if picture.shape[1::-1] == size:
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _decoded(jpeg: bytes) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)
