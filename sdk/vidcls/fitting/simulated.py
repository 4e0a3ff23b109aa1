"""Long videos made of the answers to clips, with known borders, to choose a model's rule for events on.

Two to four clips of the same labels follow each other, each for one to two times its length, so that what is wrong is
wrong for one to three windows in a row. Then comes another label, or, where there are clips that show none of the
labels, some of those, so that half of the time shows nothing. Windows step by half a clip; one across a border answers
with the mean of both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# In cells, half a clip's length each: at least and at most.
CELLS_OF_CLIP = (2, 4)

CLIPS_OF_STRETCH = (2, 4)


class Stretch(NamedTuple):
    """Class ids that hold from one cell to another."""

    class_ids: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Simulation:
    """A long video. clips: int [cells], whose answer each cell has. stretches: those that show something."""

    clips: npt.NDArray[np.intp]
    stretches: tuple[Stretch, ...]

    def windows(self, answers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """What each window, of two cells, answers, of answers [clips, ...]."""
        cells = answers[self.clips]
        return np.asarray((cells[:-1] + cells[1:]) / 2)


def simulations(targets: npt.NDArray[np.bool_], *, videos: int, clips: int, seed: int) -> list[Simulation]:
    """Videos of so many stretches' worth of clips, drawn by chance.

    targets: bool [clips, labels], the labels that each clip shows; a row without any shows nothing.
    """
    random = np.random.default_rng(seed)
    shows, group_of = np.unique(targets, axis=0, return_inverse=True)
    members = [np.nonzero(group_of.ravel() == group)[0] for group in range(len(shows))]
    nothing = [group for group in range(len(shows)) if not shows[group].any()]
    something = [group for group in range(len(shows)) if shows[group].any()]
    return [_simulation(shows, members, something, nothing, clips=clips, random=random) for _ in range(videos)]


def _simulation(
    shows: npt.NDArray[np.bool_],
    members: Sequence[npt.NDArray[np.intp]],
    something: Sequence[int],
    nothing: Sequence[int],
    *,
    clips: int,
    random: np.random.Generator,
) -> Simulation:
    cells: list[int] = []
    stretches: list[Stretch] = []
    last = -1
    while len(cells) < clips * sum(CELLS_OF_CLIP) / 2:
        # Labels as often as they have clips, and never the same one twice in a row without something in between.
        choices = [group for group in something if group != last or len(something) == 1]
        weights = np.array([len(members[group]) for group in choices], float)
        last = choices[int(random.choice(len(choices), p=weights / weights.sum()))]
        start = len(cells)
        cells += _shown(members[last], _between(CLIPS_OF_STRETCH, random), random)
        stretches.append(Stretch(tuple(np.nonzero(shows[last])[0].tolist()), start, len(cells)))
        # Twice as much as a stretch on average, half of the times: as much as all labels together.
        if nothing and (random.random() < 0.5 or len(something) == 1):
            cells += _shown(members[nothing[0]], 2 * _between(CLIPS_OF_STRETCH, random), random)
    return Simulation(clips=np.array(cells), stretches=tuple(stretches))


def _shown(members: npt.NDArray[np.intp], count: int, random: np.random.Generator) -> list[int]:
    lengths = [_between(CELLS_OF_CLIP, random) for _ in range(count)]
    return [int(clip) for clip in np.repeat(random.choice(members, count), lengths)]


def _between(ends: tuple[int, int], random: np.random.Generator) -> int:
    return int(random.integers(ends[0], ends[1] + 1))
