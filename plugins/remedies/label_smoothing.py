"""Label smoothing: targets that are not quite sure."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from workbench import Param, Refused, Remedy

Loss = Callable[[Tensor, Tensor], Tensor]


class LabelSmoothing(Remedy):
    """Train on targets that give every class a small share, so that logits need not grow for ever.

    The recorded training loss is that with smoothed targets, and does not go to 0; the test loss is the plain one.
    """

    name = "label_smoothing"
    title = "Label smoothing"
    equation = r"q_k = (1 - \epsilon)\, \delta_{k,y} + \frac{\epsilon}{K}, \quad L = -\sum_k q_k \log p_k"
    reference = "Szegedy et al. 2015, arXiv:1512.00567"
    params = (
        Param("smoothing", 0.1, low=0.0, high=1.0, help="the share that all classes have together", search=(0.01, 0.4)),
    )
    smoothing: float

    def edit_loss(self, loss: Loss) -> Loss:
        """The mean of the loss over such targets; one that another remedy has changed is asked for every class."""

        def smoothed(logits: Tensor, targets: Tensor) -> Tensor:
            """``Refused`` unless the targets are class numbers (batch,)."""
            if targets.is_floating_point():
                raise Refused("the targets are numbers, not classes, so there is nothing to smooth; leave it out")
            if loss is functional.cross_entropy:
                return functional.cross_entropy(logits, targets, label_smoothing=self.smoothing)
            each = [loss(logits, torch.full_like(targets, k)) for k in range(logits.shape[1])]
            return (1 - self.smoothing) * loss(logits, targets) + self.smoothing * torch.stack(each).mean()

        return smoothed
