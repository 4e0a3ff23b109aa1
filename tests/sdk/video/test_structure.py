"""What a file's own structure proves: that its end is missing, and how many video tracks it lists."""

from __future__ import annotations

import io
import random
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from generated import painted_frame
from vidcls.video.structure import is_cut_off, video_tracks

CONTAINERS: dict[str, tuple[str, dict[str, str]]] = {
    "plain.mp4": ("mp4", {}),
    "faststart.mp4": ("mp4", {"movflags": "faststart"}),
    "fragments.mp4": ("mp4", {"movflags": "frag_keyframe+empty_moov"}),
    "film.mov": ("mov", {}),
    "film.mkv": ("matroska", {}),
    "film.webm": ("webm", {}),
    "film.avi": ("avi", {}),
}
# Nothing in them says how long they are.
WITHOUT_PROOF: dict[str, tuple[str, dict[str, str]]] = {"film.ts": ("mpegts", {}), "film.flv": ("flv", {})}
EVERY = CONTAINERS | WITHOUT_PROOF


def write(
    path: str | io.BytesIO, container: str, options: dict[str, str], *, films: int = 1, cover: bool = False
) -> None:
    codec = {"webm": "libvpx", "flv": "libx264"}.get(container, "mpeg4")
    with av.open(path, "w", format=container, options=options) as muxer:
        streams: list[Any] = []
        if cover:
            picture: Any = muxer.add_stream("mjpeg", rate=1)
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
        for _ in range(films):
            stream: Any = muxer.add_stream(codec, rate=25, options={"g": "5"})
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            streams.append(stream)
        if cover:
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
            frame.pts, frame.time_base = 0, Fraction(1, 25)
            muxer.mux(picture.encode(frame.reformat(format="yuvj420p")))
            muxer.mux(picture.encode())
        for number in range(20):
            for stream in streams:
                frame = av.VideoFrame.from_ndarray(painted_frame(number, width=64, height=48), format="bgr24")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                muxer.mux(stream.encode(frame))
        for stream in streams:
            muxer.mux(stream.encode())


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("films")
    for name, (container, options) in EVERY.items():
        write(str(folder / name), container, options)
    return {name: (folder / name).read_bytes() for name in EVERY}


def cut_off(content: bytes) -> bool:
    return is_cut_off(io.BytesIO(content))


def top_boxes(content: bytes) -> list[int]:
    """Where the boxes of an MP4 file end."""
    ends, place = [], 0
    while place < len(content):
        place += int.from_bytes(content[place : place + 4], "big")
        ends.append(place)
    return ends


