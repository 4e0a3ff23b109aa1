"""Opens one model file after the other, asks it once and verifies it, and tells what came of each.

`model_worker.py SOUND` reads lines of JSON {"path"} and answers each as `worker.py` does; SOUND is the model that the
others were made from. Its memory is limited, as `vidcls verify` limits it.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.worker import serve

LIMIT_BYTES = 1_000_000_000
# Both sum 12288 products per logit, perhaps in another order.
SUM_ORDER = 1e-3


def main() -> None:
    """Answer until stdin ends."""
    from vidcls import ModelError, VideoClassifier, selftest

    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT_BYTES, LIMIT_BYTES))
    frames = np.random.default_rng(0).integers(0, 256, (4, 48, 64, 3), dtype=np.uint8)
    right = VideoClassifier(sys.argv[1], device="cpu").predict_frames(frames)

    def outcome_of(task: dict[str, Any]) -> tuple[str, str]:
        path = Path(task["path"])
        classifier = VideoClassifier(path, device="cpu")
        answer = classifier.predict_frames(frames).logits
        found = selftest.verify(
            path,
            classifier.contract,
            lambda clip: classifier.predict_frames(clip).logits,
            device="cpu",
            decoders=(),
        )
        if not found.ok:
            return "failed verification", str(found.problem)
        near = answer.shape == right.logits.shape and np.allclose(answer, right.logits, atol=SUM_ORDER)
        return ("right answer", "") if near else ("wrong answer", str(answer))

    serve(outcome_of, expected=ModelError)


if __name__ == "__main__":
    main()
