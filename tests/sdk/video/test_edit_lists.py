"""Cuts without re-encoding: an edit list hides the lead-in from the key frame on, and nothing counts as missing."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from generated import CHECKPOINT_SECTIONS, contract_fields
from vidcls.clips import read_clips
from vidcls.contract import Contract, from_json
from vidcls.video.reader import Decoder, read_times
from vidcls.video.structure import edited_seconds
from videos import H264, write_video

RATE = 25
FRAMES = 275


def contract() -> Contract:
    fields = contract_fields(frames=6, clip_seconds=0.31, size=64, resize="stretch")
    checkpoint = {name: fields[name] for name in CHECKPOINT_SECTIONS}
    return from_json(Contract, json.dumps(checkpoint), where="test")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "whole.mp4"
    write_video(path, encoding=replace(H264, gop=250, b_frames=3), frames=FRAMES)
    return path


def cut(whole: Path, path: Path, *, start: Fraction, seconds: Fraction) -> Path:
    """As `ffmpeg -ss start -t seconds -c copy`: packets before `start` get negative times, so players hide them."""
    with av.open(str(whole)) as source, av.open(str(path), "w") as target:
        stream: Any = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        shift = int(start / stream.time_base)
        for packet in source.demux(stream):
            if packet.dts is not None and packet.dts * stream.time_base < start + seconds:
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = copy
                target.mux(packet)
    return path


@pytest.mark.parametrize("extension", ["mp4", "mov"])
@pytest.mark.parametrize("start", [Fraction(6), Fraction(53, 10), Fraction(99, 10)])
@pytest.mark.parametrize("seconds", [Fraction(1, 100), Fraction(15, 100), Fraction(1)])
def test_a_cut_is_whole_to_both_decoders(
    whole: Path, extension: str, start: Fraction, seconds: Fraction, tmp_path: Path
) -> None:
    path = cut(whole, tmp_path / f"cut.{extension}", start=start, seconds=seconds)
    seen = {decoder: read_clips(path, contract(), views=3, decoder=decoder) for decoder in ("opencv", "pyav")}
    assert {decoder: clips.decoded_share for decoder, clips in seen.items()} == {"opencv": 1.0, "pyav": 1.0}
    np.testing.assert_array_equal(seen["opencv"].frames, seen["pyav"].frames)
    np.testing.assert_allclose(seen["opencv"].timestamps, seen["pyav"].timestamps, atol=1e-6, rtol=0)
    times = read_times(path, decoder="opencv")
    np.testing.assert_allclose(times, read_times(path, decoder="pyav"), atol=1e-6, rtol=0)
    with path.open("rb") as file:
        left = edited_seconds(file)
    assert left is not None
    assert abs(left - (times[-1] + 1 / RATE)) < 1 / RATE + 1e-3


def test_what_is_damaged_behind_an_edit_list_is_still_missing(whole: Path, tmp_path: Path) -> None:
    path = cut(whole, tmp_path / "cut.mp4", start=Fraction(4), seconds=Fraction(4))
    with av.open(str(path)) as container:
        places = sorted(packet.pos for packet in container.demux(video=0) if packet.pos is not None and packet.size)
    content = path.read_bytes()
    begin, end = places[-50], content.index(b"moov") - 4
    path.write_bytes(content[:begin] + bytes(end - begin) + content[end:])
    # OpenCV does not list all packets behind damage, so it misses less than there is.
    expected: list[tuple[Decoder, float]] = [("opencv", 0.95), ("pyav", 0.55)]
    for decoder, most in expected:
        share = read_clips(path, contract(), decoder=decoder).decoded_share
        assert share is not None
        assert 0.45 < share < most


def test_a_real_cut(real_data: Path) -> None:
    path = real_data / "cases" / "kinetics_cut_tiny.mp4"
    assert read_clips(path, contract(), views=3, decoder="opencv").decoded_share == 1.0


def box(kind: bytes, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def movie(edits: list[tuple[int, int]], *, version: int = 0, clock: int = 1000, handler: bytes = b"vide") -> io.BytesIO:
    """As little of an .mp4 as an edit list needs: (duration, time at which the medium begins) of each entry."""
    size = 8 if version else 4
    entries = b"".join(
        length.to_bytes(size, "big") + begin.to_bytes(size, "big", signed=True) + bytes([0, 1, 0, 0])
        for length, begin in edits
    )
    head = bytes([version, 0, 0, 0])
    edit_list = box(b"edts", box(b"elst", head, len(edits).to_bytes(4, "big"), entries))
    media = box(b"mdia", box(b"hdlr", bytes(8), handler, bytes(12)))
    header = box(b"mvhd", head, bytes(2 * size), clock.to_bytes(4, "big"), bytes(84))
    sound = box(b"trak", box(b"edts", box(b"elst", bytes(4), (1).to_bytes(4, "big"), bytes(12))))
    return io.BytesIO(box(b"ftyp", b"isom") + box(b"moov", header, sound, box(b"trak", edit_list, media)))


@pytest.mark.parametrize("version", [0, 1])
def test_edits_that_show_something_are_added_up(version: int) -> None:
    assert edited_seconds(movie([(500, -1), (1500, 0), (250, 9000)], version=version)) == 1.75
    assert edited_seconds(movie([(90_000, 1024)], version=version, clock=90_000)) == 1.0


@pytest.mark.parametrize(
    "file",
    [
        movie([]),
        movie([(500, -1)]),
        movie([(0, 1024)]),  # all there is, as in files of fragments
        movie([(500, 0), (0, 1024)]),
        movie([(500, 0)], clock=0),
        movie([(500, 0)], handler=b"soun"),
        io.BytesIO(b""),
        io.BytesIO(b"RIFF\0\0\0\0AVI "),
        io.BytesIO(box(b"ftyp", b"isom") + box(b"moov")),
    ],
)
def test_where_nothing_is_said_there_is_no_length(file: io.BytesIO) -> None:
    assert edited_seconds(file) is None


def test_damaged_edit_lists_neither_raise_nor_hang() -> None:
    content = movie([(500, -1), (1500, 0)], version=1).getvalue()
    for place in range(len(content)):
        edited_seconds(io.BytesIO(content[:place]))
        for value in (0, 1, 127, 255):
            edited_seconds(io.BytesIO(content[:place] + bytes([value]) + content[place + 1 :]))
