"""LARC: LARS that only ever shortens a step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .local_rates import DECAY, SCALED, TRUST, Layerwise, LocalRates
from .wrapper import innermost


class LARC(Layerwise):
    """Shorten each layer's gradient where the step would be more than a fixed share of its weights' length.

    LARS with its local rate cut off at the optimizer's own; NVIDIA's apex calls it so. A layer is one tensor of
    weights; biases and norms are left alone. An optimizer that divides by the gradient's size itself (Adam) undoes the
    scaling.
    """

    name = "larc"
    title = "LARC (clipped LARS)"
    equation = (
        r"g^l \leftarrow \min\!\left(1, \frac{\lambda^l}{\eta}\right) (g^l + \beta w^l), \quad "
        r"\lambda^l = \xi\, \frac{\lVert w^l \rVert}{\lVert g^l \rVert + \beta \lVert w^l \rVert}"
    )
    reference = "You, Gitman, Ginsburg 2017, arXiv:1708.03888; clipped as in NVIDIA apex"
    params = (TRUST, DECAY)
    clashes = tuple(name for name in SCALED if name != "larc")
    trust_coefficient: float
    weight_decay: float

    def wrap_optimizer(self, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        """Refuse, with ``TypeError``, an optimizer without a rate, or one that evaluates as often as it likes."""
        return innermost(optimizer, lambda inner: ClippedRates(inner, self.trust_coefficient, self.weight_decay))


class ClippedRates(LocalRates):
    """Local rates that count only where they are below the group's."""

    def __init__(self, inner: torch.optim.Optimizer, trust: float, weight_decay: float) -> None:
        super().__init__(inner, trust, weight_decay)
        self.need_rates()

    def local(self, p: Tensor, group: dict[str, Any]) -> Tensor:
        """The local rate over the group's, at most 1; at a rate of 0 nothing moves anyway."""
        weights = torch.linalg.vector_norm(p)
        whole = torch.linalg.vector_norm(p.grad) + self.weight_decay * weights
        clipped = torch.clamp(self.trust * weights / (whole * group["lr"]), max=1.0)
        return torch.where((weights > 0) & (whole > 0), clipped, 1.0)
