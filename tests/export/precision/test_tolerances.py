"""How far a precision may move logits."""

from __future__ import annotations

import pytest

from vidcls_export.precision.tolerances import largest_difference, self_test_tolerance


@pytest.mark.parametrize(("largest", "allowed"), [(0.1, 1e-3), (4.0, 1e-3), (-12.0, 3e-3)])
def test_tolerance_grows_with_large_logits(largest: float, allowed: float) -> None:
    logits = [0.05, largest]
    assert self_test_tolerance(logits, precision="fp32", difference=0.0) == pytest.approx(allowed)
    assert self_test_tolerance(logits, precision="fp16", difference=0.0) == pytest.approx(20 * allowed)
    assert largest_difference(logits, precision="int8") == pytest.approx(500 * allowed)


def test_tolerance_of_int8_is_twice_what_it_was_off_when_made() -> None:
    assert self_test_tolerance([1.0, 2.0], precision="int8", difference=0.07) == pytest.approx(0.14)
    assert self_test_tolerance([1.0, 2.0], precision="int8", difference=0.001) == pytest.approx(2e-2)  # fp16's
