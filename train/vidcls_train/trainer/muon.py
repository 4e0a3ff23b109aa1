"""Muon: an optimizer whose steps change a weight matrix by as much in every direction.

Keller Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (kellerjordan.github.io/posts/muon),
with the step length that lets it have AdamW's rate and decay (Liu et al., "Muon is Scalable for LLM Training",
arXiv 2502.16982). torch.optim.Muon does the same in bfloat16, one matrix at a time: coarser, and slow on a processor
that has no bfloat16.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch

_MOMENTUM = 0.95

# Jordan's quintic and how often it is applied: singular values end between about 0.7 and 1.2, which is near enough.
_QUINTIC = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5

# The root mean square of AdamW's usual step, as a share of the rate.
_STEP = 0.2


class Muon(torch.optim.AdamW):
    """AdamW, and Muon for the groups that have "orthogonal": all of their weights are matrices."""

    def __init__(self, groups: Iterable[dict[str, Any]], *, betas: tuple[float, float]) -> None:
        """Args: parameter groups with "lr", "weight_decay" and "orthogonal"; AdamW's decay of its two averages."""
        super().__init__(groups, betas=betas)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step; the gradients of what Muon moves are used up."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        # Matrices of one shape are computed at once.
        alike: defaultdict[torch.Size, list[tuple[torch.Tensor, torch.Tensor, dict[str, Any]]]] = defaultdict(list)
        for group in self.param_groups:
            for weight in group["params"] if group["orthogonal"] else ():
                if weight.grad is not None:
                    alike[weight.shape].append((weight, self._direction(weight, weight.grad), group))
                    weight.grad = None  # so that AdamW leaves it alone
        for shape, members in alike.items():
            steps = orthogonalised(torch.stack([direction for _, direction, _ in members]))
            for (weight, _, group), step in zip(members, steps, strict=True):
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(step, alpha=-group["lr"] * _STEP * math.sqrt(max(shape)))
        super().step()
        return loss

    def _direction(self, weight: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """Nesterov's momentum."""
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
            state["step"] = torch.tensor(0.0)  # of no use but that AdamW asks for it when a state is loaded
        state["momentum"].lerp_(gradient, 1 - _MOMENTUM)
        return gradient.lerp(state["momentum"], _MOMENTUM)


def orthogonalised(matrices: torch.Tensor) -> torch.Tensor:
    """[n, rows, columns] to the same with all singular values near 1, by Newton and Schulz's iteration."""
    if matrices.shape[1] > matrices.shape[2]:
        return orthogonalised(matrices.mT).mT
    first, second, third = _QUINTIC
    matrices = matrices / matrices.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(_ITERATIONS):
        gram = matrices @ matrices.mT
        matrices = first * matrices + (second * gram + third * gram @ gram) @ matrices
    return matrices
