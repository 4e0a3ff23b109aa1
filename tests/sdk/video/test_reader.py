"""Decoding against frames that were painted with their number, and against PyAV."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from generated import painted_number, turn_mp4, write_audio, write_av_clip, write_clip
from vidcls import VideoError
from vidcls.video import frames as reading
from vidcls.video.reader import Decoder, iter_frames, open_video, read_times
from vidcls.video.source import source_name

# The container's clock and a division may round a time differently; a frame lasts 40 ms.
SECONDS = 1e-6

FRAMES = 40

WRITERS: dict[str, Callable[[Path], Path]] = {
    "mp4": lambda folder: write_clip(folder / "clip.mp4", frames=FRAMES, rate=25),
    "avi": lambda folder: write_clip(folder / "clip.avi", frames=FRAMES, rate=25, codec="MJPG"),
    "mkv": lambda folder: write_clip(folder / "clip.mkv", frames=FRAMES, rate=25),
    "b-frames mp4": lambda folder: write_av_clip(folder / "clip.mp4", frames=FRAMES, codec="libx264", b_frames=2),
    "b-frames avi": lambda folder: write_av_clip(folder / "clip.avi", frames=FRAMES, b_frames=2),
    "b-frames h264 avi": lambda folder: write_av_clip(folder / "clip.avi", frames=FRAMES, codec="libx264", b_frames=2),
    "vp9": lambda folder: write_av_clip(folder / "clip.webm", frames=FRAMES, codec="libvpx-vp9"),
    "4:4:4": lambda folder: write_av_clip(folder / "clip.mp4", frames=FRAMES, codec="libx264", pixels="yuv444p"),
}


@pytest.fixture(scope="module", params=WRITERS)
def numbered_clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return WRITERS[request.param](tmp_path_factory.mktemp("numbered"))


def pyav_frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_frames_come_in_the_order_they_are_shown_in(numbered_clip: Path) -> None:
    assert [painted_number(frame) for frame in iter_frames(numbered_clip, range(FRAMES))] == list(range(FRAMES))


def test_only_the_wanted_frames_come(numbered_clip: Path) -> None:
    wanted = [0, 1, 7, 8, 20, FRAMES - 1]
    assert [painted_number(frame) for frame in iter_frames(numbered_clip, wanted)] == wanted


def test_frames_of_a_constant_rate_are_timed_by_it(numbered_clip: Path) -> None:
    assert read_times(numbered_clip) == pytest.approx([index / 25 for index in range(FRAMES)], abs=SECONDS)


def test_pixels_are_those_of_pyav(numbered_clip: Path) -> None:
    for ours, theirs in zip(iter_frames(numbered_clip, range(FRAMES)), pyav_frames(numbered_clip), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_frames_are_writable_arrays_of_their_own(numbered_clip: Path) -> None:
    first, second = iter_frames(numbered_clip, [0, 1])
    assert first.dtype == np.uint8
    assert first.shape == (120, 160, 3)
    assert painted_number(first) == 0
    assert painted_number(second) == 1


def test_the_times_of_a_variable_rate_are_the_containers(tmp_path: Path) -> None:
    milliseconds = [0, 40, 100, 110, 300, 333, 1000, 1040]
    clip = write_av_clip(tmp_path / "variable.mkv", frames=8, milliseconds=milliseconds)
    assert read_times(clip) == pytest.approx([pts / 1000 for pts in milliseconds], abs=SECONDS)


def test_times_count_from_the_first_frame(tmp_path: Path) -> None:
    clip = write_av_clip(tmp_path / "late.mkv", frames=4, milliseconds=[5000, 5040, 5100, 5140])
    assert read_times(clip) == pytest.approx([0, 0.04, 0.1, 0.14], abs=SECONDS)


def test_a_video_may_have_one_frame(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "one.mp4", frames=1)
    assert read_times(clip) == [0.0]
    assert [painted_number(frame) for frame in iter_frames(clip, [0])] == [0]


def test_times_are_not_taken_from_the_header_frame_count(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "lies.avi", frames=12, codec="MJPG")
    content = bytearray(clip.read_bytes())
    for header, offset in ((b"avih", 8 + 16), (b"strh", 8 + 32)):  # dwTotalFrames and dwLength
        start = content.index(header) + offset
        content[start : start + 4] = (500).to_bytes(4, "little")
    clip.write_bytes(content)
    assert len(read_times(clip)) == 12


@pytest.mark.parametrize(("degrees", "clockwise_quarters"), [(90, 1), (180, 2), (270, 3)])
def test_frames_are_turned_upright(tmp_path: Path, degrees: int, clockwise_quarters: int) -> None:
    clip = turn_mp4(write_av_clip(tmp_path / "turned.mp4", frames=4), degrees=degrees)
    frames = list(iter_frames(clip, range(4)))
    for ours, theirs in zip(frames, pyav_frames(clip), strict=True):
        np.testing.assert_array_equal(ours, np.rot90(theirs, -clockwise_quarters))
    assert [painted_number(np.rot90(frame, clockwise_quarters)) for frame in frames] == [0, 1, 2, 3]


def test_a_real_telephone_video_is_turned_upright(real_data: Path) -> None:
    clip = real_data / "odd" / "decord_video_90.mov"
    expected = [np.rot90(frame, -1) for frame in pyav_frames(clip)]
    assert expected[0].shape == (568, 320, 3)
    for ours, theirs in zip(iter_frames(clip, range(len(expected))), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("decord_corrupted.mp4", 28),
        ("decord_video_0.mov", 3),
        ("fightsurv_fi075.mp4", 94),
        ("gmdcsa_s4_fall02_vfr_yuvj.mp4", 89),
        ("imageio_realshort.mp4", 36),
        ("moviepy_big_buck_bunny_432_433.webm", 24),
        ("mp4parse_hevc_white_frame.mp4", 1),
        ("mp4parse_no_timescale.mp4", 8),
        ("torchcodec_h265_video.mp4", 10),
        ("torchcodec_nasa_13013.mp4", 390),
    ],
)
def test_odd_real_files_give_the_frames_that_can_be_decoded(real_data: Path, name: str, frames: int) -> None:
    times = read_times(real_data / "odd" / name)
    assert len(times) == frames
    assert times[0] == 0
    assert times == sorted(set(times))


@pytest.mark.parametrize(
    "name", ["moviepy_zero_bytes.webm", "mp4parse_bipbop_nonfragment_header.mp4", "torchcodec_nasa_13013.mp4.audio.mp3"]
)
def test_real_files_without_a_frame_are_named(real_data: Path, name: str) -> None:
    with pytest.raises(VideoError, match=name):
        read_times(real_data / "odd" / name)


def test_the_index_past_the_end_is_named_after_the_frames_before_it(tmp_path: Path) -> None:
    frames = iter_frames(write_clip(tmp_path / "short.mp4", frames=5), [4, 5])
    assert painted_number(next(frames)) == 4
    with pytest.raises(VideoError, match=r"short\.mp4: frame 5 cannot be decoded, the file gave 5 frames"):
        next(frames)


def test_no_wanted_frames_are_none(tmp_path: Path) -> None:
    assert list(iter_frames(write_clip(tmp_path / "clip.mp4", frames=2), [])) == []


@pytest.mark.parametrize(
    "name",
    ["with space.mp4", "-dash.mp4", "ünï 左 💥.mp4", "12:30.mp4", "pipe:1.mp4", "50%d.mp4", "a|b?c#d&e.mp4", "UP.MP4"],
)
def test_any_file_name_opens(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path / "plain.mp4", frames=3).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(read_times(name)) == 3
    assert len(read_times(tmp_path / name)) == 3


READ = """
import sys
from vidcls import VideoError
from vidcls.video.reader import read_times
for name in sys.argv[1:]:
    try:
        read_times(name)
    except VideoError as error:
        print(error)
