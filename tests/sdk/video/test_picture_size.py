"""The size of pictures as packets state it, and OpenCV's refusal of videos in which it changes."""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from generated import CHECKPOINT_SECTIONS, contract_fields
from vidcls import VideoError
from vidcls.clips import read_clips
from vidcls.contract import Contract, from_json
from vidcls.video import frames as reading
from vidcls.video.picture_size import PictureSizes, size_of_av1_pictures, size_of_pictures
from vidcls.video.reader import iter_frames, open_video
from videos import paint

Size = tuple[int, int]

X264 = {"preset": "ultrafast"}
X265 = {"preset": "ultrafast", "x265-params": "log-level=none:pools=1:keyint=10"}
VPX = {"deadline": "realtime", "cpu-used": "8"}
ENCODERS: dict[str, tuple[str, dict[str, str], tuple[str, ...]]] = {
    "libx264": ("yuv420p", X264, ("mp4", "mkv", "ts", "avi", "mov", "flv")),
    "libx265": ("yuv420p", X265, ("mp4", "mkv", "ts")),
    "mpeg4": ("yuv420p", {}, ("mp4", "mkv", "ts", "avi")),
    "mpeg2video": ("yuv420p", {}, ("ts", "mkv", "avi", "mpg")),
    "mpeg1video": ("yuv420p", {}, ("mpg", "mkv")),
    "libvpx": ("yuv420p", VPX, ("webm", "avi")),
    "libvpx-vp9": ("yuv420p", VPX, ("webm", "mp4")),
    "mjpeg": ("yuvj420p", {}, ("avi", "mp4", "mkv")),
    "flv1": ("yuv420p", {}, ("flv",)),
    "libsvtav1": ("yuv420p", {"preset": "12"}, ("webm", "mp4")),
}
CELLS = [(encoder, container) for encoder, (_, _, containers) in ENCODERS.items() for container in containers]


def contract() -> Contract:
    fields = contract_fields(frames=6, clip_seconds=0.31, size=64, resize="stretch")
    checkpoint = {name: fields[name] for name in CHECKPOINT_SECTIONS}
    return from_json(Contract, json.dumps(checkpoint), where="test")


def encoded(encoder: str, size: Size, *, frames: int, pixels: str, first: int = 0) -> list[Any]:
    context: Any = av.CodecContext.create(encoder, "w")
    context.width, context.height = size
    context.pix_fmt, context.time_base, context.framerate = pixels, Fraction(1, 25), Fraction(25)
    context.gop_size, context.max_b_frames, context.options = 10, 0, ENCODERS[encoder][1]
    packets = []
    for number in range(first, first + frames):
        frame = av.VideoFrame.from_ndarray(paint(number, width=size[0], height=size[1]).copy(), format="rgb24")
        frame = frame.reformat(format=pixels)
        frame.pts, frame.time_base = number, Fraction(1, 25)
        packets += context.encode(frame)
    return packets + context.encode(None)


def write(path: Path, encoder: str, sizes: list[Size], *, frames: int, pixels: str | None = None) -> Path:
    """A video of several sizes, one after the other, `frames` of each."""
    pixels = pixels or ENCODERS[encoder][0]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(encoder, rate=25, options=ENCODERS[encoder][1])
        stream.width, stream.height = sizes[0]
        stream.pix_fmt = pixels
        for part, size in enumerate(sizes):
            for packet in encoded(encoder, size, frames=frames, pixels=pixels, first=part * frames):
                copy = av.Packet(bytes(packet))
                copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, Fraction(1, 25)
                copy.stream, copy.is_keyframe = stream, packet.is_keyframe
                container.mux(copy)
    return path


