"""Layers that begin by passing on what they are given."""

import torch
from torch import Tensor, nn

from workbench import Initializer, Param


def fill(weight: Tensor, scale: float, noise: float) -> None:
    """Fill with ``scale`` times the identity (a convolution: with what hands its input on) plus N(0, noise^2).

    Where a layer has fewer outputs than inputs, it passes on the first of them; where it has more, the rest
    are 0 but for the noise. A grouped convolution counts as one group.
    """
    if weight.dim() == 2:
        nn.init.eye_(weight)
    else:
        nn.init.dirac_(weight)
    weight.mul_(scale)
    if noise:
        weight.add_(torch.randn_like(weight), alpha=noise)


identity = Initializer(
    "identity",
    fill,
    params=[
        Param("scale", 1.0, low=-100.0, high=100.0, help="what a layer multiplies by", search=(0.1, 2.0)),
        Param("noise", 0.0, low=0.0, high=100.0, help="standard deviation of what is added to every weight"),
    ],
    summary="Every layer begins by handing on its input, as far as it has the units for it.",
    equation=r"W = s\,I + \epsilon,\quad \epsilon \sim \mathcal N(0, \sigma^2)",
    reference="Le, Jaitly, Hinton 2015, arXiv:1504.00941; Zagoruyko, Komodakis 2017, arXiv:1706.00388",
)
