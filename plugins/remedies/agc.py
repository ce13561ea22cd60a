"""Adaptive gradient clipping: each unit's gradient is measured by that unit's weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from workbench import Clock, Param, Remedy


class AGC(Remedy):
    """Shorten a unit's gradient to a share of the length of its weights; the last layer is left alone.

    A unit is a row of a weight matrix, or a filter; a bias, or another tensor of one axis, counts as one.
    """

    name = "agc"
    title = "Adaptive gradient clipping (AGC)"
    equation = (
        r"G_i \leftarrow \lambda\, \frac{\max(\lVert W_i \rVert, \epsilon)}{\lVert G_i \rVert}\, G_i \quad "
        r"\text{where } \lVert G_i \rVert > \lambda \max(\lVert W_i \rVert, \epsilon)"
    )
    reference = "Brock, De, Smith, Simonyan 2021, arXiv:2102.06171"
    params = (
        Param(
            "clipping", 0.01, low=1e-6, high=1e3, scale="log", help="the largest share that is let through",
            search=(1e-3, 1.0),
        ),
        Param("eps", 1e-3, low=0.0, high=1e3, scale="log", help="weights shorter than that count as long as that"),
    )  # fmt: skip
    clipping: float
    eps: float

    def after_init(self, network: nn.Module, inputs: Tensor) -> None:
        """Note the network: its last layer is left alone, as in the paper."""
        self.network = network

    @torch.no_grad()
    def before_step(self, parameters: Sequence[Tensor], clock: Clock) -> None:
        """Clip unit by unit; a gradient with NaN stays NaN."""
        last = {id(p) for p in self.network.weight_layers[-1].module.parameters()}
        for p in parameters:
            if p.grad is not None and id(p) not in last:
                most = self.clipping * lengths(p).clamp(min=self.eps)
                length = lengths(p.grad)
                p.grad.mul_(torch.where(length > most, most / length, 1.0))


def lengths(tensor: Tensor) -> Tensor:
    """The Euclidean norm of each unit, shaped so that it multiplies the tensor."""
    axes = tuple(range(1, tensor.dim())) or None
    return torch.linalg.vector_norm(tensor, dim=axes, keepdim=True)
