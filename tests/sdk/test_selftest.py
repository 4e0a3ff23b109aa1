from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from vidcls.files.kinds import file_sha256
from vidcls.selftest import pattern_1


def test_the_pattern_is_the_designs_formula() -> None:
    clip = pattern_1(frames=3, height=40, width=50)
    assert clip.dtype == np.uint8
    assert clip.shape == (3, 40, 50, 3)
    for t in range(3):
        for y in range(40):
            for x in range(50):
                for c in range(3):
                    assert clip[t, y, x, c] == (37 * t + 5 * y + 3 * x + 71 * c + ((x * y) >> 4)) % 256


def test_large_patterns_do_not_overflow() -> None:
    corner = pattern_1(frames=1, height=400, width=800)[0, -1, -1]  # 399 * 799 takes more than 16 bits
    assert corner.tolist() == [(5 * 399 + 3 * 799 + 71 * c + ((399 * 799) >> 4)) % 256 for c in range(3)]


@pytest.mark.parametrize("place", [0, 100, 5000])
def test_the_hash_reads_its_own_record_as_zeros(place: int, tmp_path: Path) -> None:
    around = np.random.default_rng(0).bytes(5000)
    recorded = hashlib.sha256(around[:place] + b"0" * 64 + around[place:]).hexdigest()
    path = tmp_path / "file"
    path.write_bytes(around[:place] + recorded.encode() + around[place:])
    assert file_sha256(path, recorded=recorded) == recorded
    path.write_bytes(around[:place] + recorded.encode() + around[place:] + b"!")
    assert file_sha256(path, recorded=recorded) != recorded
