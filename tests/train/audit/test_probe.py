from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from audited import check
from generated import painted_frame, write_scene
from parity import reference
from vidcls.video.reader import iter_frames, read_times
from vidcls_train.audit.fingerprint import FrameSampler, fingerprint
from vidcls_train.audit.probe import probe
from vidcls_train.audit.report import write_data_report
from vidcls_train.data.frame_cache import FrameCache
from videos import KINDS


def box(kind: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def put_cover_first(path: Path) -> None:
    """Give an .mp4 whose index comes last a cover picture, as the first of its streams."""
    picture = io.BytesIO()
    Image.fromarray(painted_frame(0, width=64, height=64)).save(picture, "jpeg")
    cover = box(b"covr", box(b"data", (13).to_bytes(4, "big") + bytes(4) + picture.getvalue()))
    handler = box(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))
    tags = box(b"udta", box(b"meta", bytes(4) + handler + box(b"ilst", cover)))
    content = path.read_bytes()
    start, track = content.index(b"moov") - 4, content.index(b"trak") - 4
    assert content.index(b"mdat") < start
    size = int.from_bytes(content[start : start + 4], "big") + len(tags)
    path.write_bytes(content[:start] + size.to_bytes(4, "big") + content[start + 4 : track] + tags + content[track:])


@pytest.mark.parametrize("kind", ["1000 fps in whole milliseconds", "14.985 fps in avi", "two frames", "sound in mkv"])
def test_the_fingerprint_is_of_some_ten_frames_a_second(kind: str, tmp_path: Path) -> None:
    path = KINDS[kind](tmp_path).path
    sampler = FrameSampler()
    times = read_times(path)
    with av.open(str(path)) as container:
        rate = min(float(reference.film(container).average_rate), 120.0)
    for number, frame in enumerate(iter_frames(path, range(len(times)))):
        if number / rate >= len(sampler.reduced) * 0.1 - 0.001:
            sampler.add(frame)
    expected = fingerprint(np.stack(sampler.reduced))
    cache = FrameCache(tmp_path / "cache", short_side=32, limit_bytes=10**9)
    for info in (probe(path), probe(path, cache=cache), probe(path, cache=cache)):
        assert info.frames == len(times)
        assert (info.height, info.width) == sampler.size
        assert np.array_equal(info.fingerprint.hashes, expected.hashes)
        assert np.array_equal(info.fingerprint.thumbnails, expected.thumbnails)
        assert np.array_equal(info.fingerprint.mean_thumbnail, expected.mean_thumbnail)
        assert info.cached is None or info.cached.pts_seconds == times


def test_encodings_are_those_of_the_film(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "film.mp4", place=1, frames=30)
    plain = probe(path)
    put_cover_first(path)
    covered = probe(path)
    assert (covered.codec, covered.pixels, covered.audio) == ("mpeg4", "yuv420p", False)
    assert (covered.frames, covered.seconds, covered.width) == (plain.frames, plain.seconds, plain.width)
    assert probe(KINDS["sound in mkv"](tmp_path).path).audio


def test_data_whose_files_have_covers_is_reported(data: Path, tmp_path: Path) -> None:
    plain = check(data, tmp_path)
    for path in data.rglob("*.mp4"):
        put_cover_first(path)
    covered = check(data, tmp_path)
    write_data_report(covered.report, tmp_path)
    assert [row.frames for row in covered.report.clips] == [row.frames for row in plain.report.clips]
    assert covered.report.truncated == []


def test_an_edit_list_cuts_nothing_off_that_is_missed(tmp_path: Path) -> None:
    info = probe(KINDS["edit list that cuts off both"](tmp_path).path)
    assert (info.frames, info.decoded_share) == (34, 1.0)
