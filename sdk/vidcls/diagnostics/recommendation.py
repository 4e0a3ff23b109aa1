"""Which of several measured models to take: the fastest of those whose accuracy is proven. Pure, over measured rows.

What a file proves of its accuracy is what `vidcls-export --check CLIPS` wrote into it: on how many clips its answer was
PyTorch's, and both accuracies. What is lost is counted from the accuracy of the first model's checkpoint, as trained.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from vidcls.contract import ModelContract, Parity
from vidcls.diagnostics.comparison import Row

CONFIDENCE = 0.95
# Accuracies are ratios of small whole numbers; their differences are off by less.
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a model may lose: at most `max_loss` of accuracy, and the top-1 answer of at most 1 - `min_agreement`."""

    max_loss: float
    min_agreement: float


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What is known of a file's accuracy.

    accuracy: the file's, on its check clips; accuracy_trained: of the first model's checkpoint, as it was trained, on
    as many. loss: the difference. None where they are unknown.
    problem: why the file cannot be recommended, else None.
    """

    accuracy: float | None
    accuracy_trained: float | None
    problem: str | None

    @property
    def loss(self) -> float | None:  # noqa: D102 - see above
        if self.accuracy is None or self.accuracy_trained is None:
            return None
        return self.accuracy_trained - self.accuracy


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """Time beside another's, run by run: the median, and its 95 % interval; None with fewer than six runs."""

    median: float
    interval: tuple[float, float] | None


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """Which rows to take, by their index.

    recommended: None where no file is proven. fastest: by time alone, of those whose self-test holds; None where there
    is none.
    tied: the others that are proven and of which the times do not say that something as accurate is faster.
    """

    recommended: int | None
    fastest: int | None
    tied: tuple[int, ...]


def proofs(rows: Sequence[Row], limits: Limits) -> list[Proof]:
    """What is known of each row's accuracy, and whether its answers hold here."""
    contracts = [row.contract for row in rows if row.contract is not None]
    return [_proof(row, contracts, limits) for row in rows]


def recommend(rows: Sequence[Row], proven: Sequence[Proof]) -> Recommendation:
    """The fastest of those that are proven.

    What counts is the time from the file to the answer. Where that does not tell two apart, the time of inference does,
    since the rest is the same work for all; but no accuracy is given up for that. Of those that are left, the one that
    loses least accuracy is taken, then the one that answers most as PyTorch does, then the one whose inference takes
    the least time.
    """
    holding = [index for index, row in enumerate(rows) if row.self_test is not None and row.self_test.ok]
    if not holding:
        return Recommendation(recommended=None, fastest=None, tied=())
    fastest = min(holding, key=lambda index: _median(rows[index], "total"))
    allowed = [index for index in holding if proven[index].problem is None]
    if not allowed:
        return Recommendation(recommended=None, fastest=fastest, tied=())
    lost = {index: _lost(rows[index], proven[index]) for index in allowed}

    def is_beaten(one: int, other: int) -> bool:
        stages = ("total", "inference") if lost[other] <= lost[one] else ("total",)
        return _is_slower(rows[one], rows[other], stages=stages)

    alike = [one for one in allowed if not any(is_beaten(one, other) for other in allowed)]
    # Three rows may each be slower than the next: by total, by inference, by inference.
    alike = alike or [min(allowed, key=lambda index: _median(rows[index], "total"))]
    best = min(alike, key=lambda index: (lost[index], _disagreement(rows[index]), _median(rows[index], "inference")))
    return Recommendation(recommended=best, fastest=fastest, tied=tuple(index for index in alike if index != best))


def time_ratio(row: Row, base: Row, *, stage: str) -> Ratio:
    """A stage's time beside another row's, by runs that followed each other."""
    pairs = zip(row.times_ms[stage], base.times_ms[stage], strict=True)
    ratios = [ours / theirs for ours, theirs in pairs]
    return Ratio(median=statistics.median(ratios), interval=median_interval(ratios))


