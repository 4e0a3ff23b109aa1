"""Cameras whose servers come and go, as `vidcls watch` reads them."""

from __future__ import annotations

import shutil
import time
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest

import live_server
from loopback import free_port
from lossless import noise_frames, write_lossless
from slow import slow
from vidcls import VideoClassifier
from vidcls.watch.settings import CameraSettings
from vidcls.watch.sources import Sources
from watched import wait_for

# Within which a server that states no length is read, elsewhere, to see whether it is a film that ends.
PROBED_SECONDS = 5.0


@slow
def test_a_camera_that_breaks_off_as_it_is_opened_is_no_film_that_has_ended(model: Path) -> None:
    port = free_port()
    camera = CameraSettings(name="door", source=f"http://127.0.0.1:{port}/", timeout_seconds=2)
    server = live_server.start(port, rate=10)
    try:
        with closing(Sources(VideoClassifier(model, device="cpu"), [camera])) as sources:
            time.sleep(PROBED_SECONDS / 2)
            server.kill()
            server.wait()
            time.sleep(0.5)
            server = live_server.start(port, rate=10)
            began = time.monotonic()
            # What is read now is the second server's, which filmed it after the first was gone.
            wait_for(lambda: _filmed_after(sources, began), seconds=60)
            assert not sources.has_ended
    finally:
        with suppress(ProcessLookupError):
            server.kill()
        server.wait()


def _filmed_after(sources: Sources, began: float) -> bool:
    found = sources.next(seconds=0.1)
    if found is None:
        return False
    return time.monotonic() - live_server.filmed_seconds_ago(found[1].picture) > began


def test_a_camera_has_its_own_region_crops_and_decoder(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a film one window long, both answers are those that predict gives; PyAV, which is counted, opened but one."""
    pytest.importorskip("av")
    from decoder_counts import Decoding

    film = write_lossless(tmp_path / "film.mkv", noise_frames(frames=20, width=107, height=60))
    half = Path(shutil.copy(film, tmp_path / "half.mkv"))
    classifier, opened = VideoClassifier(model, device="cpu"), Decoding(monkeypatch).opened
    cameras = [
        CameraSettings(name="half", source=str(half), decoder="opencv", region=(0.5, 0.0, 1.0, 1.0)),
        CameraSettings(name="wide", source=str(film), crops=3),
    ]
    found: dict[str, np.ndarray] = {}
    with closing(Sources(classifier, cameras)) as sources:
        while not sources.has_ended or len(found) < len(cameras):
            named = sources.next(seconds=0.1)
            if named is not None:
                found[named[0]] = named[1].prediction.logits
    assert (opened[half], opened[film] > 0) == (0, True)
    np.testing.assert_array_equal(found["half"], classifier.predict(film, region=(0.5, 0.0, 1.0, 1.0)).logits)
    np.testing.assert_array_equal(found["wide"], classifier.predict(film, crops=3).logits)
