"""The reference clips, and what is said of a decoder that does something else with them than it should."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

import reference_clips
from vidcls.errors import VideoError
from vidcls.video import decoder_check, opencv, versions
from vidcls.video.decoder_check import CLIPS, check_decoder, check_decoders
from vidcls.video.opencv import OpenCVVideo
from vidcls.video.protocol import Frame
from vidcls.video.reader import default_decoder, iter_frames, open_video, read_times

ROOT = Path(__file__).parents[3]
ON_X86 = platform.machine() in ("x86_64", "AMD64")


def test_what_is_stored_is_what_pyav_gives() -> None:
    stored = json.loads((CLIPS / "reference.json").read_text(encoding="utf-8"))
    assert {path.name for path in CLIPS.iterdir()} == {"reference.json", *stored}
    described = reference_clips.describe_all()
    if not ON_X86:
        for fields in (*stored.values(), *described.values()):
            del fields["sha256"], fields["thumbnails"]
    assert described == stored


def test_the_clips_are_small_and_their_frames_differ() -> None:
    stored = json.loads((CLIPS / "reference.json").read_text(encoding="utf-8"))
    for name, fields in stored.items():
        assert (CLIPS / name).stat().st_size < 8000
        assert len(set(fields["sha256"])) == len(set(fields["thumbnails"])) == reference_clips.FRAMES


def test_the_clips_are_of_the_kinds_that_they_are_called() -> None:
    found = {}
    for name, kind in reference_clips.KINDS.items():
        with av.open(str(CLIPS / name)) as container:
            context = container.streams.video[0].codec_context
            assert context.name == kind.codec
            frames = list(container.decode(video=0))
            found[name] = (context, frames[0], any(frame.pict_type == av.video.frame.PictureType.B for frame in frames))
    assert all(found[name][2] for name in ("h264.mp4", "bt709.mp4", "full_range.mp4", "rotated.mp4", "b_frames.avi"))
    assert found["bt709.mp4"][1].colorspace == found["full_range.mp4"][1].colorspace == reference_clips.BT709
    assert found["full_range.mp4"][1].color_range == reference_clips.FULL_RANGE
    assert found["bt709.mp4"][1].color_range != reference_clips.FULL_RANGE
    assert found["ten_bit.mp4"][1].format.name == "yuv420p10le"
    assert abs(found["rotated.mp4"][1].rotation) == 90
    assert (found["odd_sides.webm"][0].width % 2, found["odd_sides.webm"][0].height % 2) == (1, 1)


def test_the_decoders_here_give_the_stored_frames() -> None:
    checks = check_decoders()
    assert {found.decoder: found.version for found in checks} == {"opencv": cv2.__version__, "pyav": av.__version__}
    assert checks[0].decoder == default_decoder()
    for found in checks:
        assert (found.ok, found.problem, found.not_decoded) == (True, None, ())
        assert found.decoded == ("h264", "hevc", "mjpeg", "mpeg4", "vp9")
        assert found.exact or not ON_X86


# Elsewhere FFmpeg rounds colours otherwise, which counts as a fault where this machine is said to be an x86-64.
on_x86 = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="frames are exact on x86-64 alone")


def test_the_default_decoder_is_what_auto_takes() -> None:
    with open_video(CLIPS / "h264.mp4", decoder="auto") as video:
        assert isinstance(video.video, OpenCVVideo) == (default_decoder() == "opencv")


@on_x86
def test_one_flipped_hash_is_another_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flip_hash(tmp_path / "clips", "ten_bit.mp4", monkeypatch)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    for decoder in ("opencv", "pyav"):
        found = check_decoder(decoder)  # type: ignore[arg-type]
        assert (found.ok, found.exact) == (False, False)
        assert found.problem is not None
        assert found.problem.startswith(f"{found.name} {found.version} decodes videos otherwise than")
        assert "(10-bit HEVC in single pixels); run 'pip install --force-reinstall " in found.problem


@pytest.mark.parametrize("machine", ["x86_64", "AMD64", "aarch64", "arm64"])
@pytest.mark.parametrize("levels", [1, 12])
def test_other_processors_may_round_otherwise_by_a_few_levels(
    machine: str, levels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def darker(frame: Frame) -> Frame:
        return np.where(frame >= levels, frame - np.uint8(levels), frame)

    monkeypatch.setattr(platform, "machine", lambda: machine)
    with_frames(monkeypatch, darker)
    found = check_decoder("opencv")
    assert not found.exact
    assert found.ok == (machine in ("aarch64", "arm64") and levels == 1)
    assert found.ok or f"VP9 with odd sides by {levels} grey level" in str(found.problem)


# What OpenCV 4.12 does: the matrix of BT.601 whatever the file says. On any processor that is no rounding.
@pytest.mark.parametrize("machine", [pytest.param("x86_64", marks=on_x86), "aarch64"])
def test_colours_by_another_matrix_are_named(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def by_bt601(source: Path, indices: range, *, decoder: str) -> Iterator[Frame]:
        if "709" not in source.name:
            yield from iter_frames(source, indices, decoder=decoder)  # type: ignore[arg-type]
            return
        with av.open(str(source)) as container:
            for frame in container.decode(video=0):
                yield np.asarray(
                    frame.reformat(format="bgr24", src_colorspace="ITU601").to_ndarray()[..., ::-1], np.uint8
                )

    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(decoder_check, "iter_frames", by_bt601)
    problem = check_decoder("opencv").problem
    assert problem is not None
    what, _, mend = problem.partition("; ")
    assert what.startswith(
        f"OpenCV {opencv.VERSION} decodes videos otherwise than models are proven with (BT.709 H.264"
    )
    assert mend.startswith("run 'pip install --force-reinstall opencv-")


def test_a_decoder_that_does_not_turn_pictures_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def lying(source: Path, indices: range, *, decoder: str) -> Iterator[Frame]:
        for frame in iter_frames(source, indices, decoder=decoder):  # type: ignore[arg-type]
            yield np.ascontiguousarray(np.rot90(frame)) if source.name == "rotated.mp4" else frame

    monkeypatch.setattr(decoder_check, "iter_frames", lying)
    assert "(rotated H.264 in another size than 64 x 48)" in str(check_decoder("pyav").problem)


def test_frames_that_come_out_in_another_order_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def shuffled(source: Path, indices: range, *, decoder: str) -> Iterator[Frame]:
        frames = list(iter_frames(source, indices, decoder=decoder))  # type: ignore[arg-type]
        yield from (frames[0], frames[2], frames[1], *frames[3:]) if source.suffix == ".avi" else frames

    monkeypatch.setattr(decoder_check, "iter_frames", shuffled)
    assert "(MPEG-4 with B-frames in AVI by " in str(check_decoder("opencv").problem)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda times: times[:-1], "H.264 with 5 frames instead of 6"),
        (lambda times: [0.0, *(time + 0.001 for time in times[1:])], "H.264 at times that are up to 0.001 s away"),
    ],
)
def test_other_times_are_named(
    change: Callable[[list[float]], list[float]], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_check, "read_times", lambda *args, **options: change(read_times(*args, **options)))
    assert f"({what}, " in str(check_decoder("opencv").problem)


def test_a_clip_that_ends_early_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def ending(source: Path, indices: range, *, decoder: str) -> Iterator[Frame]:
        yield from iter_frames(source, indices[:-1], decoder=decoder)  # type: ignore[arg-type]
        raise VideoError(str(source), "frame 5 cannot be decoded")

    monkeypatch.setattr(decoder_check, "iter_frames", ending)
    assert "(H.264 but not to its end, " in str(check_decoder("opencv").problem)


def test_a_codec_that_is_missing_is_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "ten_bit.mp4", "odd_sides.webm", "bt709.mp4")
    found = check_decoder("opencv")
    assert (found.ok, found.problem) == (True, None)
    assert found.not_decoded == ("hevc", "vp9")  # of H.264 there are other clips
    assert found.decoded == ("h264", "mjpeg", "mpeg4")


def test_a_decoder_that_decodes_nothing_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, *reference_clips.KINDS)
    found = check_decoder("opencv")
    assert (found.ok, found.exact, found.decoded) == (False, False, ())
    assert str(found.problem).startswith("OpenCV can decode no video; run 'pip install --force-reinstall opencv-")
    monkeypatch.setenv("OPENCV_VIDEOIO_PRIORITY_FFMPEG", "0")
    assert check_decoder("opencv").problem == "OpenCV can decode no video; unset OPENCV_VIDEOIO_PRIORITY_FFMPEG"


def test_a_version_that_is_too_old_is_the_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opencv, "VERSION", "4.12.0")
    found = check_decoder("opencv")
    assert (found.ok, found.exact, found.version, found.decoded) == (False, False, "4.12.0", ())
    assert str(found.problem).startswith("OpenCV 4.12.0 decodes other pixels than 4.13 and later (")


def test_the_versions_are_those_of_the_project() -> None:
    tomllib = pytest.importorskip("tomllib")  # Python 3.10 has none
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
    ]
    assert f"opencv-python>={versions.OLDEST['opencv']}" in wanted
    assert {line for line in wanted if line.startswith("av>")} == {f"av{versions.required('pyav')}"}
    tested = (ROOT / ".ci/constraints.txt").read_text(encoding="utf-8").splitlines()
    for package, decoder in (("opencv-python", "opencv"), ("opencv-python-headless", "opencv"), ("av", "pyav")):
        assert f"{package}=={versions.TESTED[decoder]}" in tested  # type: ignore[index]


def flip_hash(folder: Path, clip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the check read a copy of the clips, of which one frame's hash is another."""
    shutil.copytree(CLIPS, folder)
    stored: dict[str, Any] = json.loads((folder / "reference.json").read_text(encoding="utf-8"))
    stored[clip]["sha256"][3] = "0" * 64
    (folder / "reference.json").write_text(json.dumps(stored), encoding="utf-8")
    monkeypatch.setattr(decoder_check, "CLIPS", folder)


def with_frames(monkeypatch: pytest.MonkeyPatch, change: Callable[[Frame], Frame]) -> None:
    """Let every frame be changed on its way."""

    def changed(source: Path, indices: range, *, decoder: str) -> Iterator[Frame]:
        yield from map(change, iter_frames(source, indices, decoder=decoder))  # type: ignore[arg-type]

    monkeypatch.setattr(decoder_check, "iter_frames", changed)


def without(monkeypatch: pytest.MonkeyPatch, *clips: str) -> None:
    """Let some clips be undecodable."""

    def read(source: Path, *, decoder: str) -> list[float]:
        if source.name in clips:
            raise VideoError(str(source), "its codec cannot be decoded")
        return read_times(source, decoder=decoder)  # type: ignore[arg-type]

    monkeypatch.setattr(decoder_check, "read_times", read)
