"""The other video classifiers: from their own folder through the command to their own answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from generated import LABELS
from random_models import save, timesformer, videomae_hybrid, vivit, vjepa2
from slow import slow
from vidcls import ModelError, VideoClassifier
from vidcls.runtime.onnxruntime_session import OnnxRuntimeSession
from vidcls_export.checkpoint.opening import open_checkpoint
from vidcls_export.exporter import export
from vidcls_export.report import Report

# Largest |logit difference| from PyTorch, whose logits spread over several units.
TOLERANCE = {"fp32": 2e-5, "fp16": 2e-2, "int8": 0.5}


# (how to make one, how many attentions it computes)
MODELS: dict[str, tuple[Callable[[], tuple[Any, Any]], int]] = {
    "hybrid": (videomae_hybrid, 2),
    "timesformer": (timesformer, 4),
    "timesformer, joint": (lambda: timesformer(attention_type="joint_space_time"), 2),
    "vivit": (vivit, 2),
    "vjepa2": (vjepa2, 4),
}


# The others in turn: what converting does to a graph hangs on its operators, of which the families have the same.
OTHERS = [("fp16", "portable"), ("int8", "onnxruntime"), ("int8", "portable")]


def kinds_of_exports() -> Iterator[Any]:
    """(precision, graph, kind): each family in fp32 and in one other."""
    for place, kind in enumerate(MODELS):
        yield "fp32", "onnxruntime", kind
        for turn, other in enumerate(OTHERS):
            yield pytest.param(*other, kind, marks=[slow] if (place + turn) % len(OTHERS) else [])


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Any, Any]]:
    """saved(kind) is (folder, model, processor); each kind is made once."""
    folder = tmp_path_factory.mktemp("architectures")

    @cache
    def make(kind: str) -> tuple[Path, Any, Any]:
        return folder / kind, *save(MODELS[kind][0], folder / kind)

    return make


@pytest.fixture(scope="module")
def exported(
    saved: Callable[[str], tuple[Path, Any, Any]], clips: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, Any, Any], Report]:
    """exported(kind, precision, graph), checked on `clips`; each file is made once."""
    folder = tmp_path_factory.mktemp("exported")

    @cache
    def make(kind: str, precision: Any, graph: Any) -> Report:
        return export(
            saved(kind)[0],
            folder / f"{kind}-{precision}-{graph}.onnx",
            precision=precision,
            graph=graph,
            clip_seconds=1.5,
            check=clips,
            min_agreement=0,  # answers of random models to painted clips lie close together
        )

    return make


@pytest.mark.parametrize(("precision", "graph", "kind"), list(kinds_of_exports()))
def test_answers_are_transformers_own(
    kind: str,
    precision: Any,
    graph: Any,
    saved: Callable[[str], tuple[Path, Any, Any]],
    exported: Callable[[str, Any, Any], Report],
) -> None:
    attentions = MODELS[kind][1]
    _, model, processor = saved(kind)
    # As large as the resize makes it, as V-JEPA 2's resizes with torchvision, up to one grey level from Pillow.
    clip = np.random.default_rng(0).integers(0, 256, (4, 36, 52, 3), np.uint8)
    video = torch.from_numpy(clip).permute(0, 3, 1, 2) if kind == "vjepa2" else list(clip)
    with torch.inference_mode():
        expected = model(**processor(video, return_tensors="pt")).logits[0].numpy()
    assert np.ptp(expected) > 0.5, "logits this close together would prove nothing"

    report = exported(kind, precision, graph)
    classifier = VideoClassifier(report.path, device="cpu")
    found = classifier.predict_frames(clip).logits
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[precision])
    assert classifier.labels == LABELS
    assert classifier.contract.source.architecture == type(model).__name__
    assert (classifier.contract.sampling.frames, classifier.contract.sampling.clip_seconds) == (4, 1.5)
    assert report.ops["Softmax" if graph == "portable" else "MultiHeadAttention"] == attentions


@pytest.mark.parametrize("kind", ["hybrid", "timesformer", "vivit", "vjepa2"])
def test_any_batch(kind: str, exported: Callable[[str, Any, Any], Report]) -> None:
    """The class token and TimeSformer's tokens are repeated as often as there are clips, and frames;
    a hybrid's pictures are those of all clips."""
    session = OnnxRuntimeSession(exported(kind, "fp32", "onnxruntime").path, device="cpu")
    clips = np.random.default_rng(1).integers(0, 256, (3, 4, 32, 32, 3), np.uint8)
    alone = np.concatenate([session.run(clip[None]) for clip in clips])
    np.testing.assert_allclose(session.run(clips), alone, rtol=0, atol=1e-5)


def test_timesformer_without_attention_over_time_is_refused(tmp_path: Path) -> None:
    save(lambda: timesformer(attention_type="space_only"), tmp_path)
    with pytest.raises(ModelError, match="attention_type 'space_only', which answers every frame by itself"):
        open_checkpoint(tmp_path, clip_seconds=None)


def test_tubes_longer_than_the_clip_are_refused(tmp_path: Path, edit_json: Callable[..., None]) -> None:
    save(vjepa2, tmp_path)
    edit_json(tmp_path / "config.json", frames_per_clip=1)
    with pytest.raises(ModelError, match="takes 1 frames, expected at least the 2 of one patch"):
        open_checkpoint(tmp_path, clip_seconds=None)
