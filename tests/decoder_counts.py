"""How often videos are opened and their frames decoded, counted at the decoder while it works as ever."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from vidcls.video.protocol import Picture
from vidcls.video.pyav import PyAVVideo


class Decoding:
    """Counts by the video's path.

    opened: of times. grabbed: frames that the decoder gave. converted: frames that became RGB.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.opened: Counter[Path] = Counter()
        self.grabbed: Counter[Path] = Counter()
        self.converted: Counter[Path] = Counter()
        init, grab, retrieve = PyAVVideo.__init__, PyAVVideo.grab, PyAVVideo.retrieve

        def counted_init(video: PyAVVideo, source: object, **options: float) -> None:
            init(video, source, **options)  # type: ignore[arg-type]
            self.opened[Path(video.name)] += 1

        def counted_grab(video: PyAVVideo) -> float | None:
            pts = grab(video)
            self.grabbed[Path(video.name)] += pts is not None
            return pts

        def counted_retrieve(video: PyAVVideo) -> Picture:
            picture = retrieve(video)

            def counted() -> object:
                self.converted[Path(video.name)] += 1
                return picture()

            return counted  # type: ignore[return-value]

        patch.setattr(PyAVVideo, "__init__", counted_init)
        patch.setattr(PyAVVideo, "grab", counted_grab)
        patch.setattr(PyAVVideo, "retrieve", counted_retrieve)
