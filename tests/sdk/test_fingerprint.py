"""Fingerprints: the signs that scipy's cosine transform has, alike for copies, different for other clips, and quick."""

from __future__ import annotations

import shutil
import timeit
from pathlib import Path
from time import process_time
from typing import Any

import cv2
import numpy as np
import pytest

from generated import scene_frames, write_clip, write_scene
from vidcls.contract import ClipFingerprints
from vidcls.fingerprint import MATCHING_BITS, Fingerprinter, FrameSampler, KnownClips, decode, encode, fingerprint_of
from vidcls.video.reader import iter_frames

# Of 128. A coefficient this close to its threshold, relative to the largest, may round to either side.
NEARLY_TIED = 1e-6

# Seconds of a processor that 1,000 clips among 200,000 may take; they take about one.
LOOKUP_SECONDS = 5.0

ENCODINGS: dict[str, dict[str, Any]] = {
    "half the size": {"size": (80, 60)},
    "twice the size": {"size": (320, 240)},
    "other proportions": {"size": (112, 112)},
    "few bits": {"bit_rate": 40_000},
    "another codec": {"codec": "libx264", "bit_rate": 100_000},
    "12 frames a second": {"rate": 12, "frames": 19},
    "50 frames a second": {"rate": 50, "frames": 80},
}


def differing(first: bytes, second: bytes) -> int:
    return bin(int.from_bytes(first, "big") ^ int.from_bytes(second, "big")).count("1")


def fingerprint(frames: list[np.ndarray]) -> bytes:
    fingerprinter = Fingerprinter()
    for frame in frames:
        fingerprinter.add(frame)
    return fingerprinter.finish()


def known(train: list[bytes], val: list[bytes]) -> KnownClips:
    return KnownClips(ClipFingerprints(algorithm="dct-1", train=encode(train), val=encode(val)))


def test_the_bits_are_the_signs_of_scipys_transform() -> None:
    fft = pytest.importorskip("scipy.fft")
    frames = [cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) for frame in scene_frames(place=3, take=1, frames=40)]
    grey = np.stack([cv2.resize(frame, (32, 32), interpolation=cv2.INTER_AREA) for frame in frames]) @ np.array(
        [0.299, 0.587, 0.114]
    )
    # scipy's transform has a factor of 2 in every direction; ours is a mean over time, times 2 of one over the picture.
    volume = fft.dctn(grey, type=2) / 8 * 2 / (40 * 32 * 32)
    places = sorted(np.ndindex(16, 16), key=lambda place: (sum(place), max(place), place))
    picture = np.array([volume[0][place] for place in places[1:129]])
    motion = np.array([volume[time][place] - 0.03 for time in (1, 2, 3) for place in places[:32]])
    brighter = picture > np.median(picture)
    expected = np.concatenate([brighter[:32], brighter[32:] ^ (motion > 0)])
    found = np.unpackbits(np.frombuffer(fingerprint(frames), np.uint8)).astype(bool)
    tied = np.abs(np.concatenate([(picture - np.median(picture))[:32], motion])) < NEARLY_TIED * np.abs(volume).max()
    assert tied.sum() < 3
    np.testing.assert_array_equal(found[~tied], expected[~tied])


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
def test_a_copy_is_known_however_it_is_encoded(encoding: dict[str, Any], tmp_path: Path) -> None:
    original = fingerprint_of(write_scene(tmp_path / "original.mp4", place=100))
    copy = fingerprint_of(write_scene(tmp_path / "copy.mkv", place=100, **encoding))
    assert known([original], []).match(copy) == "train"


def test_a_copy_by_another_name_is_the_same(clip: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(clip, tmp_path / "another name.mp4"))
    assert fingerprint_of(copy) == fingerprint_of(clip)
    assert fingerprint_of(copy) == fingerprint(list(iter_frames(clip, range(50))))


def test_the_decoders_give_one_fingerprint(clip: Path) -> None:
    pytest.importorskip("av")
    assert fingerprint_of(clip, decoder="opencv") == fingerprint_of(clip, decoder="pyav")


