"""LARS around any optimizer."""

from __future__ import annotations

import torch

from .local_rates import DECAY, SCALED, TRUST, Layerwise, LocalRates
from .wrapper import innermost


class LARS(Layerwise):
    """Scale each layer's gradient to a fixed share of its weights' length, however large or small it is.

    A layer is one tensor of weights; biases and norms are left alone. Around SGD with momentum it is the optimizer
    ``lars``. An optimizer that divides by the gradient's size itself (Adam) undoes the scaling: take ``lamb`` there.
    """

    name = "lars"
    title = "LARS around an optimizer"
    summary = (
        "Scales each layer's gradient to a fixed share of its weights' length; around SGD it is the optimizer LARS, "
        "around Adam it is undone."
    )
    equation = (
        r"g^l \leftarrow \lambda^l (g^l + \beta w^l), \quad "
        r"\lambda^l = \xi\, \frac{\lVert w^l \rVert}{\lVert g^l \rVert + \beta \lVert w^l \rVert}"
    )
    reference = "You, Gitman, Ginsburg 2017, arXiv:1708.03888"
    params = (TRUST, DECAY)
    clashes = tuple(name for name in SCALED if name != "lars")
    trust_coefficient: float
    weight_decay: float

    def wrap_optimizer(self, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        """Refuse, with ``TypeError``, an optimizer that evaluates the loss as often as it likes."""
        return innermost(optimizer, lambda inner: LocalRates(inner, self.trust_coefficient, self.weight_decay))
