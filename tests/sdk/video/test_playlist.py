"""Local files that lead elsewhere: a recorded playlist with its segments is a video, all others are refused."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from generated import painted_number, write_av_clip
from vidcls import VideoError
from vidcls.video.protocols import protocol_whitelist
from vidcls.video.reader import Decoder, iter_frames, read_times
from vidcls.video.source import openable

DECODERS: list[Decoder] = ["opencv", "pyav"]
SEGMENT = "#EXTINF:1.0,\n"
HEAD = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n"
END = "#EXT-X-ENDLIST\n"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the playlist p.m3u8 of 50 frames, in two segments 0.ts and 1.ts."""
    folder = tmp_path_factory.mktemp("hls")
    clip = write_av_clip(folder / "clip.ts", frames=50, codec="libx264")
    with av.open(str(clip)) as source, av.open(str(folder / "p.m3u8"), "w", format="hls", options=OPTIONS) as hls:
        stream = hls.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                hls.mux(packet)
    return folder


OPTIONS = {"hls_time": "1", "hls_list_size": "0", "hls_flags": "split_by_time"}


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "recorded"))


def playlist(folder: Path, body: str, *, name: str = "p.m3u8") -> Path:
    path = folder / name
    path.write_text(HEAD + body, encoding="utf-8")
    return path


def written_by_hand(folder: Path) -> Path:
    return playlist(folder, "".join(f"{SEGMENT}{path.name}\n" for path in sorted(folder.glob("p*.ts"))) + END)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("write", [lambda folder: folder / "p.m3u8", written_by_hand])
def test_a_recorded_playlist_is_a_video(folder: Path, write: Callable[[Path], Path], decoder: Decoder) -> None:
    path = write(folder)
    assert len(list(folder.glob("p*.ts"))) == 2
    assert len(read_times(path, decoder=decoder)) == 50
    frames = list(iter_frames(path, [0, 24, 26, 49], decoder=decoder))
    assert [painted_number(frame) for frame in frames] == [0, 24, 26, 49]


def test_ffmpegs_whitelist_suffices_for_it(folder: Path) -> None:
    path = openable(folder / "p.m3u8")
    with av.open(path, options={"protocol_whitelist": protocol_whitelist(path)}) as container:
        assert sum(1 for _ in container.decode(video=0)) == 50


def test_a_master_playlist_leads_to_its_variants(folder: Path) -> None:
    master = playlist(folder, "#EXT-X-STREAM-INF:BANDWIDTH=1\np.m3u8\n", name="master.m3u8")
    master.write_text("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\np.m3u8\n", encoding="utf-8")
    assert len(read_times(master)) == 50
    playlist(folder, f"{SEGMENT}../clip.ts\n{END}")
    with pytest.raises(
        VideoError, match=r"master\.m3u8: this playlist leads out of its own folder, to '\.\./clip\.ts'"
    ):
        openable(master)
    (folder / "p.m3u8").write_text(master.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(VideoError, match=r"leads to the playlist 'p\.m3u8' by way of others; name that one"):
        openable(master)
    (folder / "p.m3u8").write_bytes((folder / "clip.ts").read_bytes())
    with pytest.raises(VideoError, match=r"leads to 'p\.m3u8', which is no HLS playlist; name the video itself"):
        openable(master)


OUTSIDE = [
    "../clip.ts",
    "sub/../../clip.ts",
    "sub/../clip.ts",
    "/etc/passwd",
    "//host/clip.ts",
    "http://user:pass@host/clip.ts",
    "file:///etc/passwd",
    "file:clip.ts",
    "data:video/mp2t;base64,AAAA",
    "subfile,,start,0,end,0,,:clip.ts",
    "concat:clip.ts",
    "..\\clip.ts",
]


@pytest.mark.parametrize("uri", OUTSIDE)
@pytest.mark.parametrize(
    "line",
    [
        f"{SEGMENT}{{}}",
        '#EXT-X-KEY:METHOD=AES-128,URI="{}",IV=0x00',
        '#EXT-X-MAP:BYTERANGE="1@2", URI="{}"',
        '#EXT-X-MEDIA:TYPE=AUDIO,NAME="a,b=c",URI="{}"',
        '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="{}"',
        '#EXT-X-MAP:X="\\" ,Y=",URI="{}"',
    ],
)
def test_what_leads_out_of_the_folder_is_refused(folder: Path, line: str, uri: str) -> None:
    path = playlist(folder, f"{line.format(uri)}\n{SEGMENT}clip.ts\n{END}")
    with pytest.raises(
        VideoError, match=r"p\.m3u8: this playlist leads out of its own folder, to '.*put its"
    ) as raised:
        openable(path)
    assert "pass@" not in str(raised.value)


def test_a_link_that_leads_out_of_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder / "clip.ts", tmp_path / "clip.ts")
    (folder / "0.ts").symlink_to(tmp_path / "clip.ts")
    path = playlist(folder, f"{SEGMENT}0.ts\n{END}")
    with pytest.raises(VideoError, match=r"leads out of its own folder, to '0\.ts'"):
        openable(path)
    (folder / "0.ts").unlink()
    (folder / "0.ts").symlink_to(folder / "0.ts")
    with pytest.raises(VideoError, match=r"names '0\.ts', and there is no such file"):
        openable(path)


