"""What an explanation marks, compared with a model of which is known by construction what it looks at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from region_model import MIDDLE, REGION, SHARPNESS, write_region_model
from vidcls import Explanation, VideoClassifier
from vidcls.clips import SampledClips, crop_clip
from vidcls.explanation.masks import random_masks
from vidcls.explanation.occlusion import RUNS_BESIDE, explain_clip
from vidcls.progress import Track, untracked

RUNS = 200
# Logits are float32, of sums over 384 values.
LOGITS_ROUND = 1e-4


def explain(
    model: Path | VideoClassifier, frames: np.ndarray, *, label: str | None = None, track: Track = untracked
) -> Explanation:
    classifier = VideoClassifier(model, device="cpu") if isinstance(model, Path) else model
    clips: SampledClips = crop_clip(frames, classifier.contract)
    answer = classifier.predict_clips(clips)
    session = classifier._session
    return explain_clip(clips, answer, session, classifier.contract, label=label, runs=RUNS, track=track)


@pytest.fixture(scope="module")
def explained(region_model: Path, two_lights: np.ndarray) -> Explanation:
    return explain(region_model, two_lights)


def test_the_map_is_what_can_be_computed_by_hand(explained: Explanation, two_lights: np.ndarray) -> None:
    """Each mask's log-odds written out, their covariance with the masks, and each pixel's own change."""
    assert explained.replacement == "still"
    still = np.median(two_lights.astype(np.float64), axis=0)
    assert (still == 90).all()
    masks = random_masks(RUNS - RUNS_BESIDE, frames=4).astype(np.float64)
    odds = []
    for mask in masks:
        clip = np.rint(still + (two_lights - still) * mask[..., None])
        odds.append(2 * SHARPNESS * (clip[REGION].mean() / 255 - MIDDLE))
    by_hand = np.mean((np.array(odds) - np.mean(odds))[:, None, None, None] * (masks - masks.mean(axis=0)), axis=0)
    blurred = cv2.GaussianBlur(still, (0, 0), 4)  # of one colour as well, so that it changes nothing here
    content = np.minimum(np.abs(two_lights - still), np.abs(two_lights - blurred)).mean(axis=-1)
    by_hand = by_hand.clip(0) * content
    np.testing.assert_allclose(explained.importance, by_hand / by_hand.max(), atol=LOGITS_ROUND)


def test_the_highest_twentieth_lies_where_the_model_looks(explained: Explanation) -> None:
    inside = explained.importance[REGION]
    assert (inside > np.quantile(explained.importance, 0.95)).mean() > 0.9
    # The other light is as bright, and changes as much: only the model's answers keep them apart.
    other = explained.importance[2:3, 20:28, 20:28]
    assert other.mean() < 0.25 * explained.importance[REGION].mean()


def test_it_can_be_believed_and_says_where_and_when(explained: Explanation) -> None:
    assert explained.label == "bright"
    assert explained.belief.believable
    without, random = explained.belief.without_tenth
    assert without < 0.5 * explained.score < random
    assert explained.place == "in frame 3 of 4, upper left"
    assert explained.belief.highest[0] == explained.score
    assert explained.runs == RUNS
    # With everything taken away there is no light.
    left = 1 / (1 + np.exp(-2 * SHARPNESS * (90 / 255 - MIDDLE)))
    assert abs(explained.belief.highest[-1] - left) < LOGITS_ROUND


def test_it_runs_as_often_as_was_asked_for(region_model: Path, two_lights: np.ndarray) -> None:
    classifier = VideoClassifier(region_model, device="cpu")
    session = classifier._session
    ran: list[int] = []
    run = session.run

    def counted(pixel_values: np.ndarray) -> np.ndarray:
        ran.append(len(pixel_values))
        return run(pixel_values)

    session.run = counted  # type: ignore[method-assign]
    tracked: dict[str, int | None] = {}

    def track(items: Any, *, label: str, length: int | None = None) -> Any:
        tracked[label] = length
        return iter(items)

    explain(classifier, two_lights, track=track)
    assert sum(ran) == RUNS
    assert tracked == {"taking parts away": RUNS - RUNS_BESIDE, "checking the map": RUNS_BESIDE - 4}


def test_batches_change_nothing(region_model: Path, two_lights: np.ndarray, explained: Explanation) -> None:
    classifier = VideoClassifier(region_model, device="cpu")
    classifier._session.batch = 7
    again = explain(classifier, two_lights)
    np.testing.assert_allclose(again.importance, explained.importance, atol=LOGITS_ROUND)
    np.testing.assert_allclose(again.belief.random, explained.belief.random, atol=LOGITS_ROUND)


def test_the_same_clip_gets_the_same_explanation(
    region_model: Path, two_lights: np.ndarray, explained: Explanation
) -> None:
    again = explain(region_model, two_lights)
    np.testing.assert_array_equal(again.importance, explained.importance)
    np.testing.assert_array_equal(again.belief.random, explained.belief.random)


@pytest.mark.parametrize(
    "kind",
    [
        {"dtype": "uint8"},
        {"decision": {"activation": "sigmoid"}},
        {
            "decision": {
                "reject": {"score": "max_probability", "threshold": 1.0, "accepted": 0.9, "false_accepted": 0.1}
            }
        },
        {"decision": {"none_label": "dark"}},
    ],
    ids=lambda kind: "-".join(map(str, kind.values()))[:24],
)
def test_every_kind_of_model_is_explained(kind: dict[str, Any], two_lights: np.ndarray, tmp_path: Path) -> None:
    found = explain(write_region_model(tmp_path / "model.onnx", **kind), two_lights)
    assert found.label == "bright"
    assert found.belief.believable
    assert np.unravel_index(found.importance.argmax(), found.importance.shape)[0] == 2
    assert found.importance[REGION].mean() > 4 * found.importance[2:3, 20:28, 20:28].mean()
    assert found.prediction.known is ("reject" not in kind.get("decision", {}))


def test_what_nothing_hangs_on_cannot_be_believed(two_lights: np.ndarray, tmp_path: Path) -> None:
    """A model that answers the same to everything, and a clip of one colour, in which nothing can be taken away."""
    deaf = explain(write_region_model(tmp_path / "deaf.onnx", sharpness=0.0), two_lights)
    flat = explain(write_region_model(tmp_path / "model.onnx"), np.full_like(two_lights, 200))
    for found in (deaf, flat):
        assert not found.belief.believable
        assert found.belief.sentence().startswith("cannot be believed")
        assert found.importance.max() == 0


def test_another_label_is_explained_by_what_speaks_for_it(region_model: Path, two_lights: np.ndarray) -> None:
    """The dark label gains wherever light is taken away: nothing of the clip speaks for it."""
    found = explain(region_model, two_lights, label="dark")
    assert found.label == "dark"
    assert found.prediction.label == "bright"
    assert found.score == pytest.approx(1 - found.prediction.score)
    assert found.importance[REGION].max() == 0
    assert not found.belief.believable
    assert "since the answer does not fall" in found.belief.sentence()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "grey"}, "label is 'grey', which this model does not have; it has bright, dark"),
        ({"runs": 10}, "runs is 10, expected 150 to 4000"),
        ({"runs": 4001}, "runs is 4001, expected 150 to 4000"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_what_cannot_be_explained_is_refused(
    options: dict[str, Any], message: str, region_model: Path, clip: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        VideoClassifier(region_model, device="cpu").explain(clip, **options)
