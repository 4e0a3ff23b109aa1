"""A clip and its model -> an explanation, by taking parts away: nothing but the model's answers is needed.

Occlusion is Zeiler and Fergus's ("Visualizing and Understanding Convolutional Networks", arXiv 1311.2901, section 4.2),
with the random masks of RISE (arXiv 1806.07421): a block alone, where an object is larger or moves on, hides too little
of it for the answer to change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from vidcls.clips import SampledClips
from vidcls.contract import ModelContract
from vidcls.decision import sigmoid
from vidcls.errors import ArgumentError
from vidcls.explanation.belief import CONTROLS, SHARES, Belief, without_highest
from vidcls.explanation.explanation import Explanation
from vidcls.explanation.importance import importance, log_odds
from vidcls.explanation.masks import blended, enlarged, random_masks
from vidcls.explanation.replacements import SAID, Replacement, content, replacements
from vidcls.prediction import Prediction
from vidcls.preprocessing import normalise
from vidcls.printable import printable
from vidcls.progress import Track
from vidcls.runtime.session import Session, run_checked

RUNS = 400
LEAST_RUNS = 150
# Ten times the default make a map three times as steady. Masks of 16 frames take 64 kB a run, so 260 MB.
MOST_RUNS = 4000
# A replacement takes an answer away that leaves it at most this share of its probability.
_AWAY = 0.5

# Maps that are checked: the one that was found, and those that know nothing. Beside the masks' runs there are theirs,
# the answer's, and one a replacement.
CURVES = CONTROLS + 1
RUNS_BESIDE = CURVES * len(SHARES) + 1 + len(SAID)
_SEED = 1
# Labels that a message names.
_NAMED = 10

Clip: TypeAlias = npt.NDArray[np.uint8]


def check_request(runs: int, label: str | None, *, labels: Sequence[str]) -> None:
    """Raise ValueError unless an answer can be explained so."""
    if not LEAST_RUNS <= runs <= MOST_RUNS:
        raise ArgumentError(f"runs is {runs}, expected {LEAST_RUNS} to {MOST_RUNS}; {RUNS} make a fair map")
    if label is not None and label not in labels:
        known = ", ".join(printable(known) for known in labels[:_NAMED])
        more = f" and {len(labels) - _NAMED} more" if len(labels) > _NAMED else ""
        raise ArgumentError(f"label is '{printable(label)}', which this model does not have; it has {known}{more}")


def explain_clip(
    clips: SampledClips,
    prediction: Prediction,
    session: Session,
    contract: ModelContract,
    *,
    label: str | None,
    runs: int,
    track: Track,
) -> Explanation:
    """Explain an answer.

    Args:
        clips: one clip: one view, one crop.
        prediction: what the model answers to it.
        session: the model.
        contract: the model's.
        label: what to explain, one of the model's; None for the top-1 label.
        runs: of the model, all in all, as `check_request` takes them.
        track: follows the runs.

    Raises:
        ModelError: the model does not answer with finite numbers.
    """
    clip, label = clips.frames[0], prediction.label if label is None else label
    column = contract.labels.index(label)
    score = float(prediction.probabilities[column])
    odds = partial(_log_odds, session=session, contract=contract, column=column)
    name, replacement, left = _replacement(clip, odds, score=score)
    take_away = partial(blended, clip, replacement)

    masks = random_masks(runs - RUNS_BESIDE, frames=len(clip))
    taken = track(map(take_away, masks), label="taking parts away", length=len(masks))
    scores = odds(taken)
    blocks = importance(scores, masks)

    deleted = map(take_away, _deletions(blocks, scores, masks))
    checked = track(deleted, label="checking the map", length=CURVES * len(SHARES))
    curves = sigmoid(odds(checked)).reshape(CURVES, len(SHARES))
    curves = np.pad(curves, ((0, 0), (1, 1)), constant_values=((0, 0), (score, left)))
    return Explanation(
        prediction=prediction,
        label=label,
        importance=_pixels(blocks, content(clip, name)),
        frames=clip,
        replacement=name,
        belief=Belief(shares=(0.0, *SHARES, 1.0), highest=curves[0], random=curves[1:]),
        runs=runs,
    )


def _log_odds(
    clips: Iterable[Clip], *, session: Session, contract: ModelContract, column: int
) -> npt.NDArray[np.float64]:
    """The label's log-odds for each clip, float64 [clips]; as many clips at a time as the session takes."""
    found, waiting = [], iter(clips)
    while batch := list(islice(waiting, session.batch)):
        frames = np.stack(batch)
        pixel_values = normalise(frames, contract.image) if contract.model.input.normalised else frames
        found.append(run_checked(session, pixel_values, labels=len(contract.labels)))
    return log_odds(np.concatenate(found), column, contract.decision)


def _replacement(
    clip: Clip, odds: Callable[[Iterable[Clip]], npt.NDArray[np.float64]], *, score: float
) -> tuple[Replacement, npt.NDArray[np.float32], float]:
    """The gentlest replacement that takes the answer away, and the probability that it leaves where it is everywhere.

    Where none does, the one that leaves the least.
    """
    nothing = np.zeros(clip.shape[:3], np.float32)
    names, pictures = zip(*replacements(clip), strict=True)
    left = sigmoid(odds(blended(clip, picture, nothing) for picture in pictures))
    away = np.flatnonzero(left <= _AWAY * score)
    best = int(away[0] if len(away) else left.argmin())
    return names[best], pictures[best], float(left[best])


def _pixels(blocks: npt.NDArray[np.float64], content: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A map of blocks [T, h, w] shared between pixels, float32 [T, H, W], 0 to 1.

    What masks show of a place belongs to its pixels by how much of each is taken away, as "gradient x (input -
    baseline)" has it: where nothing was taken, nothing can hang on it.
    """
    found = np.maximum(enlarged(blocks.astype(np.float32), size=content.shape[1]), 0) * content
    return np.asarray(found / np.float32(found.max() or 1))


def _deletions(
    found: npt.NDArray[np.float64], scores: npt.NDArray[np.float64], masks: npt.NDArray[np.float32]
) -> Iterator[npt.NDArray[np.float32]]:
    """The masks that check a map: its highest parts taken away, then those of maps of shuffled scores."""
    random = np.random.default_rng(_SEED)
    yield from without_highest(found, SHARES)
    for _ in range(CONTROLS):
        yield from without_highest(importance(random.permutation(scores), masks), SHARES)
