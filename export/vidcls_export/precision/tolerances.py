"""How far a precision may move logits from PyTorch's."""

from __future__ import annotations

from collections.abc import Sequence

from vidcls_export.options import Precision

# How far an export's logits for the self-test's clip may be from PyTorch's where they reach up to `_USUAL_LOGIT`, and
# in proportion where they reach further, because rounding errors grow with the numbers. fp32 differs only in the order
# of its sums, fp16 keeps 11 bits and rounds at every operator; tests/benchmarks/engines.py prints how far each is off
# on random weights.
_TOLERANCES: dict[Precision, float] = {"fp32": 1e-3, "fp16": 2e-2}
_USUAL_LOGIT = 4.0

# int8 keeps 7 or 8 bits, so that it is off by a share of how far logits reach, however small they are. On the
# self-test's clip a VideoMAE drawn at random, as the tests', is off by up to 0.02, a ViViT by 0.05; trained models by
# 0.003 to 0.05, the demo's most. With the weights in another order, 0.3 and more but for logits of nearly nothing.
# Three times the worst sound one: to refuse a good file costs more than to leave a bad one to --check, which says what
# int8 does to yours.
_INT8_SHARE = 0.15

# int8 computes in integers, which every processor does alike, so most of its distance from PyTorch is known when it is
# exported: twice that leaves room for values that a last bit puts on the other side of a rounding step, and the least
# room is fp16's.
_INT8_MARGIN = 2.0


def largest_difference(logits: Sequence[float], *, precision: Precision, reach: float) -> float:
    """How far from PyTorch's `logits` an export in `precision` may be at all.

    Args:
        logits: of one clip.
        precision: what the file computes in.
        reach: the largest |logit| of several clips.
    """
    if precision == "int8":
        return max(_INT8_SHARE * reach, _TOLERANCES["fp32"])
    return _of_rounding(logits, precision=precision)


def self_test_tolerance(logits: Sequence[float], *, precision: Precision, difference: float) -> float:
    """The self-test's tolerance: how far from PyTorch's `logits` the file's may be on any machine.

    Args:
        logits: PyTorch's for the self-test's clip.
        precision: what the file computes in.
        difference: the largest |logit difference| of the export from them, on this machine.
    """
    if precision == "int8":
        return max(_INT8_MARGIN * difference, _of_rounding(logits, precision="fp16"))
    return _of_rounding(logits, precision=precision)


def _of_rounding(logits: Sequence[float], *, precision: Precision) -> float:
    """What rounding, and sums in another order, explain."""
    largest = max(abs(logit) for logit in logits)
    return _TOLERANCES[precision] * max(1.0, largest / _USUAL_LOGIT)
