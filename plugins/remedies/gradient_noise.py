"""Noise in the gradient that fades."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from workbench import Clock, Param, Remedy


class GradientNoise(Remedy):
    """Add Gaussian noise to every entry of the gradient, whose variance fades with the steps."""

    name = "gradient_noise"
    title = "Gradient noise"
    equation = r"g_t \leftarrow g_t + \mathcal{N}(0, \sigma_t^2), \quad \sigma_t^2 = \frac{\eta}{(1 + t)^\gamma}"
    reference = "Neelakantan et al. 2015, arXiv:1511.06807"
    params = (
        Param("eta", 0.01, low=0.0, high=1e6, scale="log", help="variance in the first step", search=(1e-4, 1.0)),
        Param("gamma", 0.55, low=0.0, high=10.0, help="how fast the variance fades", search=(0.0, 2.0)),
    )
    eta: float
    gamma: float

    @torch.no_grad()
    def before_step(self, parameters: Sequence[Tensor], clock: Clock) -> None:
        """Draw from torch's global generator, which goes into checkpoints."""
        deviation = (self.eta / (1 + clock.step) ** self.gamma) ** 0.5
        for p in parameters:
            if p.grad is not None:
                p.grad.add_(torch.randn_like(p.grad) * deviation)
