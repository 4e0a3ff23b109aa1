"""A plain Hugging Face checkpoint whose labels hold together: its sigmoid, from checkpoint to Parquet."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from generated import LABELS, write_clip
from pytorch_answers import pattern, pytorch, transformers_pixels
from vidcls import VideoClassifier
from vidcls.batch.answers import predicted_row
from vidcls_export.exporter import export

LOGITS = (0.5676, 0.0710, 0.1176, -0.2571)
SIGMOIDS = (0.638, 0.518, 0.529, 0.436)  # 1 / (1 + exp(-x)), to three digits


def test_the_sigmoid_of_a_checkpoint_is_that_of_file_command_and_table(
    edit_weights: Callable[..., Path], edit_json: Callable[..., None], tmp_path: Path
) -> None:
    def fix_logits(model: object) -> None:
        model.classifier.weight[:] = 0  # type: ignore[attr-defined]
        model.classifier.bias[:] = model.classifier.bias.new_tensor(LOGITS)  # type: ignore[attr-defined]

    folder = edit_weights(fix_logits)
    (folder / "vidcls.json").unlink()
    edit_json(folder / "config.json", problem_type="multi_label_classification")
    found = pytorch(folder, transformers_pixels(folder, pattern()))[0]
    assert (1 / (1 + np.exp(-found))).round(3).tolist() == pytest.approx(SIGMOIDS)

    report = export(folder, tmp_path / "model.onnx")
    assert report.contract.decision.activation == "sigmoid"
    clip = write_clip(tmp_path / "clip.mp4", frames=30)
    prediction = VideoClassifier(report.path, device="cpu").predict(clip)
    assert prediction.logits.tolist() == pytest.approx(LOGITS, abs=1e-5)
    assert prediction.probabilities.round(3).tolist() == pytest.approx(SIGMOIDS)
    assert prediction.labels_present == LABELS[:3]

    command = [str(Path(sys.executable).with_name("vidcls")), "predict", str(report.path), str(clip), "--json"]
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert np.round(answer["probabilities"], 3).tolist() == pytest.approx(SIGMOIDS)
    assert answer["labels_present"] == list(LABELS[:3])

    parquet = pytest.importorskip("pyarrow.parquet")
    from vidcls.batch.arrow import to_parquet

    table = to_parquet([predicted_row(str(clip), prediction, top_k=4)], settings={})
    (row,) = parquet.read_table(io.BytesIO(table)).to_pylist()
    assert np.round(row["probabilities"], 3).tolist() == pytest.approx(SIGMOIDS)
    assert row["labels_present"] == list(LABELS[:3])
