"""Dropout behind the activations."""

from __future__ import annotations

from torch import nn

from workbench import Block, Param, Refused, Remedy


def some_stay(p):
    """Raise ``Refused`` for 1: no activation would stay, and what stays is divided by 1 - p."""
    if p >= 1:
        raise Refused(f"{p:g} drops every activation, so nothing is learned; allowed: a number from 0 to below 1")


class Dropout(Remedy):
    """Set activations to 0 at random while training, so that no unit can rely on another.

    What stays is divided by its probability. Every number is drawn by itself, behind a convolution, too: neighbours
    there are alike, so it does less than behind a Linear layer. The outputs of the last layer are left alone.
    """

    name = "dropout"
    title = "Dropout"
    equation = r"h \leftarrow \frac{b \odot h}{1 - p}, \quad P(b_i = 0) = p"
    reference = "Hinton et al. 2012, arXiv:1207.0580"
    params = (
        Param(
            "p", 0.5, low=0.0, high=1.0, rule=some_stay, search=(0.05, 0.8), help="probability that an activation is 0"
        ),
    )
    p: float

    def edit_blocks(self, blocks: list[Block]) -> list[Block]:
        """Put it behind every block but the last."""
        if len(blocks) < 2:
            raise Refused("without a hidden layer there are no activations to drop; take a deeper model")
        for block in blocks[:-1]:
            block.after.append(nn.Dropout(self.p))
        return blocks