def test_another_take_before_the_same_camera_is_new() -> None:
    takes = [fingerprint(scene_frames(place=100, take=take, frames=40)) for take in range(12)]
    pairs = [differing(first, second) for index, first in enumerate(takes) for second in takes[:index]]
    assert min(pairs) > MATCHING_BITS
    assert known(takes[1:], []).match(takes[0]) is None


def test_clips_in_which_nothing_moves_differ_by_their_pictures() -> None:
    stills = [[scene_frames(place=place, take=0, frames=1)[0]] * 30 for place in range(12)]
    prints = [fingerprint(frames) for frames in stills]
    pairs = [differing(first, second) for index, first in enumerate(prints) for second in prints[:index]]
    assert min(pairs) > MATCHING_BITS
    random = np.random.default_rng(0)
    noisy = [np.clip(frame + random.normal(0, 3, frame.shape), 0, 255).astype(np.uint8) for frame in stills[0]]
    assert differing(fingerprint(noisy), prints[0]) <= MATCHING_BITS


def test_a_single_frame_and_a_black_clip_have_fingerprints() -> None:
    black = np.zeros((48, 64, 3), np.uint8)
    assert fingerprint([black]) == fingerprint([black] * 50)
    assert len(fingerprint([scene_frames(place=1, take=0, frames=1)[0]])) == 16