def test_a_linked_folder_that_leads_out_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    shutil.move(folder / "clip.ts", tmp_path / "elsewhere" / "clip.ts")
    (folder / "sub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(VideoError, match=r"leads out of its own folder, to 'sub/clip\.ts'"):
        openable(playlist(folder, f"{SEGMENT}sub/clip.ts\n{END}"))


def test_segments_may_lie_in_folders_below(folder: Path) -> None:
    (folder / "sub").mkdir()
    shutil.move(folder / "clip.ts", folder / "sub" / "clip.ts")
    assert len(read_times(playlist(folder, f"{SEGMENT}sub/clip.ts\n{END}"))) == 50


def test_a_linked_folder_is_the_same_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert len(read_times(tmp_path / "link" / "p.m3u8")) == 50


def test_a_missing_segment_is_named(folder: Path) -> None:
    path = playlist(folder, f"{SEGMENT}clip.ts\n{SEGMENT}gone.ts\n{END}")
    with pytest.raises(
        VideoError, match=r"p\.m3u8: this playlist names 'gone\.ts', and there is no such file; put its"
    ):
        openable(path)


@pytest.mark.parametrize("body", [f"{SEGMENT}clip.ts\n", f"{END}{SEGMENT}clip.ts\n"])
def test_a_recording_that_has_not_ended_is_told_at_once(folder: Path, body: str) -> None:
    path = playlist(folder, body)
    started = time.monotonic()
    with pytest.raises(VideoError, match=r"p\.m3u8: the recording has not ended: .* append that line$"):
        read_times(path)
    assert time.monotonic() - started < 10  # FFmpeg would wait for its next segments
    path.write_text(path.read_text(encoding="utf-8") + END, encoding="utf-8")
    assert len(read_times(path)) == 50


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (HEAD + END, "names no segments"),
        (HEAD + SEGMENT + "x" * 5000 + "\n" + END, "damaged: it has lines that are too long"),
        (HEAD + SEGMENT + "clip.ts\n" + END + "\0", "bytes that are no text"),
        ("#EXTM3U\nsong.mp3\n", "a playlist, not a video; name the video that it leads to"),
    ],
)
def test_odd_playlists_are_refused(folder: Path, content: str, problem: str) -> None:
    path = folder / "p.m3u8"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(VideoError, match=problem):
        openable(path)