@pytest.mark.parametrize("name", EVERY)
def test_a_whole_file_is_not_cut_off(films: dict[str, bytes], name: str) -> None:
    assert not cut_off(films[name])


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_cut_is_proven_but_those_between_two_parts(films: dict[str, bytes], name: str) -> None:
    whole = films[name]
    lengths = {len(whole) - 1, len(whole) - 2, len(whole) // 2, len(whole) // 3, *range(64, len(whole), 97)}
    unproven = {length for length in lengths if not cut_off(whole[:length])}
    if name.endswith((".mp4", ".mov")):
        # Less than the next box's header is there, or nothing of it.
        ends = top_boxes(whole)
        assert all(any(0 <= length - end < 8 for end in ends) for length in unproven)
        assert all(not cut_off(whole[:end]) for end in ends)
    else:
        assert not unproven


@pytest.mark.parametrize("name", WITHOUT_PROOF)
def test_other_containers_prove_nothing(films: dict[str, bytes], name: str) -> None:
    assert not any(cut_off(films[name][:length]) for length in range(0, len(films[name]), 89))


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("garbage", [b"\0" * 500, b"\xff" * 500, b"\xa3" * 500, b"TAG" + b"x" * 125, b"\0\0\0\x09"])
def test_garbage_after_the_end_is_no_proof(films: dict[str, bytes], name: str, garbage: bytes) -> None:
    assert not cut_off(films[name] + garbage)


def test_a_last_box_without_a_length_goes_to_the_end(films: dict[str, bytes]) -> None:
    whole = films["faststart.mp4"]
    place = whole.index(b"mdat") - 4
    endless = whole[:place] + bytes(4) + whole[place + 4 :]
    assert not cut_off(endless)
    assert not cut_off(endless[:-100])


def test_tracks_are_found_in_a_last_box_without_a_length(films: dict[str, bytes]) -> None:
    whole = films["plain.mp4"]
    place = whole.index(b"moov") - 4
    assert video_tracks(io.BytesIO(whole[:place] + bytes(4) + whole[place + 4 :])) == 1


def test_lengths_of_64_bits_are_read(films: dict[str, bytes]) -> None:
    whole = films["faststart.mp4"]
    place = whole.index(b"mdat") - 4
    size = int.from_bytes(whole[place : place + 4], "big") + 8
    long = whole[:place] + b"\0\0\0\x01mdat" + size.to_bytes(8, "big") + whole[place + 8 :]
    assert not cut_off(long)
    assert cut_off(long[:-1])
    assert cut_off(long[: place + 12])
    assert cut_off(whole[:place] + b"\0\0\0\x01mdat" + b"\xff" * 8 + whole[place + 8 :])


class Pipe(io.RawIOBase):
    """What cannot seek, so that a muxer does not come back to write lengths."""

    def __init__(self) -> None:
        self.content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.content += data
        return len(data)


def test_a_segment_of_unknown_length_is_no_proof_but_its_clusters_are() -> None:
    pipe = Pipe()
    write(pipe, "matroska", {"cluster_time_limit": "200"})  # type: ignore[arg-type]
    live = bytes(pipe.content)
    assert b"\x18\x53\x80\x67\x01" + b"\xff" * 7 in live
    assert not cut_off(live)
    cluster = live.rindex(b"\x1f\x43\xb6\x75")
    assert not cut_off(live[:cluster])
    assert cut_off(live[: cluster + 40])
    unknown = live[:cluster] + b"\x1f\x43\xb6\x75\x01" + b"\xff" * 7 + b"\xe7\x81\x00" + b"\xa3\x84\x81\0\0\x80"
    assert not cut_off(unknown)
    assert cut_off(unknown[:-1])


def test_lengths_that_an_avi_recording_begins_with_are_no_proof(films: dict[str, bytes]) -> None:
    whole = films["film.avi"]
    movies = whole.index(b"movi") - 4
    for placeholder in (bytes(4), b"\xff" * 4):
        assert not cut_off(whole[:4] + placeholder + whole[8:-100])
        assert not cut_off(whole[:movies] + placeholder + whole[movies + 4 : -5000])
    counted_twice = (len(whole)).to_bytes(4, "little")  # its first eight bytes too
    assert not cut_off(whole[:4] + counted_twice + whole[8:])
    assert cut_off(whole[:4] + counted_twice + whole[8:-1])


def test_an_avi_of_several_riffs_is_read_to_its_last(films: dict[str, bytes]) -> None:
    second = b"LIST" + (40).to_bytes(4, "little") + b"movi" + bytes(36)
    second = b"RIFF" + (4 + len(second)).to_bytes(4, "little") + b"AVIX" + second
    whole = films["film.avi"] + second
    assert not cut_off(whole)
    assert not cut_off(films["film.avi"] + b"RIFF" + bytes(4) + second[8:20])  # being written
    assert cut_off(whole[:-1])
    assert cut_off(films["film.avi"] + second[:30])


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("films_in", [1, 2])
def test_video_tracks_are_counted(tmp_path: Path, name: str, films_in: int) -> None:
    container, options = EVERY[name]
    if container == "flv":
        write(str(tmp_path / name), container, options)
        expected = None
    else:
        write(str(tmp_path / name), container, options, films=films_in)
        expected = films_in
    content = (tmp_path / name).read_bytes()
    assert video_tracks(io.BytesIO(content)) == expected


def test_a_cover_picture_is_no_track_in_mp4(tmp_path: Path) -> None:
    write(str(tmp_path / "film.mp4"), "mp4", {}, cover=True)
    with av.open(str(tmp_path / "film.mp4")) as container:
        assert len(container.streams.video) == 2
    with (tmp_path / "film.mp4").open("rb") as file:
        assert video_tracks(file) == 1


def test_a_cover_picture_is_no_track_in_matroska(tmp_path: Path) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (64, 48)).save(picture, "jpeg")
    with av.open(str(tmp_path / "film.mkv"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.add_attachment("cover.jpg", "image/jpeg", picture.getvalue())
        container.mux(stream.encode(av.VideoFrame.from_image(Image.new("RGB", (64, 48)))))
        container.mux(stream.encode())
    with av.open(str(tmp_path / "film.mkv")) as container:
        assert len(container.streams.video) == 2
    with (tmp_path / "film.mkv").open("rb") as file:
        assert video_tracks(file) == 1


@pytest.mark.parametrize(("formats", "expected"), [(["mjpeg", "mpeg4"], 1), (["mjpeg", "png"], 2), (["mjpeg"], 1)])
def test_tracks_of_pictures_count_where_there_are_no_others(tmp_path: Path, formats: list[str], expected: int) -> None:
    with av.open(str(tmp_path / "film.mov"), "w") as container:
        streams: list[Any] = [container.add_stream(codec, rate=25) for codec in formats]
        for stream in streams:
            stream.width, stream.height = 64, 48
            stream.pix_fmt = {"mjpeg": "yuvj420p", "png": "rgb24"}.get(stream.codec_context.name, "yuv420p")
        for stream in streams:
            frame = av.VideoFrame.from_ndarray(painted_frame(1, width=64, height=48), format="bgr24")
            container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
            container.mux(stream.encode())
    with (tmp_path / "film.mov").open("rb") as file:
        assert video_tracks(file) == expected


def test_transport_streams_of_other_layouts_are_read(films: dict[str, bytes]) -> None:
    packets = [films["film.ts"][place : place + 188] for place in range(0, len(films["film.ts"]), 188)]
    for content in (
        b"".join(b"time" + packet for packet in packets),
        b"".join(packet + bytes(16) for packet in packets),
        b"junk" * 20 + films["film.ts"],
        b"".join(packets[6:] + packets),  # begun in the middle
    ):
        assert video_tracks(io.BytesIO(content)) == 1
    pictures = [packet for packet in packets if packet[1] & 0x1F == 1 and packet[2] == 0]  # PID 256
    assert video_tracks(io.BytesIO(b"".join(pictures))) is None


# By hand, from ffprobe and from what the READMEs of the files say. None is cut off.
REAL = {
    "odd/decord_corrupted.mp4": 1,  # its pictures are damaged, not its boxes
    "odd/decord_video_0.mov": 1,
    "odd/decord_video_90.mov": 1,
    "odd/fightsurv_fi075.mp4": 1,
    "odd/gmdcsa_s4_fall02_vfr_yuvj.mp4": 1,
    "odd/imageio_cockatoo.mp4": 1,
    "odd/imageio_realshort.mp4": 1,
    "odd/moviepy_big_buck_bunny_432_433.webm": 1,
    "odd/moviepy_zero_bytes.webm": None,
    "odd/mp4parse_bipbop_nonfragment_header.mp4": 1,
    "odd/mp4parse_hevc_white_frame.mp4": 1,
    "odd/mp4parse_no_timescale.mp4": 1,
    "odd/torchcodec_av1_video.mkv": 1,
    "odd/torchcodec_h265_video.mp4": 1,
    "odd/torchcodec_nasa_13013.mp4": 2,
    "odd/torchcodec_nasa_13013.mp4.audio.mp3": None,
    "cases/audio60_video1.flv": None,
    "cases/dropped_b_long.avi": 1,
    "cases/dropped_x264_long.avi": 1,
    "cases/kinetics_cut_tiny.mp4": 1,
    "cases/redbull_2.mp4": 1,
    "cases/sizechange.ts": 1,
    "cases/test-middle-pat-pmt.ts": 1,
    "cases/two_edits_long.mp4": 1,
}


@pytest.mark.parametrize(("name", "tracks"), REAL.items())
def test_real_files(real_data: Path, name: str, tracks: int | None) -> None:
    if not (real_data / name).exists():
        pytest.skip(f"no {name}")
    with (real_data / name).open("rb") as file:
        assert not is_cut_off(file)
        assert video_tracks(file) == tracks


def test_real_clips_are_whole(real_data: Path) -> None:
    for clip in sorted(real_data.glob("ucf8/*/*/*.avi")):
        with clip.open("rb") as file:
            assert (is_cut_off(file), video_tracks(file)) == (False, 1), clip.name


class Counted(io.BytesIO):
    """A file that notes the largest read."""

    largest = 0

    def read(self, size: int | None = -1) -> bytes:
        self.largest = max(self.largest, len(self.getbuffer()) if size is None or size < 0 else size)
        return super().read(size)


def test_damaged_files_neither_crash_nor_hang(films: dict[str, bytes]) -> None:
    chance = random.Random(7)  # noqa: S311 - not a secret
    names = sorted(films)
    longest = 0.0
    for number in range(2000):
        content = bytearray(films[names[number % len(names)]])
        for _ in range(chance.choice([1, 3, 30])):
            # Half of them where the headers are.
            place = chance.randrange(chance.choice([400, len(content)]))
            content[place] = chance.choice([0, 1, 0xFF, chance.randrange(256)])
        file = Counted(bytes(content[: chance.choice([len(content), chance.randrange(len(content))])]))
        started = time.process_time()
        is_cut_off(file)
        video_tracks(file)
        longest = max(longest, time.process_time() - started)
        assert file.largest <= 200_000
    assert longest < 1


@pytest.mark.parametrize(
    "content",
    [
        b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x08free" * 2_000_000,
        b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\0moov" + b"\0\0\0\x08trak" * 2_000_000,
        b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\xff" + b"\xec\x80" * 8_000_000,
        b"RIFF\0\0\0\0AVI " + b"JUNK\0\0\0\0" * 2_000_000,
    ],
)
def test_millions_of_empty_parts_are_given_up(content: bytes) -> None:
    started = time.process_time()
    assert not is_cut_off(io.BytesIO(content))
    video_tracks(io.BytesIO(content))
    assert time.process_time() - started < 10
