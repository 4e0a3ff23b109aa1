"""What came of the videos: a row of the table for each, counts for each part, and the summary of a run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from vidcls.prediction import Prediction
from vidcls.video.source import source_name

STAGES = ("decode", "preprocess", "inference")


@dataclass(kw_only=True)
class Summary:
    """What a run has done.

    failed: how many videos failed, by the kind of error.
    milliseconds: where the actors' time went, summed over all of them.
    """

    videos: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    milliseconds: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, part: dict[str, Any]) -> None:
        """Add what `counts` says of a part."""
        self.videos += part["videos"]
        self.failed.update(json.loads(part["failed"]))
        for stage, spent in json.loads(part["milliseconds"]).items():
            self.milliseconds[stage] = self.milliseconds.get(stage, 0.0) + spent


def source_sha256(video: str) -> str:
    """What a video is known by: the SHA-256, in hex, of its path's bytes or of its full URL.

    Its name for people, `source_name`, may be another video's as well: secrets are left out of URLs, and what is not
    UTF-8 is replaced.

    >>> from vidcls.batch.answers import source_sha256
    >>> source_sha256("http://host/a.mp4?token=1") == source_sha256("http://host/a.mp4?token=2")
    False
    """
    return sha256(video.encode("utf-8", "surrogateescape")).hexdigest()


def counts(rows: Collection[dict[str, Any]], *, milliseconds: dict[str, float]) -> dict[str, Any]:
    """What an actor hands back of a part, flat, as a row of Ray Data has to be.

    milliseconds: what else the part took besides the stages of its videos.
    """
    spent = [row.get("timing_ms", {}) for row in rows]
    stages = {stage: sum(of_one.get(stage, 0.0) for of_one in spent) for stage in STAGES}
    return {
        "videos": len(rows),
        "failed": json.dumps(Counter(row["error_type"] for row in rows if row["error_type"])),
        "milliseconds": json.dumps(stages | milliseconds),
    }


def predicted_row(video: str, prediction: Prediction, *, top_k: int) -> dict[str, Any]:
    """The row of a video that was classified; `timing_ms` is for `counts` only."""
    return {
        "path": source_name(video),
        "source_sha256": source_sha256(video),
        "label": prediction.label,
        "score": prediction.score,
        "known": prediction.known,
        "labels_present": list(prediction.labels_present),
        "top": [{"label": label, "score": score} for label, score in prediction.top(top_k)],
        "logits": prediction.logits.tolist(),
        "probabilities": prediction.probabilities.tolist(),
        "windows": [{"start": start, "end": end} for start, end in prediction.windows],
        "error": None,
        "error_type": None,
        "seconds": prediction.timing_ms["total"] / 1000,
        "timing_ms": {name: prediction.timing_ms[name] for name in STAGES},
    }


def failed_row(video: str, *, kind: str, problem: str) -> dict[str, Any]:
    """The row of a video that failed; the problem names the video, as every error does."""
    name = source_name(video)
    return {
        "path": name,
        "source_sha256": source_sha256(video),
        "error": problem if problem.startswith(name) else f"{name}: {problem}",
        "error_type": kind,
    }
