"""The classifier on tiny real models whose answers plain numpy gives too."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from generated import (
    LABELS,
    contract_fields,
    model_logits,
    model_weights,
    painted_frame,
    self_test_logits,
    write_clip,
    write_model,
)
from vidcls import ModelError, VideoClassifier, VideoError
from vidcls.clips import read_clips

# float32 sums of 12288 products, against numpy's in float64. A pixel off by one level moves a logit by about 5e-4.
LOGIT = 5e-5


@pytest.fixture(scope="module")
def classifier(model: Path) -> VideoClassifier:
    return VideoClassifier(model, device="cpu")


def random_frames(count: int = 4, *, height: int = 32, width: int = 32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size=(count, height, width, 3), dtype=np.uint8)


def test_a_classifier_tells_what_it_is(classifier: VideoClassifier) -> None:
    assert classifier.labels == LABELS
    assert classifier.device == "cpu"
    assert classifier.contract.sampling.frames == 4


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_a_model_is_named_by_a_str_or_a_path(device: Any, model: Path) -> None:
    assert VideoClassifier(str(model), device=device).labels == VideoClassifier(model, device=device).labels


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_both_kinds_of_input_give_the_logits_worked_out_in_numpy(dtype: str, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.onnx", dtype=dtype)
    frames = random_frames()
    prediction = VideoClassifier(model, device="cpu").predict_frames(frames)
    np.testing.assert_allclose(prediction.logits, model_logits(frames, contract_fields()), atol=LOGIT)


def test_a_video_gives_the_logits_of_the_frames_seen(classifier: VideoClassifier, clip: Path) -> None:
    prediction = classifier.predict(clip)
    seen = read_clips(clip, classifier.contract)
    np.testing.assert_allclose(prediction.logits, model_logits(seen.frames[0], contract_fields()), atol=LOGIT)
    assert prediction.windows == seen.windows
    np.testing.assert_array_equal(prediction.timestamps, seen.timestamps)
    assert prediction.labels == LABELS
    assert prediction.device == "cpu"


@pytest.mark.parametrize(("views", "crops"), [(1, 3), (5, 1), (2, 3)])
def test_logits_are_the_mean_over_views_and_crops(
    views: int, crops: int, classifier: VideoClassifier, clip: Path
) -> None:
    prediction = classifier.predict(clip, views=views, crops=crops)
    seen = read_clips(clip, classifier.contract, views=views, crops=crops)
    each = [model_logits(frames, contract_fields()) for frames in seen.frames]
    assert len(each) == views * crops
    np.testing.assert_allclose(prediction.logits, np.mean(each, axis=0), atol=LOGIT)
    assert prediction.timestamps.shape == (views, 4)
    assert len(prediction.windows) == views


def test_frames_are_resized_and_cropped_like_a_videos(classifier: VideoClassifier) -> None:
    fields = contract_fields()
    height, width = fields["self_test"]["height"], fields["self_test"]["width"]
    t, y, x, c = np.ogrid[:4, :height, :width, :3]
    pattern = ((37 * t + 5 * y + 3 * x + 71 * c + ((x * y) >> 4)) % 256).astype(np.uint8)
    np.testing.assert_allclose(classifier.predict_frames(pattern).logits, self_test_logits(fields), atol=LOGIT)


def test_frames_may_be_a_view_of_another_array(classifier: VideoClassifier) -> None:
    bgr = random_frames(8)
    view = bgr[::2, :, :, ::-1]
    expected = classifier.predict_frames(np.ascontiguousarray(view)).logits
    np.testing.assert_array_equal(classifier.predict_frames(view).logits, expected)


def test_frames_given_have_no_times(classifier: VideoClassifier) -> None:
    prediction = classifier.predict_frames(random_frames())
    assert prediction.windows == []
    assert prediction.timestamps.shape == (0, 4)


def test_frames_are_left_as_they_were(classifier: VideoClassifier) -> None:
    frames = random_frames()
    classifier.predict_frames(frames)
    np.testing.assert_array_equal(frames, random_frames())


@pytest.mark.parametrize(("views", "crops"), [(0, 1), (1, 2)])
def test_views_and_crops_are_checked_before_the_video_is_opened(
    views: int, crops: int, classifier: VideoClassifier
) -> None:
    with pytest.raises(ValueError, match="expected"):
        classifier.predict("no such video.mp4", views=views, crops=crops)


def test_a_video_that_cannot_be_opened_is_a_video_error(classifier: VideoClassifier) -> None:
    with pytest.raises(VideoError, match=r"^no such video\.mp4: there is no such file$"):
        classifier.predict("no such video.mp4")


def test_time_is_measured_by_stage(classifier: VideoClassifier, clip: Path) -> None:
    timing = classifier.predict(clip).timing_ms
    assert set(timing) == {"decode", "preprocess", "inference", "total"}
    assert all(value > 0 for value in timing.values())
    assert timing["decode"] + timing["preprocess"] + timing["inference"] <= timing["total"]


def test_threads_sharing_a_classifier_get_the_same_answers(classifier: VideoClassifier, tmp_path: Path) -> None:
    clips = [write_clip(tmp_path / f"{frames}.mp4", frames=frames) for frames in (5, 17, 33, 50)]
    expected = [classifier.predict(clip, views=2, crops=3).logits for clip in clips]
    assert len({logits.tobytes() for logits in expected}) == len(clips)
    with ThreadPoolExecutor(max_workers=8) as pool:
        found = list(pool.map(lambda clip: classifier.predict(clip, views=2, crops=3).logits, clips * 6))
    for logits, right in zip(found, expected * 6, strict=True):
        np.testing.assert_array_equal(logits, right)


def test_an_onnx_file_of_somebody_else_is_named(tmp_path: Path) -> None:
    model = write_model(tmp_path / "plain.onnx", key=None)
    with pytest.raises(ModelError, match=r"plain\.onnx: .*not a vidcls model; export it with vidcls-export"):
        VideoClassifier(model)


def test_a_contract_that_is_refused_names_the_file_and_the_field(tmp_path: Path) -> None:
    fields = contract_fields()
    del fields["image"]["antialias"]
    with pytest.raises(ModelError, match=r"model\.onnx: .*'image\.antialias' is missing"):
        VideoClassifier(write_model(tmp_path / "model.onnx", fields))


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ({"labels": LABELS[:3]}, "number of labels 3, the graph has 4"),
        ({"labels": (*LABELS, "another")}, "number of labels 5, the graph has 4"),
        ({"frames": 8}, r"input shape after the batch \[8, 3, 32, 32\], the graph has \[4, 3, 32, 32\]"),
        ({"size": 64}, r"\[4, 3, 64, 64\], the graph has \[4, 3, 32, 32\]"),
        ({"dtype": "uint8"}, r"input type tensor\(uint8\), the graph has tensor\(float\)"),
    ],
)
def test_a_contract_that_contradicts_its_graph_is_refused(kind: dict[str, Any], named: str, tmp_path: Path) -> None:
    fields = contract_fields(**kind)
    fields["self_test"]["logits"] = [0.0] * len(fields["labels"])
    with pytest.raises(ModelError, match=rf"model\.onnx: the contract says .*{named}"):
        VideoClassifier(write_model(tmp_path / "model.onnx", fields))


@pytest.mark.parametrize("place", ["input", "output"])
def test_a_contract_that_names_other_tensors_is_refused(place: str, tmp_path: Path) -> None:
    fields = contract_fields()
    fields["model"][place]["name"] = "something"
    with pytest.raises(ModelError, match=f"{place} name something"):
        VideoClassifier(write_model(tmp_path / "model.onnx", fields))


@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"dtype": "uint8"},
        {"resize": "stretch"},
        {"resize_size": 40},
        {"frames": 1, "size": 16, "labels": ("only",)},
        {"labels": ("été", "左 turn", 'a "b"')},
    ],
)
def test_a_sound_model_verifies(kind: dict[str, Any], tmp_path: Path) -> None:
    result = VideoClassifier(write_model(tmp_path / "model.onnx", **kind), device="cpu").verify()
    assert result.ok
    assert result.problem is None
    assert result.max_abs_diff <= LOGIT
    assert (result.tolerance, result.device, result.precision) == (0.001, "cpu", "fp32")


def test_a_model_that_answers_otherwise_fails_its_self_test(tmp_path: Path) -> None:
    fields = contract_fields()
    fields["self_test"]["logits"] = self_test_logits(fields)
    fields["self_test"]["logits"][2] += 0.002
    result = VideoClassifier(write_model(tmp_path / "model.onnx", fields)).verify()
    assert not result.ok
    assert result.max_abs_diff == pytest.approx(0.002, abs=LOGIT)
    assert result.problem is not None
    assert "more than 0.001" in result.problem


def test_one_flipped_bit_anywhere_is_found(tmp_path: Path) -> None:
    # Small, so that names, the contract and the weights all get their share of the sample.
    model = write_model(tmp_path / "model.onnx", size=16, frames=1, labels=("a", "b"))
    content = model.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.choice(len(content), size=150, replace=False):
        flipped = bytearray(content)
        flipped[place] ^= 1 << rng.integers(8)
        model.write_bytes(flipped)
        with pytest.raises(ModelError, match=r"^[^\n]*model\.onnx: [^\n]*$"):
            VideoClassifier(model, device="cpu")


def test_a_flip_too_small_to_move_logits_is_found_by_the_hash(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.onnx")
    classifier, content = VideoClassifier(model), bytearray(model.read_bytes())
    content[content.index(model_weights(contract_fields()).tobytes())] ^= 1  # the last bit of the first weight
    model.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.onnx: the file was changed or damaged after it was exported; "):
        VideoClassifier(model)
    result = classifier.verify()  # which was opened before
    assert not result.ok
    assert result.max_abs_diff <= result.tolerance
    assert result.problem is not None
    assert "bytes are not those that were exported" in result.problem


def test_a_model_verifies_whatever_the_working_folder_has_become(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(model.parent)
    classifier = VideoClassifier(model.name, device="cpu")
    monkeypatch.chdir(tmp_path)
    assert classifier.verify().ok


def test_a_file_that_is_gone_is_proven_no_more(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.onnx")
    classifier = VideoClassifier(model, device="cpu")
    model.unlink()
    result = classifier.verify()
    assert not result.ok
    assert (
        result.problem == "the file cannot be read any more (No such file or directory); put it back, or open another"
    )


def test_a_hash_of_other_bytes_is_found(tmp_path: Path) -> None:
    fields = contract_fields()
    fields["model"]["file_sha256"] = hashlib.sha256(b"another file").hexdigest()
    with pytest.raises(ModelError, match="changed or damaged after it was exported"):
        VideoClassifier(write_model(tmp_path / "model.onnx", fields))


def without_finite_answers(path: Path) -> Path:
    """A model whose first weight is NaN, with a hash that is right."""
    model = write_model(path)
    content = model.read_bytes()
    recorded = VideoClassifier(model).contract.model.file_sha256.encode()
    first = model_weights(contract_fields()).tobytes()[:16]
    assert content.count(first) == 1
    content = content.replace(first, np.float32(np.nan).tobytes() + first[4:]).replace(recorded, b"0" * 64)
    model.write_bytes(content.replace(b"0" * 64, hashlib.sha256(content).hexdigest().encode()))
    return model


def test_logits_that_are_not_finite_are_no_answer(tmp_path: Path, clip: Path) -> None:
    classifier = VideoClassifier(without_finite_answers(tmp_path / "nan.onnx"))
    with pytest.raises(ModelError, match=r"nan\.onnx: the model's logits are not finite"):
        classifier.predict(clip)
    result = classifier.verify()
    assert not result.ok
    assert np.isnan(result.max_abs_diff)
    assert result.problem is not None
    assert "not finite" in result.problem


def test_painted_frames_are_told_apart(classifier: VideoClassifier) -> None:
    answers = {
        classifier.predict_frames(
            np.stack([painted_frame(start + step, width=64, height=48) for step in range(4)])
        ).logits.tobytes()
        for start in range(0, 40, 4)
    }
    assert len(answers) == 10


def test_a_model_in_a_videos_place_is_called_what_it_is(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.onnx")
    os.utime(path, (1e9, 1e9))
    with pytest.raises(VideoError, match=r"model\.onnx: is a model, not a video; name the model first"):
        VideoClassifier(path, device="cpu").predict(path)
