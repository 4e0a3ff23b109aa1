"""How far a map can be believed: the answer without the map's highest part, beside maps that know nothing.

The deletion score is that of RISE (arXiv 1806.07421, section 4.1): the area under the answer's probability while more
and more of the clip is taken away, highest first. Lower is better. A map is checked as it was found, by blocks, before
these are shared between pixels. What it is compared with is what any map of its kind gets: maps made of the same masks,
with the scores handed to other masks at random, so that they are as smooth and all they lack is the model's answers (a
permutation test: Phipson, Smyth, "Permutation P-values Should Never Be Zero", 2010).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# What is taken away, as shares of the clip; 0 and 1 are known without these runs.
SHARES = (0.05, 0.1, 0.2, 0.4, 0.7)
# With 19, a map that knows nothing is below all of them once in 20 times.
CONTROLS = 19
# What is said in words is said of this share.
TENTH = 0.1


@dataclass(frozen=True, kw_only=True, eq=False)
class Belief:
    """What taking away the highest parts of a map does to the answer, beside those of random maps.

    Attributes:
        shares: how much of the clip is taken away, from 0 to 1.
        highest: float64 [shares], the probability that is left where the map's highest parts are taken away.
        random: float64 [maps, shares], the same for maps that know nothing.
    """

    shares: tuple[float, ...]
    highest: npt.NDArray[np.float64]
    random: npt.NDArray[np.float64]

    @property
    def deletion_score(self) -> float:
        """Area under the probability along the share that is taken away; lower is better."""
        return float(area(self.shares, self.highest))

    @property
    def random_deletion_scores(self) -> npt.NDArray[np.float64]:
        """The same of each random map, float64 [maps]."""
        return area(self.shares, self.random)

    @property
    def believable(self) -> bool:
        """Whether taking away what it marks lowers the answer, and more so than all random maps do.

        Of maps that know nothing one in 20 passes.
        """
        return self.falls and bool(self.deletion_score < self.random_deletion_scores.min())

    @property
    def falls(self) -> bool:
        """Whether the probability is lower, in the mean, than with nothing taken away."""
        return bool(self.deletion_score < self.highest[0])

    @property
    def without_tenth(self) -> tuple[float, float]:
        """The probability that is left without the map's highest tenth, and without a random tenth (the mean)."""
        tenth = self.shares.index(TENTH)
        return float(self.highest[tenth]), float(self.random[:, tenth].mean())

    def sentence(self) -> str:
        """What it means, for people."""
        highest, random = self.without_tenth
        score, of_random = _text(self.deletion_score), _text(float(self.random_deletion_scores.mean()))
        found = (
            f"without the tenth that matters most {_text(float(self.highest[0]))} becomes {_text(highest)}, without a "
            f"random tenth {_text(random)} (deletion score {score}, of random maps {of_random})"
        )
        if self.believable:
            return f"can be believed: {found}"
        why = "a map that knows nothing may be as good" if self.falls else "the answer does not fall"
        return f"cannot be believed, since {why}: {found}"


def _text(figure: float) -> str:
    """With two digits, also of a label that is not the answer: 0.00 that becomes 0.00 says nothing.

    >>> from vidcls.explanation.belief import _text
    >>> _text(0.7181), _text(0.00213), _text(0.0)
    ('0.72', '0.0021', '0.00')
    """
    return f"{figure:.2g}" if 0 < figure < 0.01 else f"{figure:.2f}"


def area(shares: tuple[float, ...], probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Area under probabilities [..., shares] along the shares, by trapezoids: float64 [...].

    >>> from vidcls.explanation.belief import area
    >>> float(area((0.0, 0.5, 1.0), np.array([1.0, 0.5, 0.0])))
    0.5
    """
    return np.asarray(((probabilities[..., 1:] + probabilities[..., :-1]) / 2 * np.diff(shares)).sum(axis=-1))


def without_highest(importance: npt.NDArray[np.floating], shares: Iterable[float]) -> Iterator[npt.NDArray[np.float32]]:
    """For each share the mask that takes it away where a map [T, h, w] is highest: float32 [T, h, w], 0 there, else 1.

    >>> from vidcls.explanation.belief import without_highest
    >>> [mask.tolist() for mask in without_highest(np.array([[[0.1, 0.9], [0.3, 0.2]]]), [0.25])]
    [[[[1.0, 0.0], [1.0, 1.0]]]]
    """
    order = np.argsort(-importance, axis=None, kind="stable")
    for share in shares:
        kept = np.ones(importance.size, np.float32)
        kept[order[: round(share * importance.size)]] = 0
        yield kept.reshape(importance.shape)