def key_packets(path: Path) -> Iterator[bytes]:
    """As OpenCV hands them out."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
    while capture.grab():
        if capture.get(cv2.CAP_PROP_LRF_HAS_KEY_FRAME) > 0:
            yield bytes(capture.retrieve()[1])


def shown_size(path: Path) -> Size:
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        return frame.width, frame.height


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="real-time priority is Linux's here")
def test_no_encoder_takes_this_process_real_time_priority(tmp_path: Path) -> None:
    write(tmp_path / "video.webm", "libsvtav1", [(66, 50)], frames=3)
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


@pytest.mark.parametrize(("encoder", "container"), CELLS)
@pytest.mark.parametrize("size", [(66, 50), (176, 144), (638, 362)])
def test_key_packets_state_the_size(encoder: str, container: str, size: Size, tmp_path: Path) -> None:
    path = write(tmp_path / f"video.{container}", encoder, [size], frames=12)
    stated = size_of_av1_pictures if encoder == "libsvtav1" else size_of_pictures
    assert shown_size(path) == size
    assert {stated(packet) for packet in key_packets(path)} == {size}


@pytest.mark.parametrize("encoder", ["mpeg2video", "mjpeg", "libvpx", "libvpx-vp9", "mpeg4"])
def test_odd_sides_are_stated(encoder: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"video.{ENCODERS[encoder][2][0]}", encoder, [(95, 63)], frames=2)
    assert {size_of_pictures(packet) for packet in key_packets(path)} == {(95, 63)}


@pytest.mark.parametrize("encoder", ["libx264", "libx265"])
@pytest.mark.parametrize(("pixels", "size"), [("yuv444p", (95, 63)), ("yuv422p", (66, 63)), ("gray", (95, 63))])
def test_cropping_goes_by_the_colours(encoder: str, pixels: str, size: Size, tmp_path: Path) -> None:
    path = write(tmp_path / "video.mp4", encoder, [size], frames=2, pixels=pixels)
    assert shown_size(path) == size
    assert {size_of_pictures(packet) for packet in key_packets(path)} == {size}


@pytest.mark.parametrize("encoder", ["libx264", "libx265", "mpeg2video", "mjpeg"])
def test_1080_lines_are_not_1088(encoder: str, tmp_path: Path) -> None:
    path = write(tmp_path / "video.mkv", encoder, [(1920, 1080)], frames=1)
    assert [size_of_pictures(packet) for packet in key_packets(path)] == [(1920, 1080)]


@pytest.mark.parametrize("settings", ["interlaced=1", "tff=1:cqm=jvt", "cqm=jvt"])
def test_half_pictures_and_scaling_lists_are_read(settings: str, tmp_path: Path) -> None:
    with av.open(str(tmp_path / "video.mp4"), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25, options={"x264-params": settings})
        stream.width, stream.height, stream.pix_fmt = 94, 60, "yuv420p"
        frame = av.VideoFrame.from_ndarray(paint(1, width=94, height=60).copy(), format="rgb24")
        container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    assert [size_of_pictures(packet) for packet in key_packets(tmp_path / "video.mp4")] == [(94, 60)]


def read_all_ways(path: Path) -> Iterator[Any]:
    """Frames, views, and a run along the video, by OpenCV."""
    yield lambda: list(iter_frames(path, range(24), decoder="opencv"))
    yield lambda: read_clips(path, contract(), views=3, decoder="opencv")

    def along() -> None:
        with open_video(path, decoder="opencv") as reader:
            list(reader.read_along(lambda index: range(0, len(index.times), 3)))

    yield along


@pytest.mark.parametrize(("encoder", "container"), [cell for cell in CELLS if cell[0] != "libsvtav1"])
def test_a_size_that_changes_is_refused_by_opencv(encoder: str, container: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"changes.{container}", encoder, [(96, 64), (66, 50)], frames=12)
    for read in read_all_ways(path):
        with pytest.raises(VideoError, match=r"size of its pictures changes midway.*vidcls\[av\]"):
            read()
    sizes = {frame.shape[:2] for frame in iter_frames(path, range(23), decoder="pyav")}
    assert sizes == {(64, 96), (50, 66)}


@pytest.mark.parametrize(("encoder", "container"), [cell for cell in CELLS if cell[0] != "libsvtav1"])
def test_encoders_that_take_over_at_the_same_size_are_not(encoder: str, container: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"same.{container}", encoder, [(66, 50), (66, 50)], frames=12)
    for read in read_all_ways(path):
        read()


def test_a_header_beside_the_packets_counts(tmp_path: Path) -> None:
    """MPEG-4 in .mp4: its first packets do not say how large they are, those of another recording do."""
    path = tmp_path / "beside.mp4"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(12):
            frame = av.VideoFrame.from_ndarray(paint(number).copy(), format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
        for packet in encoded("mpeg4", (66, 50), frames=12, pixels="yuv420p", first=12):
            packet.stream = stream
            container.mux(packet)
    assert size_of_pictures(next(key_packets(path))) is None
    with pytest.raises(VideoError, match="changes midway"):
        list(iter_frames(path, range(24), decoder="opencv"))


def test_a_change_before_all_that_is_read_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a long video only some parts are read: their size is compared with the first picture's."""
    monkeypatch.setattr(reading, "FULL_INDEX_FRAMES", 0)
    path = write(tmp_path / "long.mp4", "libx264", [(96, 64), *[(66, 50)] * 9], frames=12)
    with pytest.raises(VideoError, match="changes midway"):
        read_clips(path, contract(), decoder="opencv")


