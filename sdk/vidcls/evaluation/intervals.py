"""How far a figure measured on some clips may be from that of all clips: 95 % confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95
RESAMPLES = 2000

# Resamples are drawn so many clips at a time: 32 MB.
_DRAWN_AT_ONCE = 1 << 22

Interval = tuple[float, float]


def wilson_interval(right: int, videos: int) -> Interval:
    """The 95 % confidence interval of a share of independent videos; also of a few, and of 0 or all of them.

    Wilson's score interval, in the form of Brown, Cai and DasGupta, "Interval Estimation for a Binomial
    Proportion", Statistical Science 16 (2001), eq. 4. Videos of one source are not independent: it is then too narrow.

    >>> from vidcls.evaluation.intervals import wilson_interval
    >>> low, high = wilson_interval(36, 62)
    >>> print(f"{low:.2f} to {high:.2f}")
    0.46 to 0.70
    """
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    share = right / videos
    middle = (share + z * z / (2 * videos)) / (1 + z * z / videos)
    half = z / (1 + z * z / videos) * math.sqrt(share * (1 - share) / videos + z * z / (4 * videos * videos))
    return max(0.0, middle - half), min(1.0, middle + half)


def poisson_interval(events: int) -> Interval:
    """The 95 % confidence interval of how many events come in the mean, where that many came; also where none did.

    Garwood's exact one, "Fiducial Limits for the Poisson Distribution", Biometrika 28 (1936): at the lower end as many
    or more have a probability of 0.025, and at the upper end as many or fewer. Events that come in clusters are not
    independent: it is then too narrow.

    >>> from vidcls.evaluation.intervals import poisson_interval
    >>> low, high = poisson_interval(0)
    >>> print(f"{low:.2f} to {high:.2f}")
    0.00 to 3.69
    """
    tail = (1 - CONFIDENCE) / 2
    low = _poisson_mean(events - 1, probability=1 - tail) if events else 0.0
    return low, _poisson_mean(events, probability=tail)


def _poisson_mean(events: int, *, probability: float) -> float:
    """The mean with which so many events or fewer have that probability, by bisection."""
    counts = np.arange(events + 1)
    log_factorials = np.array([math.lgamma(count + 1) for count in range(events + 1)])
    low, high = 0.0, events + 10 * math.sqrt(events + 1)
    for _ in range(64):
        mean = (low + high) / 2
        up_to = np.exp(counts * math.log(mean) - mean - log_factorials).sum()
        low, high = (mean, high) if up_to > probability else (low, mean)
    return (low + high) / 2


def rate_interval(events: int, hours: float, resampled: Interval | None) -> Interval | None:
    """The 95 % interval of events an hour: the wider of Poisson's and the resampled one; None of no time.

    Poisson's holds where the events are few or none, which drawing again cannot tell from never; the resampled one
    holds where they come in clusters.

    >>> from vidcls.evaluation.intervals import rate_interval
    >>> low, high = rate_interval(2, 10.0, (0.0, 0.4))
    >>> print(f"{low:.2f} to {high:.2f}")
    0.00 to 0.72
    """
    if not hours:
        return None
    low, high = (end / hours for end in poisson_interval(events))
    return (low, high) if resampled is None else (min(low, resampled[0]), max(high, resampled[1]))


def share_text(share: float, videos: int, *, digits: int = 3) -> str:
    """A share of so many videos with its interval, for people.

    >>> from vidcls.evaluation.intervals import share_text
    >>> share_text(1.0, 3)
    '1.000 (0.44 to 1.00)'
    """
    return figure_text(share, wilson_interval(round(share * videos), videos), digits=digits)


def figure_text(figure: float, interval: Sequence[float] | None, *, digits: int = 3) -> str:
    """A figure with its interval, for people; without one that is not known or a point, see `unless_point`.

    >>> from vidcls.evaluation.intervals import figure_text
    >>> figure_text(0.8, [0.4, 0.9]), figure_text(1.0, [1.0, 1.0]), figure_text(1.0, None)
    ('0.800 (0.40 to 0.90)', '1.000', '1.000')
    """
    within = unless_point(interval)
    return f"{figure:.{digits}f}" + ("" if within is None else f" ({within[0]:.2f} to {within[1]:.2f})")


def change_text(change: Sequence[float]) -> str:
    """A difference and the ends of its interval, as `paired_bootstrap` gives them, for people.

    Without the interval where it is a point, as of one footage, see `unless_point`.

    >>> from vidcls.evaluation.intervals import change_text
    >>> change_text([0.02, -0.01, 0.05]), change_text([0.02, 0.02, 0.02])
    ('+0.020 (-0.010 to +0.050)', '+0.020')
    """
    mean, low, high = change
    return f"{mean:+.3f} ({low:+.3f} to {high:+.3f})" if unless_point((low, high)) else f"{mean:+.3f}"


def paired_bootstrap(
    first: npt.NDArray[np.floating],
    second: npt.NDArray[np.floating],
    *,
    groups: Sequence[object] | None = None,
    seed: int = 0,
) -> tuple[float, float, float]:
    """The mean of first - second over the same clips, and the ends of its 95 % interval.

    Clips are drawn again with replacement, 2000 times, and the interval is the middle 95 % of the means. Of one clip,
    or of clips of one group, both ends are the mean: that is no interval, as nothing says how far others are from it.

    Args:
        first, second: one figure of each clip, [clips], at least one; of the two that are compared.
        groups: which clips belong together, one name a clip. Whole groups are then drawn, since clips of one footage
            say much the same; without them the interval would be too narrow.

    >>> import numpy as np
    >>> from vidcls.evaluation.intervals import paired_bootstrap
    >>> paired_bootstrap(np.array([3.0, 4.0]), np.array([1.0, 2.0]))
    (2.0, 2.0, 2.0)
    """
    differences = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    _, members = np.unique(np.asarray(range(len(differences)) if groups is None else groups), return_inverse=True)
    totals = np.bincount(members, weights=differences)
    sizes = np.bincount(members).astype(np.float64)
    mean = float(differences.mean())
    interval = bootstrap_interval(
        len(sizes), lambda counts: np.asarray((counts @ totals) / (counts @ sizes)), seed=seed
    )
    return (mean, *(interval or (mean, mean)))


def bootstrap_interval(
    clips: int, measure: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]], *, seed: int = 0
) -> Interval | None:
    """The 95 % interval of any figure of so many clips; None where it is not known, see `resampled_interval`.

    Args:
        measure: how often each clip was drawn, float64 [resamples, clips] -> the figure of each resample; NaN where a
            resample has none.
    """
    rng = np.random.default_rng(seed)
    return resampled_interval(np.concatenate([measure(draw(clips, rows, rng)) for rows in blocks(clips)]))


def blocks(clips: int) -> Iterator[int]:
    """How many resamples of so many clips to draw at once, until there are 2000."""
    step = max(1, _DRAWN_AT_ONCE // clips)
    for start in range(0, RESAMPLES, step):
        yield min(step, RESAMPLES - start)


def draw(clips: int, resamples: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """How often each clip is drawn when as many are drawn with replacement, float64 [resamples, clips]."""
    drawn = rng.integers(clips, size=(resamples, clips)) + clips * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * clips).reshape(resamples, clips).astype(np.float64)


def percentile_interval(figures: npt.NDArray[np.float64]) -> Interval:
    """The ends of the middle 95 % of resampled figures; those that are NaN are left out."""
    low, high = np.nanquantile(figures, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def resampled_interval(figures: npt.NDArray[np.float64]) -> Interval | None:
    """The 95 % interval of a figure by its resamples; None where none of them has one, and where it is a point."""
    return unless_point(percentile_interval(figures)) if np.isfinite(figures).any() else None


def unless_point(interval: Sequence[float] | None) -> Interval | None:
    """An interval, and None for one whose ends are the same.

    Such a one is of clips that give the same however often they are drawn again, as where all are right: that says
    nothing of how far others are from it.

    >>> from vidcls.evaluation.intervals import unless_point
    >>> unless_point([0.4, 0.9]), unless_point([1.0, 1.0])
    ((0.4, 0.9), None)
    """
    if interval is None or math.isclose(*interval, abs_tol=1e-12):
        return None
    low, high = interval
    return low, high
