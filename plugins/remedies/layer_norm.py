"""Layer normalisation between a weight layer and its activation."""

from __future__ import annotations

from torch import nn

from workbench import Param

from .norm import Norm, others


class LayerNorm(Norm):
    """Give the units of a layer mean 0 and variance 1 within each sample, before their activation.

    Behind a convolution all channels at all places of a sample are normalised together, and each channel has its own
    scale and shift: ``nn.GroupNorm`` with one group. The batch plays no part, so training and testing are alike.
    """

    name = "layer_norm"
    title = "Layer norm"
    equation = (
        r"\hat z_i = \gamma_i\,\frac{z_i - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta_i, \quad "
        r"\mu, \sigma^2 \text{ over the units of one sample}"
    )
    reference = "Ba, Kiros, Hinton 2016, arXiv:1607.06450"
    params = (Param("eps", 1e-5, low=1e-12, high=1.0, scale="log", help="added to the variance before the root"),)
    clashes = others("layer_norm")
    eps: float

    def norm(self, count: int, axes: int) -> nn.Module:
        """Over the units of a sample, and over their places."""
        return nn.GroupNorm(1, count, eps=self.eps) if axes else nn.LayerNorm(count, eps=self.eps)
