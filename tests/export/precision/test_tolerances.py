"""How far a precision may move logits."""

from __future__ import annotations

import pytest

from vidcls_export.precision.tolerances import largest_difference, self_test_tolerance


@pytest.mark.parametrize(("largest", "allowed"), [(0.1, 1e-3), (4.0, 1e-3), (-12.0, 3e-3)])
def test_tolerance_grows_with_large_logits(largest: float, allowed: float) -> None:
    logits = [0.05, largest]
    assert self_test_tolerance(logits, precision="fp32", difference=0.0) == pytest.approx(allowed)
    assert self_test_tolerance(logits, precision="fp16", difference=0.0) == pytest.approx(20 * allowed)
    assert largest_difference(logits, precision="fp32", reach=99.0) == pytest.approx(allowed)


def test_int8_may_be_off_by_a_share_of_how_far_logits_reach() -> None:
    # Those of one clip may be near 0 by chance, and are off by as much as any other's.
    reached = [largest_difference([0.01], precision="int8", reach=reach) for reach in (0.1, 1.0, 10.0)]
    assert reached == pytest.approx([reached[0], 10 * reached[0], 100 * reached[0]])
    assert 0.05 < reached[1] < 0.3  # between sound files and ruined ones


def test_tolerance_of_int8_is_twice_what_it_was_off_when_made() -> None:
    assert self_test_tolerance([1.0, 2.0], precision="int8", difference=0.07) == pytest.approx(0.14)
    assert self_test_tolerance([1.0, 2.0], precision="int8", difference=0.001) == pytest.approx(2e-2)  # fp16's