def test_few_frames_of_a_long_clip_are_kept_and_they_are_spread_evenly() -> None:
    sampler = FrameSampler()
    for number in range(1000):
        if sampler.wants_next:
            sampler.add(np.full((32, 32, 3), number // 4, np.uint8))
        else:
            sampler.skip()
    assert [frame[0, 0, 0] for frame in sampler.reduced] == list(range(250))


def test_known_clips_say_which_kind_they_are() -> None:
    random = np.random.default_rng(0)
    prints = [random.bytes(16) for _ in range(6)]
    clips = known(prints[:2], prints[2:4])
    assert [clips.match(one) for one in prints] == ["train", "train", "val", "val", None, None]
    limit = (
        bytes(16),
        ((1 << MATCHING_BITS) - 1).to_bytes(16, "big"),
        ((1 << MATCHING_BITS + 1) - 1).to_bytes(16, "big"),
    )
    assert known([limit[0]], []).match(limit[1]) == "train"
    assert known([limit[0]], []).match(limit[2]) is None
    assert known([], [limit[0]]).match(limit[1]) == "val"
    assert known([limit[2]], [limit[1]]).match(limit[1]) == "val"  # the one that differs least
    assert KnownClips(None).match(prints[0]) is None


def test_text_and_fingerprints_are_each_others_inverse_and_order_says_nothing() -> None:
    random = np.random.default_rng(0)
    prints = [random.bytes(16) for _ in range(50)]
    assert decode(encode(prints)) == sorted(prints)
    assert encode(prints[::-1]) == encode(prints)
    assert (encode([]), decode("")) == ("", [])


def test_a_thousand_clips_are_found_among_two_hundred_thousand_in_seconds() -> None:
    random = np.random.default_rng(0)
    prints = random.bytes(16 * 200_000)
    train = [prints[start : start + 16] for start in range(0, len(prints), 16)]
    clips = known(train, train[:10_000])
    best = min(timeit.repeat(lambda: [clips.match(one) for one in train[:20]], timer=process_time, repeat=5, number=1))
    assert best * 1000 / 20 < LOOKUP_SECONDS


def test_known_footage_of_ucf101(real_data: Path) -> None:
    folder = real_data / "ucf8" / "test" / "Archery"
    clips = sorted(folder.glob("*.avi"))[:4]
    prints = [fingerprint_of(clip) for clip in clips]
    pairs = [differing(first, second) for index, first in enumerate(prints) for second in prints[:index]]
    assert min(pairs) > MATCHING_BITS


def test_a_painted_clip_in_another_container_is_the_same_clip(tmp_path: Path) -> None:
    first = write_clip(tmp_path / "clip.mp4", frames=40)
    second = write_clip(tmp_path / "clip.avi", frames=40, codec="MJPG")
    assert differing(fingerprint_of(first), fingerprint_of(second)) <= MATCHING_BITS


def flipped(one: bytes, *places: int) -> bytes:
    bits = np.unpackbits(np.frombuffer(one, np.uint8))
    bits[list(places)] ^= 1
    return np.packbits(bits).tobytes()


@pytest.mark.parametrize("copies", [1, 2, 6])
@pytest.mark.parametrize("apart", [0, 1, 8])
def test_copies_among_the_known_clips_are_not_the_next_clip(copies: int, apart: int) -> None:
    random = np.random.default_rng(0)
    originals = [random.bytes(16) for _ in range(40)]
    kinds = [range(apart * kind, apart * (kind + 1)) for kind in range(copies)]
    train = originals + [flipped(one, *kind) for one in originals for kind in kinds]
    joined = known(originals, [*originals[:30], *(random.bytes(16) for _ in range(10))])
    # A trimmed copy of a training clip differs in some 14 bits.
    trimmed = flipped(originals[0], *range(100, 114))
    for clips in (known(originals, []), known(train, []), joined):
        assert clips.matching_bits == MATCHING_BITS
        assert clips.match(trimmed) == "train"


def test_a_brighter_copy_of_each_clip_leaves_trimmed_ones_known() -> None:
    scenes = [scene_frames(place=place, take=0, frames=40) for place in range(100, 106)]
    brighter = [[cv2.convertScaleAbs(frame, alpha=0.9, beta=20) for frame in scene] for scene in scenes]
    once = known([fingerprint(scene) for scene in scenes], [])
    twice = known([fingerprint(scene) for scene in [*scenes, *brighter]], [])
    assert twice.matching_bits == once.matching_bits > 0
    trimmed = [fingerprint(scene[1:]) for scene in scenes]
    assert [twice.match(one) for one in trimmed] == [once.match(one) for one in trimmed] == ["train"] * len(scenes)


def test_more_clips_that_are_alike_than_one_has_copies_are_other_clips() -> None:
    random = np.random.default_rng(0)
    # Of each of two cameras 40 clips, each with 4 bits of its own: any two of one camera differ in about 8.
    cameras = [random.bytes(16), random.bytes(16)]
    takes = [flipped(camera, *random.choice(128, 4, replace=False)) for camera in cameras for _ in range(41)]
    clips = known(takes[1:], [])
    assert clips.matching_bits <= 8 // 3
    assert clips.match(takes[0]) is None


def test_a_clip_that_is_known_in_copies_alone_is_known() -> None:
    one = np.random.default_rng(0).bytes(16)
    clips = known([one, flipped(one, 0, 1, 2)], [one])
    assert clips.matching_bits == MATCHING_BITS


def test_how_near_a_copy_has_to_be_is_known_in_seconds() -> None:
    random = np.random.default_rng(0)
    prints = random.bytes(16 * 100_000)
    originals = [prints[start : start + 16] for start in range(0, len(prints), 16)]
    clips = ClipFingerprints(algorithm="dct-1", train=encode([*originals, *originals]), val="")
    took = min(timeit.repeat(lambda: KnownClips(clips), timer=process_time, repeat=2, number=1))
    assert took < LOOKUP_SECONDS


def test_where_the_models_own_clips_are_alike_a_copy_has_to_be_nearer() -> None:
    random = np.random.default_rng(0)
    base = random.integers(0, 256, 16, np.uint8)
    # Each clip has 9 bits of its own, so that any two differ in 18.
    own = []
    for number in range(12):
        bits = np.unpackbits(base)
        bits[9 * number : 9 * number + 9] ^= 1
        own.append(np.packbits(bits).tobytes())
    known = KnownClips(ClipFingerprints(algorithm="dct-1", train=encode(own), val=""))
    assert known.matching_bits == 18 // 3
    bits = np.unpackbits(np.frombuffer(own[0], np.uint8))
    bits[120:126] ^= 1
    assert known.match(np.packbits(bits).tobytes()) == "train"
    bits[126] ^= 1
    assert known.match(np.packbits(bits).tobytes()) is None
