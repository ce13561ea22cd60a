"""Stochastic depth: blocks that are left out by chance."""

from __future__ import annotations

from workbench import Block, Param, Remedy

from .shortcuts import with_shortcut


class StochasticDepth(Remedy):
    """Leave out what a block adds to its shortcut at random while training, the deeper the block the oftener.

    What stays is divided by its probability, so that its mean is what it is in tests, where nothing is left out. A
    model without shortcuts is given residual ones.
    """

    name = "stochastic_depth"
    title = "Stochastic depth"
    equation = (
        r"h_l = h_{l-1} + \frac{b_l}{1 - p_l}\, F(h_{l-1}), \quad "
        r"P(b_l = 0) = p_l = \frac{l}{L}\, p"
    )
    reference = "Huang et al. 2016, arXiv:1603.09382"
    params = (
        Param("p", 0.5, low=0.0, high=1.0, help="how often the last block is left out", search=(0.05, 0.5)),
        Param(
            "mode", "batch", choices=("batch", "row"), help="drawn once for a batch (as the paper), or for each sample"
        ),
    )
    p: float
    mode: str

    def edit_blocks(self, blocks: list[Block]) -> list[Block]:
        """Put it at the end of every branch; ``Refused`` where no block has room for a shortcut."""
        from torchvision.ops import StochasticDepth as LeftOut  # takes a second to import

        around = with_shortcut(blocks)
        for number, block in enumerate(around, start=1):
            block.branch.append(LeftOut(self.p * number / len(around), self.mode))
        return blocks
