"""LAMB around any optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from workbench import Param

from .local_rates import SCALED, Layerwise
from .wrapper import Wrapper, innermost


class LAMB(Layerwise):
    """Scale each tensor's step to the learning rate times the length of its weights.

    Around AdamW it is the optimizer ``lamb``. Weights longer than ``max_norm`` count as that. A tensor at 0 (a bias)
    takes its step as it is.
    """

    name = "lamb"
    title = "LAMB around an optimizer"
    summary = (
        "Scales each tensor's step to the learning rate times the length of its weights; around AdamW it is the "
        "optimizer LAMB."
    )
    equation = (
        r"\Delta w^l \leftarrow \eta\, \min(\lVert w^l \rVert, \gamma)\, \frac{\Delta w^l}{\lVert \Delta w^l \rVert}"
    )
    reference = "You et al. 2019, arXiv:1904.00962"
    params = (
        Param("max_norm", 10.0, low=1e-6, high=1e6, scale="log", help="the largest length of weights that counts"),
    )
    clashes = tuple(name for name in SCALED if name != "lamb")
    max_norm: float

    def wrap_optimizer(self, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        """Refuse, with ``TypeError``, an optimizer without a rate or with modes, or one that evaluates as it likes."""
        return innermost(optimizer, lambda inner: ScaledSteps(inner, self.max_norm))


class ScaledSteps(Wrapper):
    """Take the inner optimizer's step, then change its length tensor by tensor."""

    def __init__(self, inner: torch.optim.Optimizer, max_norm: float) -> None:
        super().__init__(inner)
        self.need_rates()
        self.need_one_place()
        self.max_norm = max_norm

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """One step; a tensor that is 0, or did not move, is left as the inner optimizer has it."""
        before = [(p, p.clone(), group) for group in self.param_groups for p in group["params"] if p.grad is not None]
        loss = super().step(closure)
        for p, place, group in before:
            step = p - place
            weights = torch.linalg.vector_norm(place).clamp(max=self.max_norm)
            length = torch.linalg.vector_norm(step)
            factor = torch.where((weights > 0) & (length > 0), group["lr"] * weights / length, 1.0)
            p.copy_(place + step * factor)
        return loss
