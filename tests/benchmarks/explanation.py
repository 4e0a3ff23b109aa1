"""Whether `vidcls explain` finds what is known to be the reason: the shape that moves, in clips of the motion dataset.

    make demo
    python tests/benchmarks/explanation.py .demo/model.onnx --clips 100

Clips are drawn anew by examples/motion_dataset.py, with numbers that its own clips do not have, and each scene is drawn
a second time in white on black: that is where the shape truly is, in every frame. The table says of the maps:

    under      share of clips in which the highest twentieth of all pixels of all frames lies on the shape: at least
               half of it, or of the shape where that is smaller (overlap coefficient)
    overlap    the mean of that coefficient; a twentieth chosen at random has 0.05
    peak       share of clips whose highest pixel is on the shape, or beside it (the pointing game of Zhang et al.,
               "Top-down Neural Attention by Excitation Backprop", arXiv 1608.00507)
    deletion   the mean deletion score; lower is better

beside two that do not ask the model: maps of shuffled scores, and what differs most from its replacement, which in
these clips is the shape as well. The second says how much of "under" is no merit of the model's
answers; the deletion scores, taken by blocks, say what is.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

from motion_dataset import MOVES, Scene, draw_scene, render, write_clip

from vidcls import Explanation, VideoClassifier
from vidcls.explanation.replacements import replacements
from vidcls.preprocessing import crop_frame

FRAMES, SIZE, RATE = 16, 64, 15.0
SPLIT = 3  # the dataset's own have 0, 1 and 2
TWENTIETH = 0.05
HALF = 0.5


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--runs", type=int, default=400, help="of the model, for each clip")
    parser.add_argument("--json", action="store_true", help="print one JSON object a clip instead")
    options = parser.parse_args()
    classifier = VideoClassifier(options.model, device="cpu")
    rows = []
    for number in range(options.clips):
        rows.append(measured(classifier, number, runs=options.runs))
        if options.json:
            sys.stdout.write(json.dumps(rows[-1]) + "\n")
            sys.stdout.flush()
        sys.stderr.write(f"\r{number + 1} of {options.clips}")
    if not options.json:
        print_table(rows)


def measured(classifier: VideoClassifier, number: int, *, runs: int) -> dict[str, float | str]:
    """What is found out about one clip."""
    label = list(MOVES)[number % len(MOVES)]
    scene = draw_scene(np.random.default_rng([0, SPLIT, number % len(MOVES), number // len(MOVES)]), frames=FRAMES)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.avi"
        write_clip(path, render(scene, label, frames=FRAMES, size=SIZE), rate=RATE, size=SIZE)
        found = classifier.explain(path, runs=runs)
    shape = true_place(found, scene, label, classifier=classifier)
    picture = dict(replacements(found.frames))[found.replacement]
    change = np.abs(found.frames - picture).mean(axis=-1)
    overlap, peak = placed(found.importance, shape)
    overlap_of_change, peak_of_change = placed(change, shape)
    return {
        "label": label,
        "answer": found.label,
        "score": found.score,
        "replacement": found.replacement,
        "shape": float(shape.mean()),
        "overlap": overlap,
        "peak": peak,
        "overlap_of_change": overlap_of_change,
        "peak_of_change": peak_of_change,
        "believable": found.belief.believable,
        "deletion": found.belief.deletion_score,
        "random_deletion": float(found.belief.random_deletion_scores.mean()),
        "without_tenth": found.belief.without_tenth[0],
        "without_random_tenth": found.belief.without_tenth[1],
        "seconds": time.perf_counter() - started,
    }


def true_place(found: Explanation, scene: Scene, label: str, *, classifier: VideoClassifier) -> np.ndarray:
    """Where the shape is in each frame that the model was given, bool [T, H, W]."""
    white = dataclasses.replace(scene, colours=np.array([[255] * 3, [0] * 3, [0] * 3], np.float32))
    drawn = list(render(white, label, frames=FRAMES, size=SIZE))
    taken = [drawn[round(at * RATE)] for at in found.timestamps]
    return np.stack([crop_frame(frame, classifier.contract.image, crops=1)[0, ..., 0] for frame in taken]) > 127


def placed(heat: np.ndarray, shape: np.ndarray) -> tuple[float, bool]:
    """(overlap coefficient of the highest twentieth of a map with the shape, whether its peak is on or beside it)."""
    order = np.argsort(-heat, axis=None, kind="stable")
    highest = np.zeros(heat.size, bool)
    highest[order[: round(TWENTIETH * heat.size)]] = True
    overlap = (highest & shape.ravel()).sum() / min(highest.sum(), shape.sum())
    frame, y, x = np.unravel_index(order[0], heat.shape)
    return float(overlap), bool(shape[frame, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].any())


def print_table(rows: list[dict[str, float | str]]) -> None:
    column = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    share = column["shape"].mean()
    sys.stdout.write(
        f"\n{len(rows)} clips, {column['seconds'].mean():.1f} s each; the shape is {share:.3f} of a clip\n"
    )
    sys.stdout.write(f"answers right: {(column['label'] == column['answer']).mean():.2f}; replaced by ")
    kinds, counts = np.unique(column["replacement"], return_counts=True)
    sys.stdout.write(", ".join(f"{kind} {count}" for kind, count in zip(kinds, counts, strict=True)) + "\n\n")
    sys.stdout.write(f"{'':28}{'under':>8}{'overlap':>9}{'peak':>7}{'deletion':>10}\n")
    for name, kind in (("map", ""), ("what changes, no model", "_of_change")):
        overlap, peak = column[f"overlap{kind}"], column[f"peak{kind}"]
        deletion = f"{column['deletion'].mean():10.3f}" if not kind else ""
        sys.stdout.write(f"{name:28}{(overlap >= HALF).mean():8.2f}{overlap.mean():9.2f}{peak.mean():7.2f}{deletion}\n")
    random = column["random_deletion"].mean()
    sys.stdout.write(f"{'random maps':28}{'':8}{TWENTIETH:9.2f}{share:7.2f}{random:10.3f}\n\n")
    before, after, chance = (column[key].mean() for key in ("score", "without_tenth", "without_random_tenth"))
    sys.stdout.write(
        f"answer {before:.2f}; without the tenth that matters most {after:.2f}, without a random {chance:.2f}\n"
    )
    sys.stdout.write(f"can be believed: {column['believable'].mean():.2f}\n")


if __name__ == "__main__":
    main()
