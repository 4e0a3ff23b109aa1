"""From the file to the probability: the exported model's answers are the trained model's."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity import reference
from slow import slow
from vidcls import Prediction, VideoClassifier
from vidcls.contract import to_json

# What the README promises. fp32 differs from PyTorch in the order of sums; fp16 keeps 11 bits of every number.
LOGIT_LIMITS = {"fp32": 1e-3, "fp16": 2e-2}


Logits = Callable[..., np.ndarray]
Exported = Callable[[str], Path]


# How a clip is read does not hang on the precision, so that each takes every clip in one way.
WAYS = [("fp32", 5, 3), ("fp16", 1, 1)]
OTHER_WAYS = [way for way in itertools.product(LOGIT_LIMITS, (1, 5), (1, 3)) if way not in WAYS]
in_its_way = pytest.mark.parametrize(
    ("classifier", "views", "crops"),
    [*WAYS, *(pytest.param(*way, marks=slow) for way in OTHER_WAYS)],
    indirect=["classifier"],
)


@pytest.fixture(scope="session", params=LOGIT_LIMITS)
def classifier(request: pytest.FixtureRequest, exports: dict[str, Path]) -> VideoClassifier:
    return VideoClassifier(exports[request.param], device="cpu")


@pytest.fixture(scope="session")
def expected_logits(trained: dict[str, Any], checkpoint: Path) -> Logits:
    """The reference's logits of a file; kept, as every precision is held against them."""

    @functools.cache
    def logits(path: Path, *, views: int, crops: int) -> np.ndarray:
        _, _, clips = reference.clip_pixels(path, trained, views=views, crops=crops)
        return reference.clip_logits(clips, trained, checkpoint)

    return logits


def assert_same_answer(prediction: Prediction, logits: np.ndarray, *, limit: float, video: Path) -> float:
    """Hold one prediction against the reference's logits; the largest difference found."""
    difference = float(np.abs(prediction.logits - logits).max())
    assert difference <= limit, f"{video}: logits differ by {difference:.2g}"
    # A probability moves by at most half of what its logit's distance to the others moves, twice the limit.
    np.testing.assert_allclose(prediction.probabilities, reference.probabilities(logits), atol=limit, rtol=0)
    second, first = np.sort(logits)[-2:]
    if first - second > 2 * limit:
        assert prediction.labels.index(prediction.label) == logits.argmax(), video
    return difference


@in_its_way
def test_a_file_gives_the_references_probabilities(
    views: int, crops: int, clip: Path, classifier: VideoClassifier, expected_logits: Logits
) -> None:
    logits = expected_logits(clip, views=views, crops=crops)
    limit = LOGIT_LIMITS[classifier.contract.model.precision]
    assert_same_answer(classifier.predict(clip, views=views, crops=crops), logits, limit=limit, video=clip)


@pytest.mark.parametrize(
    ("classifier", "views", "crops"),
    [("fp32", 5, 3), *(pytest.param(*way, marks=slow) for way in (("fp32", 1, 1), ("fp16", 1, 1), ("fp16", 5, 3)))],
    indirect=["classifier"],
)
def test_62_real_clips_give_the_references_probabilities(
    views: int,
    crops: int,
    real_data: Path,
    classifier: VideoClassifier,
    expected_logits: Logits,
    record_property: Callable[[str, object], None],
) -> None:
    limit = LOGIT_LIMITS[classifier.contract.model.precision]
    differences, answers = [], []
    for path in sorted((real_data / "ucf8" / "test").rglob("*.avi")):
        answers.append(expected_logits(path, views=views, crops=crops))
        prediction = classifier.predict(path, views=views, crops=crops)
        differences.append(assert_same_answer(prediction, answers[-1], limit=limit, video=path))
    assert len(differences) == 62
    # Logits that hardly differed from clip to clip would agree whatever the SDK did.
    assert np.std(answers, axis=0).min() > 5 * limit
    record_property("max_abs_logit_diff", max(differences))


@pytest.mark.parametrize(
    "tokens",
    [
        pytest.param("lattice:0.5", marks=slow),
        "lattice:0.25",
        pytest.param("lattice:0.125", marks=slow),
        "moving:0.25",
        pytest.param("moving:0.5", marks=slow),
    ],
)
def test_a_file_that_sees_fewer_tokens_gives_the_references_logits(
    tokens: str, clips: dict[str, Path], checkpoint: Path, exported_with: Exported, real_data: Path
) -> None:
    fewer, whole = (VideoClassifier(exported_with(each), device="cpu") for each in (tokens, "all"))
    contract = json.loads(to_json(fewer.contract))
    videos = [clips["mp4 at 30 fps with B-frames"], clips["mkv of variable rate"], clips["portrait"]]
    videos += sorted((real_data / "ucf8" / "test").rglob("*.avi"))[::20]
    for video in videos:
        _, _, pixels = reference.clip_pixels(video, contract, views=1, crops=1)
        logits = reference.clip_logits(pixels, contract, checkpoint)
        prediction = fewer.predict(video)
        assert_same_answer(prediction, logits, limit=LOGIT_LIMITS["fp32"], video=video)
        # Answers that were hardly those of these tokens would agree whatever was left out.
        assert np.abs(whole.predict(video).logits - logits).max() > 5 * LOGIT_LIMITS["fp32"]


def test_the_exported_file_keeps_the_checkpoints_contract(classifier: VideoClassifier, trained: dict[str, Any]) -> None:
    embedded = json.loads(to_json(classifier.contract))
    assert {name: embedded[name] for name in trained} == trained


def test_the_exported_file_verifies(classifier: VideoClassifier) -> None:
    result = classifier.verify()
    assert result.ok, result.problem
    assert result.max_abs_diff <= LOGIT_LIMITS[classifier.contract.model.precision]
