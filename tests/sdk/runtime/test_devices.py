"""Names of devices, and whatever compares them: a card by its number is a card like the first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from generated import contract_fields, write_model
from vidcls import DeviceError, VideoClassifier
from vidcls.diagnostics import candidates
from vidcls.runtime.deadline import LEAST_SECONDS, longest_run


@pytest.mark.parametrize("device", ["cuda:0", "cuda:1", "cuda:7"])
def test_a_card_is_asked_for_by_its_number_and_never_falls_back(device: str, model: Path) -> None:
    name = "cuda" if device == "cuda:0" else device
    with pytest.raises(DeviceError, match=rf"^device '{name}' was asked for, but .*; "):
        VideoClassifier(model, device=device)


def test_what_is_for_cpus_alone_is_refused_on_every_card(model: Path, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="device 'cuda:1' was asked for, but engine 'openvino' is for CPUs"):
        VideoClassifier(model, device="cuda:1", engine="openvino")
    fields = contract_fields()
    fields["model"]["precision"] = "int8"
    int8 = write_model(tmp_path / "int8.onnx", fields)
    with pytest.raises(DeviceError, match="int8 model, which is for CPUs"):
        VideoClassifier(int8, device="cuda:1")


def test_a_card_may_set_itself_up_in_its_first_run() -> None:
    small: dict[str, Any] = {"file_bytes": 0, "input_shape": ["batch", 4]}
    assert longest_run(device="cuda:1", **small) == longest_run(device="cuda", **small) == LEAST_SECONDS["cuda"]


def test_models_are_compared_on_the_card_that_was_asked_for(model: Path) -> None:
    (placement,) = candidates.find_placements(engine=None, device="cuda:1")
    assert (placement.engine, placement.device) == ("onnxruntime", "cuda:1")
    (file,) = candidates.find_files(model, [])
    assert "fp16" in [export.what for export in candidates.missing_exports([file], [placement])]
    assert file.contract is not None
    assert candidates.fits(file.contract, placement)
    with pytest.raises(ValueError, match="'openvino' does not run on device 'cuda:1'"):
        candidates.find_placements(engine="openvino", device="cuda:1")
