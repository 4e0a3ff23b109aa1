"""Servers that break off, and proxies that send less than was asked for: the file's answer, or none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from breaking_server import breaking_server
from exits.servers import stuck_server
from generated import write_clip
from sounding import write_flashing
from vidcls import Prediction, VideoClassifier, VideoError
from vidcls.annotation.original import Original
from vidcls.annotation.sound import SoundCopy
from vidcls.video.http_file import HttpFile
from vidcls.video.optional import require_pyav
from vidcls.video.reader import Decoder, iter_frames

DECODERS = ["pyav", "opencv"]


@pytest.fixture(scope="module", params=["mkv", "avi"])
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / f"clip.{request.param}"
    return write_clip(path, frames=100, rate=25, codec="MJPG")


@pytest.fixture
def urls(clip: Path) -> Iterator[dict[str, str]]:
    with breaking_server(clip.read_bytes(), ending=clip.suffix[1:]) as urls:
        yield urls


@pytest.mark.parametrize("how", ["once", "capped"])
@pytest.mark.parametrize("decoder", DECODERS)
def test_what_a_server_leaves_out_is_asked_for_again(
    decoder: Decoder, how: str, urls: dict[str, str], clip: Path, model: Path
) -> None:
    classifier = VideoClassifier(model, device="cpu")
    expected = classifier.predict(clip, views=2)
    found = classifier.predict(urls[how], views=2, decoder=decoder)
    np.testing.assert_array_equal(found.timestamps, expected.timestamps)
    np.testing.assert_array_equal(found.logits, expected.logits)
    assert found.decoded_share == 1.0


@pytest.mark.parametrize("how", ["always", "changed", "partless"])
@pytest.mark.parametrize("decoder", DECODERS)
def test_what_a_server_does_not_give_is_said_and_not_taken_for_the_end(
    decoder: Decoder, how: str, urls: dict[str, str], clip: Path, model: Path
) -> None:
    bad, good = VideoClassifier(model, device="cpu").predict_many([urls[how], clip], views=2, decoder=decoder)
    assert isinstance(bad, VideoError)
    assert str(bad).startswith(f"{urls[how]}: the server broke off at byte ")
    assert str(bad).endswith(f" of {clip.stat().st_size}; try again, or download the file")
    assert isinstance(good, Prediction)


@pytest.mark.parametrize("decoder", DECODERS)
def test_frames_go_on_where_the_connection_was_closed(decoder: Decoder, urls: dict[str, str], clip: Path) -> None:
    frames = iter_frames(urls["once"], range(100), decoder=decoder)
    expected = iter_frames(clip, range(100), decoder=decoder)
    assert all(np.array_equal(frame, other) for frame, other in zip(frames, expected, strict=True))


@pytest.mark.parametrize("how", ["stalls", "drips"])
def test_a_server_that_falls_silent_is_no_end(how: str, clip: Path) -> None:
    with stuck_server(clip.read_bytes()) as urls, HttpFile(urls[how], open_seconds=5, read_seconds=0.1) as file:
        while file.read():
            pass
        with pytest.raises(VideoError, match="the server broke off"):
            file.check(urls[how])


def test_sound_that_a_server_does_not_give_is_not_taken_for_silence(tmp_path: Path) -> None:
    pyav = require_pyav()
    path = write_flashing(tmp_path / "flashing.mkv", seconds=5, codec="mpeg4", sound="pcm_s16le")
    with (
        breaking_server(path.read_bytes(), ending="mkv") as urls,
        pyav.av.open(str(tmp_path / "film.mov"), "w") as film,
    ):
        original = Original(urls["always"])
        sound = SoundCopy(original, film, container="mov", av=pyav.av)
        with pytest.raises(VideoError, match="the server broke off"):
            sound.finish(until=5.0)
        original.close()