def median_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % confidence interval of the median that values were drawn around, by their ranks; None of fewer than six.

    Nothing is assumed of how they are distributed: each lies above the median with a probability of one half.

    >>> from vidcls.diagnostics.recommendation import median_interval
    >>> median_interval([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    (2, 9)
    >>> median_interval([1, 2, 3, 4, 5]) is None
    True
    """
    ordered, count = sorted(values), len(values)
    outside, left_out = 0.0, 0
    while True:
        outside += 2 * math.comb(count, left_out) / 2**count
        if outside > 1 - CONFIDENCE:
            break
        left_out += 1
    return None if left_out == 0 else (ordered[left_out - 1], ordered[count - left_out])


def _is_slower(row: Row, other: Row, *, stages: Sequence[str]) -> bool:
    """Whether the times say so, by the first of these stages that says anything."""
    for stage in stages:
        interval = time_ratio(row, other, stage=stage).interval
        if interval is None:
            return False
        low, high = interval
        if low > 1 or high < 1:
            return low > 1
    return False


def _median(row: Row, stage: str) -> float:
    return statistics.median(row.times_ms[stage])


def _lost(row: Row, proof: Proof) -> float:
    """How much accuracy, or where that is unknown, how many of PyTorch's answers."""
    return _disagreement(row) if proof.loss is None else max(0.0, proof.loss)


def _disagreement(row: Row) -> float:
    """On what share of its check clips a file that is proven gives another answer than PyTorch."""
    assert row.contract is not None and row.contract.parity is not None  # noqa: S101, PT018 - it is proven
    return 1 - row.contract.parity.top1_agreement


def _proof(row: Row, contracts: Sequence[ModelContract], limits: Limits) -> Proof:
    if row.contract is None or row.failure is not None:
        return Proof(accuracy=None, accuracy_trained=None, problem="it could not be measured")
    parity = row.contract.parity
    if parity is None:
        return Proof(
            accuracy=None,
            accuracy_trained=None,
            problem=_failed_here(row) or "nothing proven: exported without --check",
        )
    known = Proof(
        accuracy=parity.accuracy_onnx, accuracy_trained=_accuracy_trained(row.contract, contracts), problem=None
    )
    problem = _failed_here(row) or _why_not(row.contract, parity, known, contracts[0], limits)
    return Proof(accuracy=known.accuracy, accuracy_trained=known.accuracy_trained, problem=problem)


def _failed_here(row: Row) -> str | None:
    test = row.self_test
    return None if test is None or test.ok else f"its self-test fails here: {test.problem}"


def _why_not(contract: ModelContract, parity: Parity, known: Proof, first: ModelContract, limits: Limits) -> str | None:
    """What keeps a file that was checked from being recommended."""
    if parity.top1_agreement < limits.min_agreement - _ROUNDING:
        return (
            f"it gives PyTorch's top-1 answer on {parity.top1_agreement:.3f} of {parity.videos} clips, less than "
            f"{limits.min_agreement:g}"
        )
    if known.loss is None and not (_has_checkpoint_of(first, contract) and _is_as_trained(contract)):
        return (
            "what it loses is not known: it is not the trained model itself, and no file of that, with accuracies on "
            "as many check clips, is compared"
        )
    if known.loss is not None and known.loss > limits.max_loss + _ROUNDING:
        return (
            f"it loses {known.loss:.3f} of the accuracy {known.accuracy_trained:.3f} on the checked clips that are new "
            f"to the model, more than {limits.max_loss:g}"
        )
    return None


def _accuracy_trained(contract: ModelContract, contracts: Sequence[ModelContract]) -> float | None:
    """The accuracy of the first file's checkpoint, as it was trained, on the check clips of this file.

    Another file's check clips count as the same where they are as many and the models know the same clips, since the
    accuracies are of those that a model does not know.
    """
    assert contract.parity is not None  # noqa: S101 - asked of files that were checked
    first = contracts[0]
    for other in (contract, *contracts):
        if not (_has_checkpoint_of(first, other) and _is_as_trained(other)) or other.parity is None:
            continue
        is_alike = other.parity.videos == contract.parity.videos and other.source.clips == contract.source.clips
        if is_alike and other.parity.accuracy_pytorch is not None:
            return other.parity.accuracy_pytorch
    return None


def _has_checkpoint_of(first: ModelContract, other: ModelContract) -> bool:
    return first.source.checkpoint_sha256 == other.source.checkpoint_sha256


def _is_as_trained(contract: ModelContract) -> bool:
    """Whether the file is known to see the tokens that its checkpoint was trained with.

    All tokens are taken only of a checkpoint that was trained with all. An export with fewer than those leaves out what
    was measured and fitted with all of them.
    """
    return contract.tokens.rule == "all" or contract.accuracy is not None or contract.decision.fitted_on is not None
