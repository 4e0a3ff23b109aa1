"""Models that see some of the tokens: the file beside transformers' own ways to leave tokens out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from random_models import save, timesformer, videomae, vivit, vjepa2, with_some_tokens
from vidcls import ModelError, VideoClassifier
from vidcls.contract import Tokens, kept_tokens, tokens_text
from vidcls.runtime.onnxruntime_session import OnnxRuntimeSession
from vidcls_export.exporter import export
from vidcls_export.options import Graph, Precision
from vidcls_export.report import report_lines

# Largest |logit difference|, of logits that spread over several units; as for models that see all tokens.
TOLERANCE = {"fp32": 2e-5, "fp16": 2e-2, "int8": 0.5}
# How far off the answers with all tokens are at least, so that it would show in fp32 if all were seen.
SHOWS = 0.05
GRID = (2, 4, 4)  # of all models here: 4 frames of 32 px in patches of 2 x 8 x 8


MODELS = {"videomae": videomae, "vivit": vivit, "vjepa2": vjepa2}


def pattern(share: float) -> np.ndarray:
    """bool [tokens], written out once more from the formula: one array operation, no loop over tokens."""
    every = round(1 / share)
    t, y, x = np.ogrid[: GRID[0], : GRID[1], : GRID[2]]
    a, b = {2: (1, 1), 4: (2, 1), 8: (3, 2)}[every]
    return np.asarray((x + a * y + b * t) % every == 0).ravel()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Any]]:
    made: dict[str, tuple[Path, Any]] = {}

    def get(kind: str) -> tuple[Path, Any]:
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            made[kind] = folder, save(MODELS[kind], folder)[0]
        return made[kind]

    return get


def check_file(path: Path, model: Any, *, share: float, precision: Precision) -> None:
    classifier = VideoClassifier(path, device="cpu")
    image = classifier.contract.image
    assert classifier.contract.tokens == Tokens(rule="lattice", share=share)
    clips = np.random.default_rng(3).integers(0, 256, (3, 4, 32, 32, 3), np.uint8)
    pixels = (torch.from_numpy(clips).float() / 255 - torch.tensor(image.mean)) / torch.tensor(image.std)
    with torch.inference_mode():
        expected = with_some_tokens(model, pixels.permute(0, 1, 4, 2, 3), pattern(share)).numpy()
        every = with_some_tokens(model, pixels.permute(0, 1, 4, 2, 3), np.ones(32, bool)).numpy()
    answered = OnnxRuntimeSession(path, device="cpu").run(clips)
    assert np.abs(answered - expected).max() <= TOLERANCE[precision]
    assert np.abs(every - expected).max() > SHOWS
    assert classifier.verify().ok


@pytest.mark.parametrize(
    ("kind", "share"), [("videomae", 0.5), ("videomae", 0.25), ("videomae", 0.125), ("vivit", 0.25), ("vjepa2", 0.25)]
)
def test_the_file_answers_as_transformers_does_with_the_same_tokens(
    kind: str, share: float, saved: Callable[[str], tuple[Path, Any]], tmp_path: Path
) -> None:
    folder, model = saved(kind)
    path = tmp_path / "model.onnx"
    export(folder, path, tokens=f"lattice:{share:g}")
    check_file(path, model, share=share, precision="fp32")


@pytest.mark.parametrize(
    ("precision", "graph"), [("fp16", "onnxruntime"), ("int8", "onnxruntime"), ("int8", "portable")]
)
def test_so_it_does_in_every_precision_and_graph(
    precision: Precision, graph: Graph, saved: Callable[[str], tuple[Path, Any]], clips: Path, tmp_path: Path
) -> None:
    folder, model = saved("videomae")
    path = tmp_path / "model.onnx"
    check = clips if graph == "portable" and precision == "int8" else None
    export(folder, path, tokens="lattice:0.25", precision=precision, graph=graph, check=check, min_agreement=0)
    check_file(path, model, share=0.25, precision=precision)


def test_all_tokens_are_the_ordinary_file(saved: Callable[[str], tuple[Path, Any]], tmp_path: Path) -> None:
    folder, _ = saved("videomae")
    reports = [export(folder, tmp_path / f"{tokens}.onnx", tokens=tokens) for tokens in (None, "all")]
    assert reports[0].ops == reports[1].ops
    clips = np.random.default_rng(3).integers(0, 256, (2, 4, 32, 32, 3), np.uint8)
    plain, whole = (OnnxRuntimeSession(report.path, device="cpu").run(clips) for report in reports)
    np.testing.assert_array_equal(plain, whole)


def test_what_is_left_out_is_gathered_as_bytes(saved: Callable[[str], tuple[Path, Any]], tmp_path: Path) -> None:
    """So that neither its embedding nor anything after it is computed; all shapes but the batch are fixed."""
    import onnx

    folder, _ = saved("videomae")
    export(folder, tmp_path / "model.onnx", tokens="lattice:0.125")
    graph = onnx.shape_inference.infer_shapes(onnx.load(tmp_path / "model.onnx")).graph
    types = {value.name: value.type.tensor_type for value in [*graph.value_info, *graph.input]}
    (gather,) = [node for node in graph.node if node.op_type == "Gather" and node.input[0] in types]
    assert types[gather.output[0]].elem_type == onnx.TensorProto.UINT8
    assert [dim.dim_value for dim in types[gather.output[0]].shape.dim[1:]] == [4, 2 * 8 * 8 * 3]


def test_divided_attention_is_refused_by_name(tmp_path: Path) -> None:
    save(timesformer, tmp_path / "checkpoint")
    with pytest.raises(ModelError, match="TimesformerForVideoClassification attends to each frame") as caught:
        export(tmp_path / "checkpoint", tmp_path / "model.onnx", tokens="lattice:0.5")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model.onnx").exists()


def test_a_checkpoint_keeps_the_tokens_that_it_was_trained_with(
    saved: Callable[[str], tuple[Path, Any]], tmp_path: Path
) -> None:
    """As its config.json says; another lattice is none of its own."""
    _, model = saved("videomae")
    folder = tmp_path / "checkpoint"
    save(videomae, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vidcls_tokens": "lattice:0.25"}))
    export(folder, tmp_path / "model.onnx")
    check_file(tmp_path / "model.onnx", model, share=0.25, precision="fp32")
    with pytest.raises(ValueError, match=r"trained with lattice:0\.25"):
        export(folder, tmp_path / "model.onnx", tokens="lattice:0.5")
    (folder / "config.json").write_text(json.dumps({**config, "vidcls_tokens": "lattice:0.3"}))
    with pytest.raises(ModelError, match=r"'vidcls_tokens' 'lattice:0\.3', expected one of all, "):
        export(folder, tmp_path / "model.onnx")


@pytest.mark.parametrize("grid", [(1, 1, 1), (8, 14, 14), (4, 7, 5), (3, 2, 9)])
@pytest.mark.parametrize("share", [0.5, 0.25, 0.125])
def test_lattices_are_spread_evenly_on_any_grid(share: float, grid: tuple[int, int, int]) -> None:
    tokens, every = Tokens(rule="lattice", share=share), round(1 / share)
    assert tokens_text(tokens) == f"lattice:{share:g}"
    phases = [kept_tokens(tokens, grid=grid, phase=phase) for phase in range(every)]
    assert sorted(number for phase in phases for number in phase) == list(range(np.prod(grid)))
    assert phases[0][0] == 0
    kept = np.zeros(grid, bool)
    kept.flat[phases[0]] = True
    for row in kept.reshape(-1, grid[2]):
        assert abs(row.sum() - grid[2] * share) < 1


def test_what_fewer_tokens_cost_is_told_and_may_be_too_much(
    saved: Callable[[str], tuple[Path, Any]], clips: Path, tmp_path: Path
) -> None:
    """On clips named by what the model answers with all tokens, so that its accuracy with all is 1."""
    folder, _ = saved("videomae")
    path, data = tmp_path / "model.onnx", tmp_path / "data"
    whole = export(folder, tmp_path / "whole.onnx").path
    found = [video for video in sorted(clips.rglob("*.*")) if video.is_file()]
    classifier, count = VideoClassifier(whole, device="cpu"), 0
    for number, video in enumerate(found):
        answer = next(iter(classifier.predict_many([video])))
        if not isinstance(answer, Exception):
            (data / answer.label).mkdir(parents=True, exist_ok=True)
            (data / answer.label / f"{number}{video.suffix}").write_bytes(video.read_bytes())
            count += 1
    report = export(folder, path, tokens="lattice:0.125", check=data, max_loss=1.0)
    loss = report.loss
    assert loss is not None
    assert (loss.videos, loss.accuracy_all) == (count, 1.0)
    assert loss.accuracy == loss.top1_agreement < 1
    assert report.contract.parity is not None
    assert report.contract.parity.top1_agreement == 1.0  # of PyTorch with the same tokens
    lines = "\n".join(report_lines(report, checked=data))
    assert re.search(rf"accuracy {loss.accuracy:.4f} \(.*\) instead of 1\.0000 \(", lines)
    before = path.read_bytes()
    with pytest.raises(
        ModelError, match=f"accuracy is {loss.accuracy:.4f} on {count} videos, and with all of them 1.0000"
    ):
        export(folder, path, tokens="lattice:0.125", check=data)
    assert path.read_bytes() == before
