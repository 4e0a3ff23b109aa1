"""A timeline's path over windows that are all there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from vidcls.temporal.path import Path


def most_probable_halves(
    windows: Iterable[npt.NDArray[np.float64]], *, change_cost: float
) -> Iterator[tuple[int, int]]:
    """The states of every window's first and second half; one window's second is the next one's first."""
    path = Path(change_cost=change_cost)
    for probabilities in windows:
        yield from path.add(probabilities)
    yield from path.finish()