def test_a_long_playlist_is_checked_in_time(folder: Path) -> None:
    path = playlist(folder, f"{SEGMENT}clip.ts\n" * 86_400 + END)  # a day in seconds
    started = time.process_time()
    openable(path)
    assert time.process_time() - started < 10
    path.write_text(path.read_text(encoding="utf-8") * 8, encoding="utf-8")
    with pytest.raises(VideoError, match="a playlist of more than 8 MiB"):
        openable(path)


def test_a_folder_that_ffmpeg_takes_for_a_query_is_refused(folder: Path) -> None:
    other = folder.rename(folder.with_name("what?"))
    with pytest.raises(VideoError, match=r"FFmpeg looks for this playlist's segments elsewhere, for its path holds \?"):
        openable(other / "p.m3u8")


def test_a_playlist_of_another_ending_is_to_be_renamed(folder: Path) -> None:
    with pytest.raises(VideoError, match=r"p\.txt: an HLS playlist, .* rename it to end in \.m3u8"):
        openable((folder / "p.m3u8").rename(folder / "p.txt"))


TEXTS = [
    (HEAD, "an HLS playlist"),
    ("#EXTM3U\na.mp3\n", "a playlist"),
    ("ffconcat version 1.0\nfile clip.ts\n", "an ffconcat script"),
    ("v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\nm=video 5004 RTP/AVP 96\r\n", "an SDP description"),
    ("s=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n", "an SDP description"),
    ("c=IN IP4 127.0.0.1\n", "an SDP description"),
    (f"<?xml version='1.0'?>{' ' * 9000}<mpd profiles='urn:mpeg:dash:profile'>", "a DASH manifest"),
    ("<?xml version='1.0'?><CompositionPlaylist>", "an IMF composition"),
]


@pytest.mark.parametrize("before", [b"", b"ID3\x03\0\0\0\0\0\x02..", b"ID3\x04\0\x10\0\0\x40\x00" + b"." * 8202])
@pytest.mark.parametrize(("text", "kind"), TEXTS)
def test_texts_that_lead_elsewhere_are_refused_whatever_their_name(
    tmp_path: Path, text: str, kind: str, before: bytes
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(before + text.encode())
    opened = io.BytesIO(path.read_bytes())
    with pytest.raises(
        VideoError, match=f"^<video in memory>: {kind}, not a video, and leads to files that are not in"
    ):
        read_times(opened)
    if kind != "an HLS playlist":
        with pytest.raises(VideoError, match=f"clip.mp4: {kind}, not a video; name the video that it leads to"):
            read_times(path)


@pytest.mark.parametrize(("ending", "kind"), [("avs", "an AviSynth script"), ("VPY", "a VapourSynth script")])
def test_scripts_are_known_by_their_ending(folder: Path, ending: str, kind: str) -> None:
    path = folder / f"clip.{ending}"
    path.write_text("import vapoursynth", encoding="utf-8")
    with pytest.raises(VideoError, match=f"{kind}, not a video"):
        openable(path)
    assert openable((folder / "clip.ts").rename(path)) == str(path)  # a video of that name


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_playlist_in_memory_is_refused(folder: Path, decoder: Decoder) -> None:
    content = (folder / "p.m3u8").read_bytes()
    with (folder / "p.m3u8").open("rb") as opened:
        for source in (io.BytesIO(content), opened):
            with pytest.raises(VideoError, match=r"an HLS playlist, .* give its path, with its segments beside it"):
                read_times(source, decoder=decoder)


def test_memory_is_read_from_its_beginning(folder: Path) -> None:
    assert len(read_times(io.BytesIO((folder / "clip.ts").read_bytes()))) == 50


def test_a_picture_that_is_named_like_many_is_refused(tmp_path: Path) -> None:
    for name in ("frame001.png", "frame002.png", "frame%03d.png"):
        Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(tmp_path / name)
    with pytest.raises(VideoError, match=r"frame%03d\.png: FFmpeg takes the % in a picture's name .*; rename it"):
        openable(tmp_path / "frame%03d.png")
    clip = write_av_clip(tmp_path / "100%d.mp4", frames=2)
    assert openable(clip) == str(clip)
