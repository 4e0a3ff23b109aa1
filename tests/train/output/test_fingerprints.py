"""The contract holds the fingerprints of the clips that were trained on and chosen by, and of no others."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vidcls.contract import ClipFingerprints
from vidcls.fingerprint import ALGORITHM, decode, encode
from vidcls_train.data.clip_list import Clip, Footage
from vidcls_train.output import fingerprints
from vidcls_train.output.fingerprints import clip_fingerprints, fitting_a_contract


def data(**splits: int) -> tuple[Any, Any]:
    """Clips of each split, and what the check of the data found of them and of one more."""
    clips = {
        split: [Clip(path=Path(f"{split}-{number}.mp4"), labels=("jump",), group="") for number in range(count)]
        for split, count in splits.items()
    }
    found = {clip.footage: f"{clip.path!s:16}".encode() for own in clips.values() for clip in own}
    found[Footage(Path("unused.mp4"))] = bytes(16)
    return SimpleNamespace(**clips), SimpleNamespace(fingerprints=found)


def test_training_and_validation_clips_are_known(caplog: pytest.LogCaptureFixture) -> None:
    known = clip_fingerprints(*data(train=3, val=2, test=2), base=None)
    assert fitting_a_contract(known) is known
    assert known.algorithm == ALGORITHM
    assert decode(known.train) == [f"train-{number}.mp4".ljust(16).encode() for number in range(3)]
    assert decode(known.val) == [f"val-{number}.mp4".ljust(16).encode() for number in range(2)]
    assert caplog.text == ""


def test_what_the_base_knows_stays_known_and_is_counted_once() -> None:
    shared, others = b"train-0.mp4".ljust(16), [bytes([number]) * 16 for number in (1, 2)]
    base = ClipFingerprints(algorithm=ALGORITHM, train=encode([shared, others[0]]), val=encode([others[1]]))
    known = clip_fingerprints(*data(train=2, val=1), base=base)
    assert decode(known.train) == sorted([shared, b"train-1.mp4".ljust(16), others[0]])
    assert decode(known.val) == sorted([b"val-0.mp4".ljust(16), others[1]])


def test_more_than_a_contract_holds_are_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fingerprints, "MOST_FINGERPRINTS", 4)
    assert fitting_a_contract(clip_fingerprints(*data(train=2, val=2, test=9), base=None)) is not None
    assert fitting_a_contract(clip_fingerprints(*data(train=3, val=2, test=0), base=None)) is None
    assert "does not say which clips it was trained on" in caplog.text
