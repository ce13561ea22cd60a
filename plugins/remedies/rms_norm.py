"""Root mean square normalisation between a weight layer and its activation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from workbench import Param

from .norm import Norm, others


class RMSNorm(Norm):
    """Divide the units of a layer by their root mean square within each sample; no mean is taken off.

    Behind a convolution the mean square is over all channels at all places of a sample, and each channel has its own
    scale, as with ``layer_norm``.
    """

    name = "rms_norm"
    title = "RMS norm"
    equation = r"\hat z_i = \gamma_i\,\frac{z_i}{\sqrt{\frac{1}{n} \sum_j z_j^2 + \epsilon}}"
    reference = "Zhang, Sennrich 2019, arXiv:1910.07467"
    params = (Param("eps", 1e-5, low=1e-12, high=1.0, scale="log", help="added to the mean square before the root"),)
    clashes = others("rms_norm")
    eps: float

    def norm(self, count: int, axes: int) -> nn.Module:
        """Over the units of a sample, and over their places."""
        return OverPlaces(count, axes, self.eps) if axes else nn.RMSNorm(count, eps=self.eps)


class OverPlaces(nn.Module):
    """RMS norm of (batch, channels, places ...): torch's own has no scale for a channel alone."""

    def __init__(self, channels: int, axes: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.axes, self.eps = axes, eps

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        square = x.square().mean(tuple(range(1, x.dim())), keepdim=True)
        return x * torch.rsqrt(square + self.eps) * self.weight.view(-1, *[1] * self.axes)

    def extra_repr(self) -> str:
        return f"{len(self.weight)}, eps={self.eps}"
