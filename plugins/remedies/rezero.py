"""ReZero: residual branches that begin at nothing."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from workbench import Block, Param, Remedy

from .shortcuts import with_shortcut


class ReZero(Remedy):
    """Multiply what a block adds to its shortcut by one number that is learned and starts at 0.

    At the start such a block is the identity, so signal and gradient pass through any depth unchanged. A model without
    shortcuts is given residual ones. The same number is the scalar of SkipInit (De, Smith 2020, arXiv:2002.10444).
    """

    name = "rezero"
    title = "ReZero"
    equation = r"h_l = h_{l-1} + \alpha_l\, F(h_{l-1}), \quad \alpha_l = 0 \text{ at the start}"
    reference = "Bachlechner et al. 2020, arXiv:2003.04887"
    params = (Param("start", 0.0, low=-10.0, high=10.0, help="the number to start from", search=(0.0, 1.0)),)
    clashes = ("layer_scale",)
    start: float

    def edit_blocks(self, blocks: list[Block]) -> list[Block]:
        """Put the number at the head of every branch; ``Refused`` where no block has room for a shortcut."""
        for block in with_shortcut(blocks):
            block.branch.insert(0, Times(self.start))
        return blocks


class Times(nn.Module):
    """Multiply by one number that is learned."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor(start))

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return self.alpha * x
