"""Weight standardisation: a layer works with its weights, each unit's made mean 0 and variance 1."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from workbench import Block, Param, Refused, Remedy


class WeightStandardization(Remedy):
    """Let hidden layers work with weights of mean 0 and variance 1 in each unit; what is learned lies beneath.

    A unit with n inputs then has outputs about sqrt(n) times as large as its inputs, so the paper puts a norm behind
    it. Without one switch ``scaled`` on.
    """

    name = "weight_standardization"
    title = "Weight standardization"
    equation = (
        r"\hat W_{ij} = \frac{W_{ij} - \mu_i}{\sqrt{\sigma_i^2 + \epsilon}}, \quad "
        r"\mu_i, \sigma_i^2 \text{ over row } i; \quad \text{scaled: } \hat W / \sqrt{n}"
    )
    reference = "Qiao et al. 2019, arXiv:1903.10520; scaled: Brock, De, Smith 2021, arXiv:2101.08692"
    params = (
        Param("scaled", False, help="divide by the root of the number of inputs, which takes the place of a norm"),
        Param("eps", 1e-5, low=1e-12, high=1.0, scale="log", help="added to the variance before the root"),
    )
    clashes = ("spectral_norm",)
    scaled: bool
    eps: float

    def edit_blocks(self, blocks: list[Block]) -> list[Block]:
        """Change every Linear and Conv of all blocks but the last; ``Refused`` for units with one input."""
        if len(blocks) < 2:
            raise Refused("without a hidden layer there are no weights to standardise; take a deeper model")
        for block in blocks[:-1]:
            for part in block.modules():
                for module in part.modules():
                    if type(module) in STANDARDIZED:
                        self.change(module)
        return blocks

    def change(self, layer: nn.Module) -> None:
        """Turn a layer into its subclass: its weight stays the parameter, under the same name."""
        if layer.weight[0].numel() < 2:
            raise Refused("a layer whose units have one input each has no variance to divide by; take another model")
        layer.__class__ = STANDARDIZED[type(layer)]
        layer.eps, layer.scaled = self.eps, self.scaled


def standardized(weight: Tensor, eps: float, scaled: bool) -> Tensor:
    """Weights (outputs, ...) less their mean, over their standard deviation, each row by itself."""
    variance, mean = torch.var_mean(weight, dim=tuple(range(1, weight.dim())), correction=0, keepdim=True)
    size = (variance + eps) * (weight[0].numel() if scaled else 1)
    return (weight - mean) * torch.rsqrt(size)


class OfLinear(nn.Linear):
    """Linear with standardised weights."""

    eps: float
    scaled: bool

    def forward(self, x: Tensor) -> Tensor:
        """``x`` is (..., inputs)."""
        return nn.functional.linear(x, standardized(self.weight, self.eps, self.scaled), self.bias)


class OfConv:
    """Conv with standardised weights, of any number of axes."""

    eps: float
    scaled: bool

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Any:
        """What torch's convolutions call with their weight."""
        return super()._conv_forward(x, standardized(weight, self.eps, self.scaled), bias)  # type: ignore[misc]


class OfConv1d(OfConv, nn.Conv1d):
    """Conv1d with standardised weights."""


class OfConv2d(OfConv, nn.Conv2d):
    """Conv2d with standardised weights."""


class OfConv3d(OfConv, nn.Conv3d):
    """Conv3d with standardised weights."""


STANDARDIZED = {nn.Linear: OfLinear, nn.Conv1d: OfConv1d, nn.Conv2d: OfConv2d, nn.Conv3d: OfConv3d}
