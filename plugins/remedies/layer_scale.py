"""LayerScale: residual branches that begin small, unit by unit."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from workbench import Block, Param, Remedy

from .shortcuts import with_shortcut
from .units import units


class LayerScale(Remedy):
    """Multiply what a block adds to its shortcut by one small number for each unit, which is learned.

    A model without shortcuts is given residual ones. The paper starts from 0.1 up to 18 blocks, from 1e-5 at 24 and
    from 1e-6 beyond.
    """

    name = "layer_scale"
    title = "LayerScale"
    equation = (
        r"h_l = h_{l-1} + \mathrm{diag}(\lambda_l)\, F(h_{l-1}), \quad \lambda_{l,i} = \epsilon \text{ at the start}"
    )
    reference = "Touvron et al. 2021, arXiv:2103.17239"
    params = (
        Param("start", 0.1, low=0.0, high=10.0, scale="log", help="the numbers to start from", search=(1e-6, 1.0)),
    )
    clashes = ("rezero",)
    start: float

    def edit_blocks(self, blocks: list[Block]) -> list[Block]:
        """Put the numbers at the head of every branch; ``Refused`` where no block has room for a shortcut."""
        for block in with_shortcut(blocks):
            block.branch.insert(0, TimesEach(*units(block.layer), self.start))
        return blocks


class TimesEach(nn.Module):
    """Multiply every unit by a number of its own that is learned; a channel's is the same at all places."""

    def __init__(self, count: int, axes: int, start: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((count,), start))
        self.axes = axes

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return self.weight.view(-1, *[1] * self.axes) * x
