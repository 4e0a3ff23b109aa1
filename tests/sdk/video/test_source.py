"""Where a video may come from: memory, a web server, a live camera; and what is refused with a reason."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import socket
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import live_server
from generated import CHECKPOINT_SECTIONS, contract_fields, painted_number, write_av_clip, write_clip
from loopback import free_port, serving
from vidcls import VideoClassifier, VideoError
from vidcls.clips import read_clips
from vidcls.contract import Contract, from_json
from vidcls.video import remote
from vidcls.video.reader import Decoder, EndlessError, iter_frames, open_video, read_times
from vidcls.video.source import source_name


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def served(folder: Path) -> AbstractContextManager[str]:
    return serving(partial(Quiet, directory=str(folder)))


@pytest.mark.parametrize("views", [1, 3])
@pytest.mark.parametrize("decoder", ["opencv", "pyav"])
def test_an_open_file_and_memory_are_read_like_the_path(model: Path, clip: Path, views: int, decoder: str) -> None:
    classifier = VideoClassifier(model)
    expected = classifier.predict(clip, views=views)
    with clip.open("rb") as opened:
        for source in (opened, io.BytesIO(clip.read_bytes())):
            found = classifier.predict(source, views=views, decoder=decoder)  # type: ignore[arg-type]
            np.testing.assert_array_equal(found.logits, expected.logits)
            np.testing.assert_array_equal(found.timestamps, expected.timestamps)


@pytest.mark.parametrize("decoder", ["opencv", "pyav"])
def test_a_file_that_is_unpacked_as_it_is_read_is_one_as_well(clip: Path, tmp_path: Path, decoder: str) -> None:
    packed = tmp_path / "clip.mp4.gz"
    packed.write_bytes(gzip.compress(clip.read_bytes()))
    with gzip.open(packed) as opened:  # whose mode is a number
        assert read_times(opened, decoder=decoder) == read_times(clip, decoder=decoder)  # type: ignore[arg-type]


def test_memory_that_holds_no_video_is_named() -> None:
    with pytest.raises(VideoError, match=r"^<video in memory>: "):
        read_times(io.BytesIO(b"nothing of the kind" * 50))


def test_what_cannot_be_read_twice_is_refused(tmp_path: Path) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    with pytest.raises(VideoError, match="cannot be read twice"):
        read_times(Pipe(write_clip(tmp_path / "clip.mp4", frames=2).read_bytes()))


def test_a_video_on_a_web_server_is_read_like_the_file(model: Path, clip: Path) -> None:
    classifier = VideoClassifier(model)
    with served(clip.parent) as url:
        found = classifier.predict(f"{url}/{clip.name}", views=2)
        with pytest.raises(VideoError, match=r"http://127\.0\.0\.1:\d+/missing\.mp4: cannot be opened as a video"):
            classifier.predict(f"{url}/missing.mp4")
    np.testing.assert_array_equal(found.logits, classifier.predict(clip, views=2).logits)


@pytest.mark.parametrize("decoder", ["opencv", "pyav"])
def test_a_server_that_never_answers_is_given_up(decoder: Decoder) -> None:
    started = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://someone:secret@127.0.0.1:{server.getsockname()[1]}/clip.mp4"
        with (
            pytest.raises(VideoError, match="cannot be opened as a video; check the address"),
            open_video(url, decoder=decoder, timeout_seconds=1.0),
        ):
            pass
    assert time.monotonic() - started < 10  # without a limit of ours OpenCV waits for 30 s


def test_a_live_camera_is_watched_for_one_clip(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "END_SECONDS", 0.1)  # for which it is read to see whether it ends, each time
    port = free_port()
    camera = live_server.start(port)
    try:
        url = f"http://127.0.0.1:{port}/"
        classifier = VideoClassifier(model)
        prediction = classifier.predict(url)
        sampling = classifier.contract.sampling
        (window,) = prediction.windows
        assert window[1] - window[0] == pytest.approx(sampling.clip_seconds)
        assert prediction.timestamps.shape == (1, sampling.frames)
        with pytest.raises(ValueError, match="live source"):
            classifier.predict(url, views=2)
        (answer,) = classifier.predict_many([url])
        assert not isinstance(answer, VideoError)
        with pytest.raises(VideoError, match="states no length"):
            read_times(url)
    finally:
        camera.terminate()
        camera.wait()


def test_a_camera_that_is_not_there_is_named(model: Path) -> None:
    with pytest.raises(VideoError, match=r"^camera 97: cannot be opened; check it is plugged in"):
        VideoClassifier(model).predict(97)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tiff"])
def test_a_single_picture_is_refused(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"picture{suffix}"
    Image.new("RGB", (64, 48), "red").save(path)
    with pytest.raises(VideoError, match="a single picture, not a video"):
        read_times(path)


def test_an_animation_is_a_video(tmp_path: Path) -> None:
    path = tmp_path / "animation.gif"
    pictures = [Image.new("L", (64, 48), 40 * number) for number in range(4)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[100, 50, 200, 100])
    assert read_times(path) == pytest.approx([0, 0.1, 0.15, 0.35])
    assert [frame[0, 0].tolist() for frame in iter_frames(path, range(4))] == [[40 * n] * 3 for n in range(4)]


def test_a_picture_of_absurd_size_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    Image.new("1", (7000, 7000)).save(path)
    with pytest.raises(VideoError, match="7000 x 7000, expected at most 36 million"):
        read_times(path)


AV1 = "odd/torchcodec_av1_video.mkv"


def test_a_codec_that_opencv_lacks_is_decoded_by_pyav_and_named_without_it(
    model: Path, real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, classifier = real_data / AV1, VideoClassifier(model)
    found = classifier.predict(clip)
    np.testing.assert_array_equal(found.logits, classifier.predict(clip, decoder="pyav").logits)
    needs_pyav = r"OpenCV cannot decode its codec \(AV01\); PyAV can: run .pip install .vidcls\[av\]"
    with pytest.raises(VideoError, match=needs_pyav):
        classifier.predict(clip, decoder="opencv")
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.delitem(sys.modules, "vidcls.video.pyav")
    with pytest.raises(VideoError, match=needs_pyav):
        classifier.predict(clip)


def test_an_unknown_decoder_is_a_value_error(clip: Path) -> None:
    with pytest.raises(ValueError, match="decoder is 'decord', expected one of 'auto', 'opencv', 'pyav'"):
        read_times(clip, decoder="decord")  # type: ignore[arg-type]


def test_what_was_cut_off_is_answered_and_reported(model: Path, tmp_path: Path) -> None:
    whole = write_av_clip(tmp_path / "whole.mkv", frames=100, codec="libx264")
    content = whole.read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(content[: len(content) // 2])
    classifier = VideoClassifier(model)
    assert classifier.predict(whole).decoded_share == pytest.approx(1.0, abs=0.02)
    found = classifier.predict(cut)
    frames = len(read_times(cut))
    assert 10 < frames < 90
    assert found.decoded_share == pytest.approx(frames / 100, abs=0.02)


def test_a_header_with_a_stray_frame_is_no_video(model: Path, tmp_path: Path) -> None:
    clip = write_av_clip(tmp_path / "long.mkv", frames=3, milliseconds=[0, 40, 600_000])
    content = clip.read_bytes()
    clip.write_bytes(content[: content.rindex(b"\xa3")])  # the last SimpleBlock
    with pytest.raises(VideoError, match=r"only 0\.\d\d s of its 600\.\d\d s can be decoded"):
        VideoClassifier(model).predict(clip)


def test_pyav_gives_the_frames_that_opencv_gives(tmp_path: Path) -> None:
    clip = write_av_clip(tmp_path / "clip.mp4", frames=30, codec="libx264", b_frames=2)
    wanted = [3, 4, 20, 29]
    ours, theirs = (list(iter_frames(clip, wanted, decoder=decoder)) for decoder in ("opencv", "pyav"))
    np.testing.assert_array_equal(ours, theirs)
    assert [painted_number(frame) for frame in ours] == wanted


def still_then_moving(path: Path) -> Path:
    """A scene that stays the same for 60 frames and changes for 60; noise, so that no two changing frames agree."""
    random = np.random.default_rng(0)
    still = random.integers(0, 256, (120, 160, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, options={"g": "12"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for number in range(120):
            picture = still if number < 60 else random.integers(0, 256, still.shape, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("views", [1, 3])
def test_a_still_scene_in_memory_is_read_like_the_file(model: Path, tmp_path: Path, views: int) -> None:
    clip, classifier = still_then_moving(tmp_path / "still.mp4"), VideoClassifier(model)
    found = classifier.predict(io.BytesIO(clip.read_bytes()), views=views)
    np.testing.assert_array_equal(found.logits, classifier.predict(clip, views=views).logits)


def test_damage_between_the_frames_of_a_view_ends_the_video_there(tmp_path: Path) -> None:
    clip = write_av_clip(tmp_path / "damaged.mp4", frames=500, codec="mpeg4")  # a key frame every 12
    fields = contract_fields(frames=4, clip_seconds=8.0)
    checkpoint = {name: fields[name] for name in CHECKPOINT_SECTIONS}
    contract = from_json(Contract, json.dumps(checkpoint), where="test")
    first, second, *_ = read_clips(clip, contract).timestamps[0]  # 2.7 s apart: many key frames lie between them
    with av.open(str(clip)) as container:
        places = [
            (packet.pos, packet.size) for packet in container.demux(video=0) if packet.size and packet.pos is not None
        ]
    content = bytearray(clip.read_bytes())
    for position, size in places[round(first * 25) + 20 : round(first * 25) + 25]:
        content[position : position + size] = bytes(size)
    clip.write_bytes(content)
    times = read_times(clip)
    assert first < times[-1] < second
    # As many seconds as the damage leaves, and no more.
    assert read_clips(clip, contract).timestamps.max() <= times[-1]


def test_pictures_in_memory_one_after_the_other_are_a_video(tmp_path: Path) -> None:
    jpegs = []
    for number in range(5):
        Image.new("L", (64, 48), 50 * number).save(tmp_path / "picture.jpg")
        jpegs.append((tmp_path / "picture.jpg").read_bytes())
    frames = list(iter_frames(io.BytesIO(b"".join(jpegs)), range(5)))
    assert [int(frame.mean()) for frame in frames] == [0, 50, 100, 150, 200]


def test_a_camera_of_pictures_without_end_is_told_at_once(tmp_path: Path) -> None:
    picture = tmp_path / "picture.jpg"
    Image.new("RGB", (64, 48), "red").save(picture)

    class Camera(Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"--picture\r\nContent-Type: image/jpeg\r\n\r\n" + picture.read_bytes() + b"\r\n")
            except OSError:  # whoever looked has gone
                pass

    with serving(Camera) as address, pytest.raises(VideoError, match="states no length"):
        read_times(f"{address}/video.mjpg")


def test_frames_without_times_that_stay_the_same_are_read(model: Path, tmp_path: Path) -> None:
    clip = tmp_path / "still.h264"
    with av.open(str(clip), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(30):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")))
        container.mux(stream.encode())
    assert VideoClassifier(model).predict(clip).timestamps.shape[0] == 1


def test_pictures_as_thin_as_a_thread_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "thread.gif"
    pictures = [Image.new("L", (2, 30_000), 40 * number) for number in range(2)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:])
    with pytest.raises(VideoError, match="2 x 30000, which no camera makes"):
        read_times(path)


@pytest.mark.parametrize("error", [VideoError("a.mp4", "is broken"), EndlessError("http://u:p@host/x")])
def test_errors_can_be_sent_to_another_process(error: VideoError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - made here
    assert (type(copy), str(copy), copy.path) == (type(error), str(error), error.path)
    assert "p@" not in str(copy) + repr(copy) + repr(error)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://cam/v.cgi?user=admin&pwd=secret&fps=5", "http://cam/v.cgi?user=admin&pwd=...&fps=5"),
        ("https://b/x.mp4?X-Amz-Signature=ab12&X-Amz-Date=1", "https://b/x.mp4?X-Amz-Signature=...&X-Amz-Date=1"),
        ("concat:http://u:p@h/a|http://u:q@h/b", "concat:http://h/a|http://h/b"),
        ("http://cam/v.cgi?loginuse=admin&loginpas=secret", "http://cam/v.cgi?loginuse=admin&loginpas=..."),
        ("http://cam/v.cgi?usr=a&psw=sec#ret&fps=5", "http://cam/v.cgi?usr=a&psw=...&fps=5"),
        *(
            (f"rtsp://cam:554/user=admin_password={password}{rest}", f"rtsp://cam:554/user=admin_password=...{shown}")
            for password in ("secret", "se_cret", "se/c?r_e=t", "")
            for rest, shown in (
                ("_channel=1_stream=0.sdp?real_stream", "_channel=1_stream=0.sdp?real_stream"),
                ("&channel=1&stream=0.sdp?", "&channel=1&stream=0.sdp?"),
                (".sdp", ""),
            )
        ),
        ("rtsp://cam/user=admin;passwd=se;cret;stream=1", "rtsp://cam/user=admin;passwd=...;stream=1"),
        ("rtsp://cam/password=se/cret/channel=1", "rtsp://cam/password=.../channel=1"),
        ("https://cdn/token=ab/cd==/live.m3u8", "https://cdn/token=..."),
        ("rtsp://cam/Streaming/Channels/101?transportmode=unicast",) * 2,
        ("rtsp://cam/cam/realmonitor?channel=1&subtype=0",) * 2,
        ("http://host/monkey/pass_1.mp4",) * 2,
    ],
)
def test_messages_leave_out_what_a_url_keeps_secret(url: str, shown: str) -> None:
    assert source_name(url) == shown


WITHOUT_PYAV = """
import sys, threading
sys.modules["av"] = None
from vidcls.video.reader import read_times
begin, found = threading.Barrier(16), []
def read():
    begin.wait()
    found.append(len(read_times(sys.argv[1])))
threads = [threading.Thread(target=read) for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(found)
"""


def test_many_threads_find_out_at_once_that_pyav_is_not_there(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=3)
    result = subprocess.run([sys.executable, "-c", WITHOUT_PYAV, str(clip)], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == str([3] * 16), result.stderr
