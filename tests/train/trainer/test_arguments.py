"""What a run asks of transformers, where its own choice would be another; no card is needed."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from transformers import TrainingArguments

from vidcls_train.config.settings import train_config
from vidcls_train.trainer.arguments import computes_bf16, environment_kept, training_arguments


def test_one_process_takes_one_card_of_several(tmp_path: Path) -> None:
    config = train_config({"data": str(tmp_path), "output": tmp_path / "run", "preset": "tiny", "device": "cpu"})
    arguments = training_arguments(config, steps=1, validates=False)
    assert arguments.n_gpu == 0
    arguments._n_gpu = 4  # as transformers counts cards
    assert arguments.n_gpu == 1
    assert arguments.train_batch_size == config.optimization.batch_size


@pytest.mark.parametrize("before", [None, "no"])
def test_a_run_in_half_precision_leaves_none_to_the_next(
    before: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACCELERATE_MIXED_PRECISION", raising=False)
    if before is not None:
        monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", before)
    with environment_kept():
        TrainingArguments(output_dir=str(tmp_path), bf16=True, use_cpu=True, report_to=[])
        assert os.environ["ACCELERATE_MIXED_PRECISION"] == "bf16"  # transformers leaves it there
    assert os.environ.get("ACCELERATE_MIXED_PRECISION") == before


@pytest.mark.parametrize(("major", "is_its_own"), [(7, False), (8, True)])
def test_bf16_is_not_emulated(major: int, is_its_own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what PyTorch says of cards of this compute capability."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(major=major))
    assert computes_bf16() is is_its_own
