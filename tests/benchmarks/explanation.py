"""Whether `vidcls explain` finds what is known to be the reason: the shape that moves, in clips of the motion dataset.

    make demo
    python tests/benchmarks/explanation.py .demo/model.onnx --clips 100

Clips are drawn anew by examples/motion_dataset.py, with numbers that its own clips do not have, and each scene is drawn
a second time in white on black: that is where the shape truly is, in every frame. The table says of the maps:

    under      share of clips in which at least half of the heat of the highest twentieth, of all pixels of all
               frames, lies on the shape where it is in that very frame
    on         the mean of that share of the heat; a map that knows nothing has the shape's share of the clip
    near       the same, with the pixels beside the shape
    peak       share of clips whose highest pixel is on the shape in that frame, or beside it (the pointing game of
               Zhang et al., "Top-down Neural Attention by Excitation Backprop", arXiv 1608.00507)
    deletion   the mean deletion score; lower is better

beside two that do not ask the model: maps of shuffled scores, and what stands out most from its replacement, which
in these clips is the shape as well. The second says how much of "under" is no merit of the model's
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

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

from motion_dataset import MOVES, Scene, draw_scene, render, write_clip

from vidcls import Explanation, VideoClassifier
from vidcls.explanation.replacements import content
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
    parser.add_argument("--first", type=int, default=0, help="number of the first clip")
    parser.add_argument("--runs", type=int, default=400, help="of the model, for each clip")
    parser.add_argument("--json", action="store_true", help="print one JSON object a clip instead")
    options = parser.parse_args()
    classifier = VideoClassifier(options.model, device="cpu")
    rows = []
    for number in range(options.first, options.first + options.clips):
        rows.append(measured(classifier, number, runs=options.runs))
        if options.json:
            sys.stdout.write(json.dumps(rows[-1]) + "\n")
            sys.stdout.flush()
        sys.stderr.write(f"\r{len(rows)} of {options.clips}")
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
    return {
        "label": label,
        "answer": found.label,
        "score": found.score,
        "replacement": found.replacement,
        "size": float(shape.mean()),
        **placed(found.importance, shape, name="map"),
        **placed(content(found.frames, found.replacement), shape, name="content"),
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


def placed(heat: np.ndarray, shape: np.ndarray, *, name: str) -> dict[str, float]:
    """How a map lies to the shape: see the table."""
    order = np.argsort(-heat, axis=None, kind="stable")
    highest = np.zeros(heat.size)
    highest[order[: round(TWENTIETH * heat.size)]] = heat.ravel()[order[: round(TWENTIETH * heat.size)]]
    near = np.stack([cv2.dilate(frame.astype(np.uint8), np.ones((3, 3))) for frame in shape]) > 0
    return {
        f"{name}_on": float(highest[shape.ravel()].sum() / highest.sum()),
        f"{name}_near": float(highest[near.ravel()].sum() / highest.sum()),
        f"{name}_peak": float(near.ravel()[order[0]]),
    }


def print_table(rows: list[dict[str, float | str]]) -> None:
    column = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    mean = {name: values.mean() for name, values in column.items() if values.dtype.kind in "fb"}
    kinds, counts = np.unique(column["replacement"], return_counts=True)
    replaced = ", ".join(f"{kind} {count}" for kind, count in zip(kinds, counts, strict=True))
    right = (column["label"] == column["answer"]).mean()
    lines = [
        f"{len(rows)} clips, {mean['seconds']:.1f} s each; answers right {right:.2f}; replaced by: {replaced}",
        f"{'':26}{'under':>8}{'on':>7}{'near':>7}{'peak':>7}{'deletion':>10}",
        f"{'map':26}{placed_text(column, 'map')}{mean['deletion']:10.3f}",
        f"{'what stands out, no model':26}{placed_text(column, 'content')}",
        f"{'random':26}{'':8}{mean['size']:7.2f}{'':14}{mean['random_deletion']:10.3f}",
        f"answer {mean['score']:.2f}, without the tenth that matters most {mean['without_tenth']:.2f}, "
        f"without a random tenth {mean['without_random_tenth']:.2f}; can be believed {mean['believable']:.2f}",
    ]
    sys.stdout.write("\n" + "\n".join(lines) + "\n")


def placed_text(column: dict[str, np.ndarray], name: str) -> str:
    on, near, peak = (column[f"{name}_{kind}"] for kind in ("on", "near", "peak"))
    return f"{(on >= HALF).mean():8.2f}{on.mean():7.2f}{near.mean():7.2f}{peak.mean():7.2f}"


if __name__ == "__main__":
    main()
