"""Loss scaling: gradients that are kept from vanishing in rounding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from workbench import Clock, Param, Remedy


class LossScaling(Remedy):
    """Multiply every gradient by a constant on its way back and divide it out before the step, against underflow.

    Numbers below 1e-45 are 0 in single precision. The recorded loss and curvature are the unscaled ones; the recorded
    gradients and signals are the scaled ones. The scale is static: where it makes a gradient infinite, the run
    diverges. In the list of remedies it stands before those that look at the size of the gradient (``clip_norm``,
    ``agc``, ``gradient_noise``). Adam and other optimizers that divide by the gradient's size need no division: without
    it their squares live longer, which underflow where the gradient is below 1e-22.
    """

    name = "loss_scaling"
    title = "Loss scaling"
    summary = (
        "Multiplies gradients on their way back and divides before the step, so that they do not underflow; "
        "recorded gradients are the scaled ones."
    )
    equation = r"g = \frac{1}{S}\, \nabla_\theta (S \cdot L)"
    reference = "Micikevicius et al. 2017, arXiv:1710.03740"
    params = (
        Param(
            "scale", 65536.0, low=1.0, high=1e38, scale="log", help="S; a power of 2 rounds nothing",
            search=(2.0, 1e12),
        ),
        Param("unscale", True, help="divide again before the step; false for optimizers that do not mind the scale"),
    )  # fmt: skip
    scale: float
    unscale: bool

    def edit_loss(self, loss: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
        """The same values, with gradients S times as large."""
        return lambda outputs, targets: Scaled.apply(loss(outputs, targets), self.scale)

    @torch.no_grad()
    def before_step(self, parameters: Sequence[Tensor], clock: Clock) -> None:
        """Divide the scale out again."""
        if self.unscale:
            for p in parameters:
                if p.grad is not None:
                    p.grad.div_(self.scale)


class Scaled(torch.autograd.Function):
    """The identity, whose gradient is multiplied, unless that gradient is to be differentiated again (curvature)."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, scale: float) -> Tensor:
        """``value`` as it is."""
        ctx.scale = scale
        return value.clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        """``scale`` times the gradient. With ``create_graph``, torch has gradients on while it comes here."""
        return slope if torch.is_grad_enabled() else slope * ctx.scale, None
