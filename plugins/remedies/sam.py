"""Sharpness-aware minimisation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from workbench import Param, Refused, Remedy, needs_closure

from .wrapper import Wrapper


class SAM(Remedy):
    """Step with the gradient from the worst place within rho, so that flat minima are preferred to sharp ones.

    Each step evaluates the loss and its gradient twice. Batch norm's running mean and variance see both.
    """

    name = "sam"
    title = "Sharpness-aware minimisation (SAM)"
    equation = (
        r"\epsilon = \rho\, \frac{g(\theta)}{\lVert g(\theta) \rVert}, \quad "
        r"g \leftarrow g(\theta + \epsilon); \quad "
        r"\text{adaptive: } \epsilon = \rho\, \frac{\theta^2 g(\theta)}{\lVert \theta\, g(\theta) \rVert}"
    )
    reference = "Foret et al. 2020, arXiv:2010.01412; adaptive: Kwon et al. 2021, arXiv:2102.11600"
    params = (
        Param("rho", 0.05, low=0.0, high=1e3, scale="log", help="how far away it looks", search=(0.005, 2.0)),
        Param("adaptive", False, help="look farther along large weights (ASAM); rho is then about ten times larger"),
    )
    rho: float
    adaptive: bool

    def wrap_optimizer(self, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        """Refuse, with ``Refused``, an optimizer that evaluates the loss as often as it likes."""
        return AtTheWorstPlace(optimizer, self.rho, self.adaptive)


class AtTheWorstPlace(Wrapper):
    """Give the inner optimizer the gradient from ``rho`` uphill instead of from where it is."""

    def __init__(self, inner: torch.optim.Optimizer, rho: float, adaptive: bool) -> None:
        super().__init__(inner)
        if needs_closure(inner):
            raise Refused(
                f"it gives the optimizer one gradient a step, and {type(inner).__name__} asks for more; use another"
            )
        self.rho, self.adaptive = rho, adaptive

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor]) -> Tensor:  # type: ignore[override]
        """Two evaluations; returns the loss of the first. The weights come back to the last bit in between."""
        with torch.enable_grad():
            loss = closure()
        before = [(p, p.clone()) for p in self.moving()]
        self.climb()
        with torch.enable_grad():
            closure()
        for p, place in before:
            p.copy_(place)
        self.inner.step()
        return loss

    def climb(self) -> None:
        """Add the perturbation; there is none where the gradient is zero."""
        moving = self.moving()
        sizes = [p.abs() if self.adaptive else torch.ones_like(p) for p in moving]
        norms = [torch.linalg.vector_norm(size * p.grad) for p, size in zip(moving, sizes, strict=True)]
        norm = torch.linalg.vector_norm(torch.stack(norms)) if norms else torch.zeros(())
        for p, size in zip(moving, sizes, strict=True):
            p.add_(torch.where(norm > 0, self.rho / norm, 0.0) * size**2 * p.grad)
