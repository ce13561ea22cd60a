"""Batch normalisation between a weight layer and its activation."""

from __future__ import annotations

from torch import nn

from workbench import Param

from .norm import Norm, others


class BatchNorm(Norm):
    """Give every unit mean 0 and variance 1 over the batch, before its activation."""

    name = "batch_norm"
    title = "Batch norm"
    equation = r"\hat z = \gamma\,\frac{z - \mu_B}{\sqrt{\sigma_B^2 + \epsilon}} + \beta"
    reference = "Ioffe, Szegedy 2015, arXiv:1502.03167"
    params = (
        Param("momentum", 0.1, low=0.0, high=1.0, help="share of the newest batch in the running mean and variance"),
        Param("eps", 1e-5, low=1e-12, high=1.0, scale="log", help="added to the variance before the root"),
    )
    clashes = others("batch_norm")
    momentum: float
    eps: float

    def norm(self, count: int, axes: int) -> nn.Module:
        """Over the batch, and over the places of a channel."""
        kind = (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[axes]
        return kind(count, eps=self.eps, momentum=self.momentum)
