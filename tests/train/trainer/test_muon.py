"""Muon against torch's own, which computes in bfloat16, and against AdamW."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from transformers import VideoMAEConfig, VideoMAEForPreTraining

from vidcls_train.trainer.muon import Muon, orthogonalised
from vidcls_train.trainer.param_groups import parameter_groups

# torch's Muon computes the direction of its steps in bfloat16, with 8 bits: so far apart are weights after _STEPS
# steps, as a share of the distance that they have gone.
_BFLOAT16 = 0.05
_STEPS = 5

_RATE, _DECAY = 0.02, 0.1


def _model() -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(24, 96), torch.nn.GELU(), torch.nn.Linear(96, 24), torch.nn.Linear(24, 24)
    )


def _take_steps(model: torch.nn.Module, *optimizers: torch.optim.Optimizer) -> None:
    generator = torch.Generator().manual_seed(1)
    for _ in range(_STEPS):
        inputs, targets = torch.randn(32, 24, generator=generator), torch.randn(32, 24, generator=generator)
        torch.nn.functional.mse_loss(model(inputs), targets).backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()


def _groups(model: torch.nn.Module) -> list[dict[str, Any]]:
    return [
        {
            "params": [weight for weight in model.parameters() if weight.ndim == dimensions],
            "lr": _RATE,
            "weight_decay": _DECAY if dimensions == 2 else 0.0,
            "orthogonal": dimensions == 2,
        }
        for dimensions in (1, 2)
    ]


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this PyTorch has no Muon to compare with")
def test_matrices_move_as_by_torchs_muon_and_vectors_as_by_adamw() -> None:
    start, ours, theirs = _model(), _model(), _model()
    _take_steps(ours, Muon(_groups(ours), betas=(0.9, 0.99)))
    vectors, matrices = (group["params"] for group in _groups(theirs))
    _take_steps(
        theirs,
        torch.optim.AdamW(vectors, lr=_RATE, weight_decay=0.0, betas=(0.9, 0.99)),
        torch.optim.Muon(matrices, lr=_RATE, weight_decay=_DECAY, adjust_lr_fn="match_rms_adamw"),
    )
    for (name, before), mine, yours in zip(
        start.named_parameters(), ours.parameters(), theirs.parameters(), strict=True
    ):
        gone = (yours - before).norm()
        assert gone > 0
        assert (mine - yours).norm() < _BFLOAT16 * gone, name


def test_without_orthogonal_groups_it_is_adamw() -> None:
    ours, theirs = _model(), _model()
    groups = [{**group, "orthogonal": False} for group in _groups(ours)]
    _take_steps(ours, Muon(groups, betas=(0.9, 0.999)))
    _take_steps(theirs, torch.optim.AdamW([{**group} for group in _groups(theirs)], betas=(0.9, 0.999)))
    for mine, yours in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine, yours)


@pytest.mark.parametrize("shape", [(3, 20, 20), (2, 16, 64), (2, 64, 16)])
def test_singular_values_become_alike_and_directions_stay(shape: tuple[int, int, int]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    result = orthogonalised(matrices)
    left, values, right = torch.linalg.svd(matrices, full_matrices=False)
    inner = left.mT @ result @ right.mT  # diagonal, if the singular vectors are the same
    diagonal = torch.diagonal(inner, dim1=1, dim2=2)
    assert torch.allclose(inner, torch.diag_embed(diagonal), atol=1e-4)
    well_above_nothing = values > 0.05 * values.norm(dim=1, keepdim=True)
    assert bool(((diagonal > 0.6) & (diagonal < 1.25))[well_above_nothing].all())


def test_a_loaded_state_goes_on_as_if_never_saved() -> None:
    unbroken, resumed = _model(), _model()
    one, first = Muon(_groups(unbroken), betas=(0.9, 0.999)), Muon(_groups(resumed), betas=(0.9, 0.999))
    _take_steps(unbroken, one)
    _take_steps(unbroken, one)
    _take_steps(resumed, first)
    second = Muon(_groups(resumed), betas=(0.9, 0.999))
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    _take_steps(resumed, second)
    for mine, yours in zip(unbroken.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(mine, yours)


def test_inner_matrices_of_encoder_and_decoder_are_orthogonal_and_nothing_else() -> None:
    config = VideoMAEConfig(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        num_frames=2,
        image_size=32,
        decoder_hidden_size=12,
        decoder_num_attention_heads=2,
        decoder_num_hidden_layers=1,
        decoder_intermediate_size=24,
    )
    model = VideoMAEForPreTraining(config)
    groups = parameter_groups(model, learning_rate=1.0, layer_decay=1.0, weight_decay=0.05)
    chosen = {id(weight) for group in groups if group["orthogonal"] for weight in group["params"]}
    named = {name for name, weight in model.named_parameters() if id(weight) in chosen}
    kinds = ("query.weight", "key.weight", "value.weight", "dense.weight")
    assert all(name.endswith(kinds) for name in named)
    assert len(named) == (2 + 1) * 6
    assert sum("decoder_layers" in name for name in named) == 6
