"""Gradient centralization: each unit's gradient without its mean."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from workbench import Clock, Refused, Remedy


class GradientCentralization(Remedy):
    """Take the mean of each unit's gradient off, so that the sum of its weights never moves; biases are left alone."""

    name = "gradient_centralization"
    title = "Gradient centralization"
    equation = r"G_{ij} \leftarrow G_{ij} - \frac{1}{n} \sum_{k=1}^{n} G_{ik}"
    reference = "Yong, Huang, Hua, Zhang 2020, arXiv:2004.01461"

    def after_init(self, network: nn.Module, inputs: Tensor) -> None:
        """``Refused`` for a layer whose units have one input: there the gradient would always be 0."""
        if any(p.dim() > 1 and p[0].numel() == 1 for p in network.parameters()):
            raise Refused("a layer whose units have one input each would get no gradient at all; take another model")

    @torch.no_grad()
    def before_step(self, parameters: Sequence[Tensor], clock: Clock) -> None:
        """Centralise every tensor of two axes and more, row by row."""
        for p in parameters:
            if p.grad is not None and p.dim() > 1:
                p.grad.sub_(p.grad.mean(tuple(range(1, p.dim())), keepdim=True))
