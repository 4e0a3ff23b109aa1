"""`vidcls info`: JSON fields as promised."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import json_lines, run
from generated import LABELS, contract_fields, write_model
from vidcls.fingerprint import encode


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_info_answers_in_json_with_the_promised_fields(dtype: str, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.onnx", dtype=dtype)
    fields = contract_fields(dtype=dtype)
    (answer,) = json_lines(run("info", model, "--json").stdout)
    assert answer == {
        "labels": list(LABELS),
        "frames": 4,
        "clip_seconds": 0.8,
        "image": fields["image"],
        "precision": "fp32",
        "input": {
            "name": "pixel_values",
            "shape": ["batch", 4, 3, 32, 32] if dtype == "float32" else ["batch", 4, 32, 32, 3],
            "dtype": dtype,
        },
        "source": fields["source"],
        "decision": fields["decision"],
        "tokens": fields["tokens"],
        "file_mb": pytest.approx(model.stat().st_size / 1e6, abs=0.001),
    }


def test_info_tells_people_licence_accuracy_and_parity(model: Path, tmp_path: Path) -> None:
    text = run("info", model).stdout
    accuracy = "top-1 0.500 (0.09 to 0.91), top-5 1.000 (0.34 to 1.00) on 2 videos"
    for part in ("cc-by-nc-4.0", "someone/some-base", accuracy, "clap, jump, turn left, wave", "0.0009"):
        assert part in text
    fields = contract_fields()
    fields["source"].update(base=None, base_license=None)
    fields.update(accuracy=None, parity=None)
    text = run("info", write_model(tmp_path / "model.onnx", fields)).stdout
    for part in ("from scratch", "not measured", "unproven"):
        assert part in text


def test_info_tells_people_what_follows_from_logits_and_which_clips_are_known(tmp_path: Path) -> None:
    fields = contract_fields()
    fields["source"]["clips"] = {
        "algorithm": "dct-1",
        "train": encode([bytes([n] * 16) for n in range(3)]),
        "val": encode([bytes(16)]),
    }
    fields["decision"].update(
        temperature=1.37,
        none_label="wave",
        reject={"score": "max_probability", "threshold": 0.41, "accepted": 0.95, "false_accepted": 0.11},
        operating_points={"clap": {"probability": 0.71, "precision": 0.93, "recall": 0.81}, "jump": None},
        events={"on": 0.6, "off": 0.4, "min_seconds": 1.0, "change_cost": 5.0, "false_alarms_per_hour": None},
        fitted_on={"split": "val", "videos": 31, "views": 1, "crops": 1, "precision": "fp32"},
    )
    text = run("info", write_model(tmp_path / "model.onnx", fields)).stdout
    for line in (
        "  decision   softmax, temperature 1.370, fitted on 31 videos (val, 1 x 1 views x crops, fp32)",
        "  none       the class 'wave' means that a video shows none of the labels",
        "  reject     max probability below 0.41 is none of the labels; keeps 0.950 of right answers; share of videos "
        "without a label that pass as one: 0.110",
        "  threshold  clap: from 0.710 on, precision 0.930, recall 0.810",
        "  threshold  jump: none: too few videos to choose one, or none that was good enough",
        "  events     begin at 0.600, end below 0.400, last at least 1 s, a change costs 5; false alarms: not measured",
        "  clips      recognises the 3 it was trained on and the 1 it was chosen by",
    ):
        assert line in text.splitlines(), line
    text = run("info", write_model(tmp_path / "neutral.onnx")).stdout
    assert "  decision   softmax, temperature 1.000, not fitted\n" in text
    assert "  reject     no rule: every answer counts" in text
    assert "  clips      no fingerprints" in text
    fields = contract_fields()
    fields["decision"]["activation"] = "sigmoid"  # then a video may well show none of the labels
    text = run("info", write_model(tmp_path / "together.onnx", fields)).stdout
    assert "  reject     none needed: a video of which no label reaches its threshold, else 0.5, shows none" in text
    assert "every answer counts" not in text
