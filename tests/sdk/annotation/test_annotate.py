"""A video written anew: the same frames at the same times, the same sound, and on each frame what is recognised."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from commands import run
from generated import write_clip
from loopback import sending, serving
from sounding import RATE, beeps, flashes, rgb, write_flashing
from vidcls import VideoClassifier, VideoError, draw
from vidcls.annotation import formats, writers
from vidcls.annotation.annotate import annotate, write_drawn
from vidcls.annotation.recognised import Recognised, recognise
from vidcls.annotation.resampler import Resampler
from vidcls.temporal.timeline import Segment
from vidcls.video.protocol import Frame
from videos import H264, painted, write_video

# A film's clock ticks so often; Matroska and WebM count milliseconds.
TICK, MILLISECOND = 1 / 90_000, 0.001
# In the mean: 8-bit limited range twice, and an encoder at a quality at which nobody sees a difference.
LEVELS = 2.0


def as_it_is(frame: Frame, _: float) -> Frame:
    return frame


def frames_of(path: Path) -> list[tuple[float, np.ndarray]]:
    """(seconds after the first, uint8 RGB [H, W, 3]) of every frame, by PyAV."""
    with av.open(str(path)) as container:
        found = [(float(frame.time or 0), rgb(frame)) for frame in container.decode(video=0)]
    return [(time - found[0][0], frame) for time, frame in found]


@pytest.fixture
def _without_pyav(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (formats, writers):
        monkeypatch.setattr(module, "find_pyav", lambda: None)


@pytest.mark.parametrize(("ending", "tolerance"), [(".mp4", TICK), (".mkv", MILLISECOND), (".webm", MILLISECOND)])
def test_every_frame_is_there_at_its_own_time(ending: str, tolerance: float, tmp_path: Path) -> None:
    times = write_video(tmp_path / "in.mkv", encoding=H264, frames=30, rate=None, start=Fraction(3, 2))
    written = write_drawn(tmp_path / "in.mkv", tmp_path / f"out{ending}", as_it_is)
    found = frames_of(tmp_path / f"out{ending}")
    assert [painted(frame) for _, frame in found] == list(range(30))
    np.testing.assert_allclose([time for time, _ in found], [float(time) for time in times], rtol=0, atol=tolerance)
    assert (written.frames, written.width, written.height, written.sound) == (30, 96, 64, "none")
    with av.open(str(tmp_path / f"out{ending}")) as container:
        assert container.streams.video[0].codec_context.name == ("vp9" if ending == ".webm" else "h264")
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"


def test_a_browser_can_begin_to_play_it_before_it_has_all_of_it(clip: Path, tmp_path: Path) -> None:
    write_drawn(clip, tmp_path / "out.mp4", as_it_is)
    content = (tmp_path / "out.mp4").read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")
    with av.open(str(tmp_path / "out.mp4")) as container:  # no frame is reordered, so none has to be cut off by an edit
        assert all(packet.pts == packet.dts for packet in container.demux(video=0) if packet.size)


@pytest.mark.parametrize(("decoder", "rotation"), [("pyav", 90), ("pyav", 180), ("opencv", 270)])
def test_it_stands_upright(decoder: Any, rotation: int, tmp_path: Path) -> None:
    write_video(tmp_path / "in.mp4", encoding=H264, frames=5, rotation=rotation, aspect=Fraction(4, 3))
    write_drawn(tmp_path / "in.mp4", tmp_path / "out.mp4", as_it_is, decoder=decoder)
    with av.open(str(tmp_path / "out.mp4")) as container:
        film = container.streams.video[0]
        frames = list(container.decode(video=0))
        turned = rotation % 180 == 90
        assert film.sample_aspect_ratio == (Fraction(3, 4) if turned else Fraction(4, 3))
    assert [painted(rgb(frame)) for frame in frames] == list(range(5))
    assert {frame.rotation for frame in frames} == {0}


def test_an_odd_side_is_given_one_row_more_and_colours_stay(tmp_path: Path) -> None:
    pictures = [np.full((63, 95, 3), colour, np.uint8) for colour in ((200, 60, 40), (30, 120, 220), (240, 240, 240))]
    encoding = replace(H264, codec="libx264rgb", pixels="rgb24", b_frames=0)
    write_video(tmp_path / "in.mkv", encoding=encoding, frames=3, width=95, height=63, pictures=pictures)
    write_drawn(tmp_path / "in.mkv", tmp_path / "out.mp4", as_it_is)
    for (_, frame), picture in zip(frames_of(tmp_path / "out.mp4"), pictures, strict=True):
        assert frame.shape == (64, 96, 3)
        assert np.abs(frame.astype(float) - picture[0, 0]).mean() < LEVELS
    with av.open(str(tmp_path / "out.mp4")) as container:  # FFmpeg's number of the formula that RGB was converted by
        assert container.streams.video[0].codec_context.colorspace == 6


@pytest.mark.parametrize(
    ("source", "settings", "output", "what"),
    [
        ("in.mp4", {}, "out.mp4", "copied"),
        ("in.mp4", {"film_starts": Fraction(2, 5)}, "out.mkv", "copied"),
        ("in.ts", {"sound_starts": Fraction(3, 10)}, "out.mp4", "copied"),
        ("in.mkv", {"sound": "pcm_s16le", "film_starts": Fraction(2, 5)}, "out.mp4", "encoded"),
        ("in.mkv", {"sound": "flac", "sound_starts": Fraction(3, 10)}, "out.webm", "encoded"),
        ("in.avi", {"sound": "libmp3lame", "codec": "mpeg4"}, "out.mov", "copied"),
        ("in.ts", {"sound": "mp2", "codec": "mpeg2video"}, "out.mp4", "encoded"),  # its samples' format shows late
    ],
    ids=str,
)
def test_sound_is_kept_and_in_sync(
    source: str, settings: dict[str, Any], output: str, what: str, tmp_path: Path
) -> None:
    write_flashing(tmp_path / source, **settings)
    assert write_drawn(tmp_path / source, tmp_path / output, as_it_is).sound == what
    before, after = [(flashes(tmp_path / name), beeps(tmp_path / name)) for name in (source, output)]
    assert len(before[0]) == len(before[1]) == len(after[0]) == len(after[1]) == 2
    for flash, beep in zip(*after, strict=True):
        assert abs(flash - beep) < 1 / RATE
    # Copied, to a tick; encoded, to what an encoder smears.
    shifts = np.subtract(after[1], after[0]) - np.subtract(before[1], before[0])
    assert np.abs(shifts).max() < (2 * MILLISECOND if what == "copied" else 1 / RATE / 2)


def stereo_then_mono(folder: Path, *, sound: str) -> Path:
    """Two broadcasts of 1.8 s, one after the other."""
    parts = [folder / "one.ts", folder / "other.ts"]
    for part, layout, starts in zip(parts, ("stereo", "mono"), (Fraction(0), Fraction(9, 5)), strict=True):
        settings: dict[str, Any] = {"sound": sound, "codec": "mpeg2video", "layout": layout}
        write_flashing(part, film_starts=starts, sound_starts=starts, **settings)
    both = folder / "both.ts"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    return both


@pytest.mark.parametrize(("ending", "what"), [(".mp4", "encoded"), (".mkv", "copied")])
def test_sound_may_go_from_stereo_to_mono(
    ending: str, what: str, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    both = stereo_then_mono(tmp_path, sound="mp2")
    output = tmp_path / f"out{ending}"
    assert write_drawn(both, output, as_it_is).sound == what
    heard = beeps(output)
    assert len(heard) == 4
    assert caplog.text == ""
    np.testing.assert_allclose(heard, flashes(output), rtol=0, atol=1 / RATE)


def test_copied_aac_that_changes_is_kept_up_to_there(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """MP4 says how many channels there are once, for all of it; of what came after, players would make noise."""
    both = stereo_then_mono(tmp_path, sound="aac")
    assert write_drawn(both, tmp_path / "out.mp4", as_it_is).sound == "copied"
    np.testing.assert_allclose(beeps(tmp_path / "out.mp4"), [0.4, 1.2], rtol=0, atol=1 / RATE)
    assert caplog.messages == [
        f"{both}: its sound cannot be written (its rate or channels change midway), and kept up to there"
    ]


def test_sound_that_cannot_be_written_is_left_out_and_named_without_a_password(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content = write_flashing(tmp_path / "in.ts", sound="mp2", codec="mpeg2video").read_bytes()
    # FFmpeg refuses it, as it would a form of sound that it cannot resample.
    monkeypatch.setattr(Resampler, "_built", lambda *_: av.filter.Graph().add("aformat", "sample_fmts=none at all"))
    with serving(sending(content)) as address:
        url = f"{address.replace('//', '//user:geheim@')}/in.ts?token=geheim"
        written = write_drawn(url, tmp_path / "out.mp4", as_it_is)
    assert (written.frames, written.sound) == (45, "left out")
    assert [frame.shape for _, frame in frames_of(tmp_path / "out.mp4")] == [(120, 160, 3)] * 45
    (record,) = caplog.records
    assert re.search(r"/in\.ts\?token=\.\.\.: its sound cannot be written \(.+\), and left out", record.getMessage())
    assert "geheim" not in caplog.text


def test_an_error_names_the_file_that_was_to_be_written(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "out.mp4").mkdir()
    with pytest.raises(OSError) as caught:  # noqa: PT011 - which it is differs by system
        write_drawn(clip, tmp_path / "out.mp4", as_it_is)
    assert str(caught.value.filename) == str(tmp_path / "out.mp4")
    assert ".part" not in str(caught.value)


def test_a_frame_shows_its_segment_and_the_nearest_window(model: Path, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mp4", frames=40, rate=20, width=240, height=180)
    classifier = VideoClassifier(model)
    annotate(classifier, clip, tmp_path / "out.mp4")
    with classifier.stream(clip, pace="fastest") as records:
        windows = [(record.window, record.prediction) for record in records]
    timeline = classifier.timeline(clip)
    with av.open(str(clip)) as container:
        originals = [rgb(frame) for frame in container.decode(video=0)]
    for number, (at, frame) in enumerate(frames_of(tmp_path / "out.mp4")):
        nearest = min(windows, key=lambda each: abs(sum(each[0]) / 2 - at))[1]
        inside = [segment for segment in timeline if segment.start <= at < segment.end]
        expected = draw(originals[number], nearest, segments=inside)
        assert len(inside) == 1
        assert np.abs(frame.astype(float) - expected).mean() < 3 * LEVELS  # letters are finer than half the pixels


def test_between_two_windows_the_nearer_one_counts(model: Path, clip: Path) -> None:
    one, other = [VideoClassifier(model).predict_frames(np.full((4, 8, 8, 3), n, np.uint8)) for n in (0, 255)]
    found = Recognised(
        middles=[1.0, 2.0],
        predictions=[one, other],
        segments=[
            Segment(start=0.0, end=1.2, label="a", score=1.0),
            Segment(start=1.2, end=9.0, label=None, score=1.0),
        ],
    )
    at = {seconds: found.at(seconds) for seconds in (0.0, 1.19, 1.2, 1.4, 1.6, 8.0)}
    assert [at[seconds][0] is one for seconds in at] == [True, True, True, True, False, False]
    assert [[each.label for each in at[seconds][1]] for seconds in at] == [["a"], ["a"], [None], [None], [None], [None]]
    whole = recognise(VideoClassifier(model), clip)
    assert len(whole.middles) == len(whole.predictions) == 4
    assert whole.segments == VideoClassifier(model).timeline(clip)


@pytest.mark.usefixtures("_without_pyav")
def test_without_pyav_frames_keep_their_times_to_half_a_step(tmp_path: Path) -> None:
    times = write_video(tmp_path / "in.mkv", encoding=H264, frames=30, rate=None)
    written = write_drawn(tmp_path / "in.mkv", tmp_path / "out.mp4", as_it_is)
    assert written.sound == "left out"
    step = float(times[-1]) / 29
    found = frames_of(tmp_path / "out.mp4")
    shown = [painted(frame) for _, frame in found]
    assert shown == sorted(shown)
    for (at, _), number in zip(found, shown, strict=True):
        until = float(times[number + 1]) if number < 29 else at
        assert float(times[number]) - 0.6 * step <= at <= until + 0.6 * step


def test_a_video_that_was_cut_off_is_written_as_far_as_it_goes(model: Path, tmp_path: Path) -> None:
    write_drawn(write_flashing(tmp_path / "whole.mp4"), tmp_path / "fast.mp4", as_it_is)
    content = (tmp_path / "fast.mp4").read_bytes()
    (tmp_path / "in.mp4").write_bytes(content[: len(content) * 2 // 3])
    address = f"{(tmp_path / 'in.mp4').as_uri()}?token=geheim"
    (tmp_path / "in.mp4?token=geheim").write_bytes((tmp_path / "in.mp4").read_bytes())
    result = run("annotate", model, address, "-o", tmp_path / "out.mp4")
    assert result.stderr.count("Warning: ") == 1
    assert "geheim" not in result.stderr
    assert "of it could be decoded" in result.stderr
    found = frames_of(tmp_path / "out.mp4")
    assert 10 < len(found) < 40
    whole = [time for time, _ in frames_of(tmp_path / "whole.mp4")]
    np.testing.assert_allclose([time for time, _ in found], whole[: len(found)], rtol=0, atol=TICK)
    assert max(beeps(tmp_path / "out.mp4")) < found[-1][0] + 1 / RATE


def test_pictures_that_change_their_size_are_fitted_into_the_first_ones(tmp_path: Path) -> None:
    for size, name in (((96, 64), "one.ts"), ((64, 96), "other.ts")):
        start = Fraction(0) if name == "one.ts" else Fraction(1)
        write_video(tmp_path / name, encoding=H264, frames=10, width=size[0], height=size[1], start=start)
    both = tmp_path / "both.ts"
    both.write_bytes((tmp_path / "one.ts").read_bytes() + (tmp_path / "other.ts").read_bytes())
    write_drawn(both, tmp_path / "out.mp4", as_it_is)
    found = frames_of(tmp_path / "out.mp4")
    assert {frame.shape for _, frame in found} == {(64, 96, 3)}
    assert [painted(frame) for _, frame in found[:10]] == list(range(10))


def test_nothing_is_left_where_it_breaks_off(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_bytes(b"what was there")
    numbers = iter(range(10))

    def broken(frame: Frame, _: float) -> Frame:
        if next(numbers, None) is None:
            raise KeyboardInterrupt
        return frame

    with pytest.raises(KeyboardInterrupt):
        write_drawn(clip, tmp_path / "out.mp4", broken)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert (tmp_path / "out.mp4").read_bytes() == b"what was there"


def test_the_command_says_what_it_wrote(model: Path, tmp_path: Path) -> None:
    video = write_flashing(tmp_path / "in.mp4")
    result = run("annotate", model, video, "-o", tmp_path / "out.mp4")
    assert result.stdout == f"{tmp_path / 'out.mp4'}: 45 frames, 160 x 120, 1.80 s, its sound copied\n"
    assert result.stderr == ""


def test_the_input_is_never_written_over(model: Path, clip: Path, tmp_path: Path) -> None:
    video = tmp_path / "in.mp4"
    video.write_bytes(clip.read_bytes())
    os.link(video, tmp_path / "link.mp4")
    (tmp_path / "soft.mp4").symlink_to(video)
    for output in (video, tmp_path / "link.mp4", tmp_path / "soft.mp4", tmp_path / "." / "in.mp4"):
        assert "is the video" in run("annotate", model, video, "-o", output, code=2).stderr
    assert "is the video" in run("annotate", model, video.as_uri(), "-o", video, code=2).stderr
    with video.open("rb") as opened, pytest.raises(ValueError, match="is the video"):
        annotate(VideoClassifier(model), opened, video)
    assert "not as '.gif'" in run("annotate", model, video, "-o", tmp_path / "out.gif", code=2).stderr
    gone = run("annotate", model, video, "-o", tmp_path / "gone" / "out.mp4", code=1).stderr
    assert gone.count("\n") == 1
    assert "no such folder" in gone
    assert video.read_bytes() == clip.read_bytes()
    with pytest.raises(VideoError):
        write_drawn(tmp_path / "gone.mp4", tmp_path / "out.mp4", as_it_is)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "link.mp4", "soft.mp4"]


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
@pytest.mark.parametrize("writer", ["pyav", "opencv"])
def test_a_film_that_does_not_fit_on_the_disk_leaves_what_was_there(
    writer: str, ending: str, monkeypatch: pytest.MonkeyPatch, clip: Path, tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource")  # a file may then grow no longer, which Windows cannot say
    if writer == "opencv":
        for module in (formats, writers):
            monkeypatch.setattr(module, "find_pyav", lambda: None)
    path, random = tmp_path / f"out{ending}", np.random.default_rng(0)
    path.write_bytes(b"the copy of before")
    before, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        with pytest.raises(OSError, match=str(path)):
            write_drawn(clip, path, lambda frame, _: random.integers(0, 256, frame.shape, np.uint8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == b"the copy of before"
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.usefixtures("_without_pyav")
def test_what_is_missing_without_pyav_is_said_once(
    monkeypatch: pytest.MonkeyPatch, model: Path, clip: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr("vidcls.video.optional.find_pyav", lambda: None)
    result = run("annotate", model, clip, "-o", tmp_path / "out.mp4", "--decoder", "opencv")
    assert result.stderr.count("vidcls[av]") == 1
    refused = run("annotate", model, clip, "-o", tmp_path / "out.webm", "--decoder", "opencv", code=1)
    assert "without PyAV a video is written as .mp4, .mov, .mkv" in refused.stderr


def test_what_is_no_one_file_is_refused_with_the_command_that_takes_it(model: Path, clip: Path, tmp_path: Path) -> None:
    for many in (clip.parent, f"{clip.parent}/*.mp4"):
        result = run("annotate", model, many, "-o", tmp_path / "out.mp4", code=1)
        assert "'vidcls predict MODEL SOURCE --save DIR' writes a copy of each of its videos" in result.stderr
    for command in (
        ["annotate", model, 97, "-o", tmp_path / "out.mp4"],
        ["timeline", model, 97],
        ["explain", model, 97],
    ):
        said = " ".join(run(*command, code=2).stderr.split())
        assert "a camera has no end; cameras are for 'vidcls predict' and 'vidcls watch'" in said