def test_a_real_size_change_is_refused(real_data: Path) -> None:
    path = real_data / "cases" / "sizechange.ts"
    with pytest.raises(VideoError, match=r"vidcls\[av\]"):
        read_clips(path, contract(), decoder="opencv")


def bits(text: str) -> bytes:
    text = text.replace(" ", "")
    return int(text.ljust(256, "0"), 2).to_bytes(32, "big")


def test_vp9_may_change_its_size_between_key_frames() -> None:
    key = encoded("libvpx-vp9", (96, 64), frames=1, pixels="yuv420p")[0]
    usual = bits("10 00 0 1 1 0 00 00000001 000000000000 1")  # as large as its first reference
    other = bits("10 00 0 1 1 0 00 00000001 000000000000 001")  # its third
    smaller = bits(f"10 00 0 1 1 0 00 00000001 000000000000 000 {65:016b} {49:016b}")
    intra = bits(f"10 00 0 1 0 0 1 00 {0x498342:024b} 00000001 {65:016b} {49:016b}")
    again = bits("10 00 1 000")
    sizes = PictureSizes("")
    assert not sizes.are_different(bytes(key), header=b"")
    assert sizes.in_all_packets
    assert not any(sizes.are_different(packet, header=b"") for packet in (usual, other, again, b"", b"\x86"))
    assert sizes.are_different(smaller, header=b"")
    assert sizes.are_different(intra, header=b"")


def test_of_several_parameter_sets_the_slice_says_which() -> None:
    """As in .mp4 files whose header holds the sets of all sizes that follow."""
    small, large = (bytes(encoded("libx264", size, frames=1, pixels="yuv420p")[0]) for size in [(66, 50), (96, 64)])
    start = b"\0\0\1"
    sets = [unit for unit in small.split(start) if unit and unit[0] & 31 in (7, 8)]
    # x264 numbers its sets from 0: the small ones come to be replaced.
    assert size_of_pictures(start + start.join(sets) + large) == (96, 64)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_damaged_packets_neither_raise_nor_hang(encoder: str) -> None:
    whole = bytes(encoded(encoder, (66, 50), frames=2, pixels=ENCODERS[encoder][0])[0])
    chance = random.Random(7)  # noqa: S311
    for _ in range(300):
        damaged = bytearray(whole[: chance.randrange(len(whole))] if chance.random() < 0.5 else whole)
        for _ in range(chance.randrange(8)):
            if damaged:
                damaged[chance.randrange(min(len(damaged), 64))] = chance.randrange(256)
        size_of_pictures(bytes(damaged))
        size_of_av1_pictures(bytes(damaged))
        PictureSizes("").are_different(bytes(damaged), header=bytes(damaged[::-1]))


def test_noise_states_no_size() -> None:
    noise = np.random.default_rng(3)
    assert all(size_of_pictures(noise.bytes(200)) is None for _ in range(2000))
    for begin in (b"\0\0\1", b"\0\0\1\x67", b"\0\0\1\x42\x01", b"\xff\xd8\xff", b"\0\0\1\xb3", b"\0\0\1\xb0"):
        for _ in range(300):
            size_of_pictures(begin + noise.bytes(100))
    assert size_of_pictures(b"\xff\xd8" + b"\xff" * 100_000) is None
    assert size_of_pictures(b"\0\0\1\x67" + bytes(100_000)) is None
