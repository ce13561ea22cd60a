"""What LARS, LARC and LAMB have in common: each layer's weights say how far it moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from workbench import Param, Remedy

from .wrapper import Wrapper

TRUST = Param(
    "trust_coefficient", 0.001, low=0.0, high=1e3, scale="log", help="share of the weights' length in a step",
    search=(1e-4, 0.1),
)  # fmt: skip
DECAY = Param(
    "weight_decay", 0.0, low=0.0, high=1e3, scale="log", search=(1e-6, 0.01),
    help="strength of the L2 penalty, scaled with the gradient; the optimizer's own decay is not",
)  # fmt: skip
SCALED = ("lars", "larc", "lamb")  # each decides alone how far a layer moves


class Layerwise(Remedy):
    """A remedy that measures a step by the weights of its layer."""

    @classmethod
    def needs_network(cls) -> bool:
        """A point of a surface has no layers, and how far it is from 0 says nothing."""
        return True


class LocalRates(Wrapper):
    """Scale the gradient of every tensor of two axes and more by its local rate, then step as the inner optimizer does.

    Biases and norms are left alone: they start at 0, or near a size that is no measure of a step.
    """

    def __init__(self, inner: torch.optim.Optimizer, trust: float, weight_decay: float) -> None:
        super().__init__(inner)
        self.trust, self.weight_decay = trust, weight_decay

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """One step of the inner optimizer with scaled gradients."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None and p.dim() > 1:
                    rate = self.local(p, group)
                    p.grad.add_(p, alpha=self.weight_decay).mul_(rate)
        self.inner.step()
        return loss

    def local(self, p: Tensor, group: dict[str, Any]) -> Tensor:
        """The local rate; 1 where there are no weights yet, or no gradient."""
        weights, slope = torch.linalg.vector_norm(p), torch.linalg.vector_norm(p.grad)
        whole = slope + self.weight_decay * weights
        return torch.where((weights > 0) & (whole > 0), self.trust * weights / whole, 1.0)
