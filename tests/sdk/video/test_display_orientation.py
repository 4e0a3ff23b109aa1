"""Pictures that the stream itself turns, and no container: PyAV turns every one of them, OpenCV refuses them."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from display_orientation import insert, sei
from generated import painted_frame
from vidcls import VideoError
from vidcls.video.display_orientation import is_turned_by_headers
from vidcls.video.reader import Decoder, iter_frames

FRAMES, GOP = 20, 8
START = b"\0\0\0\1"


@pytest.fixture(scope="module", params=["h264", "hevc"])
def plain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_plain(tmp_path_factory.mktemp("plain") / f"{request.param}.mp4")


def write_plain(path: Path) -> Path:
    encoder = "libx264" if path.stem == "h264" else "libx265"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=25, options={"g": str(GOP), "x265-params": "log-level=none"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(painted_frame(number, width=160, height=120), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def frames(path: Path, decoder: Decoder, numbers: range = range(FRAMES)) -> list[np.ndarray]:
    return list(iter_frames(path, numbers, decoder=decoder))


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_pyav_turns_every_frame(degrees: int, plain: Path, tmp_path: Path) -> None:
    turned = insert(plain, tmp_path / "turned.mp4", sei(plain.stem, degrees=degrees))
    expected = [np.rot90(frame, degrees // 90) for frame in frames(plain, "pyav")]
    assert all(map(np.array_equal, frames(turned, "pyav"), expected))
    middle = range(GOP + 3, GOP + 5)  # behind a key frame that is decoded and not asked for
    assert all(map(np.array_equal, frames(turned, "pyav", middle), expected[GOP + 3 :]))


@pytest.mark.parametrize("how", [{"degrees": 90}, {"flip": "h"}, {"flip": "v"}])
def test_opencv_refuses_them(how: dict[str, int | str], plain: Path, tmp_path: Path) -> None:
    turned = insert(plain, tmp_path / "turned.mp4", sei(plain.stem, **how))  # type: ignore[arg-type]
    with pytest.raises(VideoError, match=r"its stream says that its pictures are turned, .* PyAV can: "):
        frames(turned, "opencv")


def test_it_holds_from_one_key_frame_of_h264_to_the_next(tmp_path: Path) -> None:
    plain = write_plain(tmp_path / "h264.mp4")
    turned = insert(plain, tmp_path / "turned.mp4", sei(plain.stem, degrees=90), at={GOP})
    shapes = [frame.shape[:2] for frame in frames(turned, "pyav")]
    assert shapes == [(120, 160)] * GOP + [(160, 120)] * GOP + [(120, 160)] * (FRAMES - 2 * GOP)
    with pytest.raises(VideoError, match="PyAV can"):
        frames(turned, "opencv")


@pytest.mark.parametrize("decoder", ["pyav", "opencv"])
def test_a_turn_by_nothing_is_none(decoder: Decoder, plain: Path, tmp_path: Path) -> None:
    turned = insert(plain, tmp_path / "turned.mp4", sei(plain.stem))
    assert all(map(np.array_equal, frames(turned, decoder), frames(plain, decoder)))


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_it_is_found_behind_other_messages_and_damage_is_none(codec: str) -> None:
    unit = sei(codec, degrees=90)
    header = 1 if codec == "h264" else 2
    long = bytes([5, 255, 45]) + bytes([7]) * 300
    assert is_turned_by_headers(START + unit)
    assert is_turned_by_headers(START + unit[:header] + long + unit[header:])
    assert not is_turned_by_headers(unit)  # not behind a start code
    choose = random.Random(0)  # noqa: S311 - any bytes will do
    for length in range(40):
        is_turned_by_headers((START + unit)[:length])
        is_turned_by_headers(START + unit[:header] + choose.randbytes(length))
