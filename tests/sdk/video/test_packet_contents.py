"""What packets prove without being decoded: which hold a frame, and whether a video's last ones are whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest

from generated import write_av_clip
from parity import reference
from vidcls import VideoError
from vidcls.video.packet_contents import are_whole, shown_packets
from vidcls.video.pyav import PyAVVideo
from vidcls.video.reader import open_video, read_times


def packets_of(path: Path) -> tuple[list[Any], str]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [packet for packet in container.demux(stream) if packet.size], stream.codec_context.name


def test_frames_that_vp8_never_shows_do_not_count() -> None:
    # RFC 6386, 9.1: in the first byte, bit 0 is 0 for a key frame, bit 4 says whether the frame is shown.
    packets = [av.Packet(bytes([0x10, 1, 2])), av.Packet(bytes([0x01, 1, 2])), av.Packet(bytes([0x11, 1, 2]))]
    assert shown_packets(packets, "vp8") == [packets[0], packets[2]]


@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c02.avi", 123),  # two frames in a packet, and an empty one after it
        ("BasketballDunk/v_BasketballDunk_g07_c02.avi", 35),  # a packet a frame
    ],
)
def test_what_an_mpeg4_avi_shows_is_counted_from_its_packets(name: str, frames: int, real_data: Path) -> None:
    path = real_data / "ucf8" / "test" / name
    packets, codec = packets_of(path)
    shown = shown_packets(packets, codec)
    assert shown is not None
    assert len(shown) == reference.count_frames(path) == frames


def test_packets_that_only_say_that_nothing_changed_are_none(real_data: Path) -> None:
    with_empty = 0
    for path in sorted((real_data / "ucf8").glob("*/B*/*.avi")):
        packets, codec = packets_of(path)
        shown = shown_packets(packets, codec)
        if shown is not None and len(shown) < len(packets):
            with_empty += 1
            assert len(shown) == reference.count_frames(path)
    assert with_empty > 0


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [("mp4", "libx264"), ("mkv", "libx264"), ("ts", "libx264"), ("mp4", "libx265"), ("avi", "mpeg4")],
)
def test_the_end_of_a_whole_video_is_proven_and_not_decoded(suffix: str, codec: str, tmp_path: Path) -> None:
    path = write_av_clip(tmp_path / f"clip.{suffix}", frames=60, codec=codec)
    with open_video(path, decoder="pyav") as reader:
        assert len(reader.index.times) == 60
        assert reader.video.proves_end()


def zeroed(path: Path, numbers: range) -> Path:
    """The file with some packets overwritten by zeros, as after a download with holes."""
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    content = bytearray(path.read_bytes())
    for position, size in places[numbers.start : numbers.stop]:
        assert position is not None
        content[position : position + size] = bytes(size)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_a_hole_near_the_end_ends_the_video_there(codec: str, tmp_path: Path) -> None:
    path = zeroed(write_av_clip(tmp_path / "clip.mp4", frames=100, codec=codec), range(90, 100))
    times = [float(time) for time in reference.frame_times(path)]
    assert 80 <= len(times) <= 92
    with open_video(path, decoder="pyav") as reader:
        read = reader.read_views(
            lambda _, pictures: [picture().shape for picture in pictures], frames=4, clip_seconds=0.5, views=3
        )
        assert not reader.video.proves_end()
        assert reader.decoded_share < 0.95
    assert read.views[-1].end_seconds == pytest.approx(times[-1] + times[-1] / (len(times) - 1), abs=1e-6)


def test_a_chain_of_units_that_does_not_end_with_its_packet_is_broken(tmp_path: Path) -> None:
    path = write_av_clip(tmp_path / "clip.mp4", frames=20, codec="libx264")
    with av.open(str(path)) as container:
        extradata = bytes(container.streams.video[0].codec_context.extradata or b"")
        packet = next(iter(container.demux(video=0)))
    assert are_whole([packet], "h264", extradata)
    for place, value in ((3, 0), (0, 0x7F), (2, 0xFF)):
        content = bytearray(bytes(packet))
        content[place] = value
        assert not are_whole([av.Packet(bytes(content))], "h264", extradata)


def test_a_file_that_is_cut_off_proves_no_end(tmp_path: Path) -> None:
    path = write_av_clip(tmp_path / "clip.mkv", frames=60, codec="libx264")
    path.write_bytes(path.read_bytes()[:-40])
    video = PyAVVideo(path)
    try:
        assert video.packets()
        assert not video.proves_end()
    finally:
        video.close()


def test_a_closed_video_is_an_error_and_no_crash(tmp_path: Path) -> None:
    path = write_av_clip(tmp_path / "clip.mp4", frames=10, codec="libx264")
    with open_video(path, decoder="pyav") as reader:
        pass
    for read in (lambda: reader.index, reader.scan):
        with pytest.raises(ValueError, match="is closed"):
            read()


def test_a_video_without_a_frame_to_decode_is_refused(tmp_path: Path) -> None:
    path = zeroed(write_av_clip(tmp_path / "clip.mp4", frames=10, codec="libx264"), range(10))
    for decoder in ("opencv", "pyav"):
        with pytest.raises(VideoError, match=r"no frame can be decoded|cannot be opened"):
            read_times(path, decoder=decoder)  # type: ignore[arg-type]