"""


def test_a_name_that_is_not_utf8_is_refused_without_a_crash(tmp_path: Path) -> None:
    name = os.fsdecode(bytes(tmp_path) + b"/\xff.mp4")
    write_clip(tmp_path / "plain.mp4", frames=3).rename(name)
    # In a process of its own: OpenCV dies of such a name.
    result = subprocess.run([sys.executable, "-c", READ, name], capture_output=True, text=True, check=True)
    assert result.stdout.startswith(f"{tmp_path}/\ufffd.mp4: OpenCV opens only files whose names are valid UTF-8")


def empty_file(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def text_file(path: Path) -> Path:
    path.write_text("not a video\n" * 100, encoding="utf-8")
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def cut_off(path: Path) -> Path:
    content = write_clip(path, frames=5).read_bytes()
    path.write_bytes(content[: len(content) // 2])  # an .mp4's index stands at its end
    return path


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: path, "no such file"),
        (folder, "is a folder, expected a file"),
        (empty_file, "empty"),
        (text_file, "is a text, not a video"),
        (write_audio, "cannot be opened as a video|no pictures"),
        (cut_off, "cannot be opened as a video"),
    ],
    ids=["missing", "folder", "empty", "text", "audio only", "cut off"],
)
def test_what_is_no_video_is_named_with_the_problem(
    make: Callable[[Path], Path], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "nope.mp4")
    monkeypatch.chdir(tmp_path)
    for read in (read_times, lambda source: list(iter_frames(source, [0]))):
        with pytest.raises(VideoError, match=rf"^nope\.mp4: .*({problem})") as caught:
            read("nope.mp4")
        assert caught.value.path == "nope.mp4"
        assert "\n" not in str(caught.value)


def test_a_name_too_long_for_the_system_is_a_video_error() -> None:
    with pytest.raises(VideoError, match="too long"):
        read_times("x" * 300 + ".mp4")


UNPRIVILEGED = f"""
import os, vidcls.video.pyav, vidcls.video.reader
if os.getuid() == 0:
    os.setresuid(65534, 65534, 65534)
{READ}"""


def test_files_and_folders_that_may_not_be_read_are_named(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "closed" / "clip.mp4", frames=2)
    outside = Path(shutil.copy(clip, tmp_path / "outside.mp4"))
    # A worker of pytest-xdist has a folder of its own between the run's and the test's.
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if folder.owner() == tmp_path.owner() and not folder.stat().st_mode & 0o001:
            folder.chmod(0o755)
    outside.chmod(0o000)
    clip.parent.chmod(0o000)
    command = [sys.executable, "-c", UNPRIVILEGED, str(outside), str(clip)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    clip.parent.chmod(0o755)
    assert lines == [
        f"{outside}: the file may not be read by this user",
        f"{clip}: cannot be looked for (Permission denied)",
    ]


@pytest.mark.parametrize("source", [b"clip.mp4", 3, None, 1.5])
def test_what_is_no_name_is_a_type_error(source: object) -> None:
    with pytest.raises(TypeError):
        read_times(source)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://host/stream", "rtsp://host/stream"),
        ("rtsp://admin:secret@host:554/stream?x=1", "rtsp://host:554/stream?x=1"),
        ("rtsp://secret@host/stream", "rtsp://host/stream"),
        ("rtsp://admin:p@secret@host/stream", "rtsp://host/stream"),
        ("rtsp://admin:sec/ret@host/stream", "rtsp://host/stream"),
        ("rtsp://admin:p@ss/word@host/stream", "rtsp://host/stream"),
        ("rtsp://admin:secret#1@host/stream", "rtsp://host/stream"),
        ("rtsp://admin:secret?@host/stream", "rtsp://host/stream"),
        ("rtsp://admin:sec@et#1@host/stream", "rtsp://host/stream"),
        ("rtsp://admin:2024#@host/stream", "rtsp://host/stream"),
        ("rtsp://admin:2024/sec@host/stream", "rtsp://host/stream"),
        ("RTSP://admin:2024?sec/@host/stream", "RTSP://host/stream"),
        (
            "rtsp://host:554/user=admin_password=s@c_channel=1.sdp",
            "rtsp://host:554/user=admin_password=..._channel=1.sdp",
        ),
        ("https://admin:sec@et?1@host/x", "https://host/x"),
        ("concat:http://u:s@c#@a/x|http://u:s?c@b/y", "concat:http://a/x|http://b/y"),
        ("http://admin:secret@[::1]:80/x", "http://[::1]:80/x"),
        ("http://[::1]:80/@user/x", "http://[::1]:80/@user/x"),
        ("http://host:8080/@user/clip.mp4", "http://host:8080/@user/clip.mp4"),
        ("http://host/@user/clip.mp4", "http://host/@user/clip.mp4"),
        ("http://[bad/clip.mp4", "http://[bad/clip.mp4"),
        ("folder/a@b:c.mp4", "folder/a@b:c.mp4"),
    ],
)
def test_messages_name_a_url_without_its_credentials(url: str, shown: str) -> None:
    assert source_name(url) == shown


def test_a_url_that_cannot_be_opened_is_named_without_its_credentials(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(VideoError, match=r"^http://127\.0\.0\.1:9/clip\.mp4: ") as caught:
        read_times("http://admin:secret@127.0.0.1:9/clip.mp4")
    assert "secret" not in str(caught.value) + caught.value.path
    assert "secret" not in "".join(capfd.readouterr())


def never(*_: object) -> None:
    raise AssertionError("a video whose packets are right is scanned")


@pytest.mark.parametrize("views", [1, 3])
@pytest.mark.parametrize("decoder", ["opencv", "pyav"])
@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp4", "libx264"), ("mkv", "libx264"), ("ts", "libx264"), ("mp4", "mpeg4")]
)
def test_a_video_whose_packets_are_right_is_read_once(
    suffix: str, codec: str, decoder: Decoder, views: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write_av_clip(tmp_path / f"clip.{suffix}", frames=150, codec=codec, b_frames=2)
    monkeypatch.setattr(reading, "scan", never)
    opened = []

    def opening(*args: object, real: Callable[..., Any] = av.open, **options: object) -> Any:
        opened.append(args)
        return real(*args, **options)

    monkeypatch.setattr(av, "open", opening)
    with open_video(clip, decoder=decoder) as reader:
        read = reader.read_views(
            lambda _, pictures: [picture().shape for picture in pictures], frames=8, clip_seconds=1.0, views=views
        )
    assert len(read.taken) == 8 * views
    assert len(opened) == (decoder == "pyav")
    with open_video(clip, decoder=decoder) as reader:
        numbers = [number for _, number, _ in reader.read_along(lambda index: range(len(index.times)))]
    assert numbers == list(range(150))
