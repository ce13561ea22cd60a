"""Dropout behind the activations."""

from __future__ import annotations

from torch import nn

from workbench import Block, Param, Remedy


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
        Param("p", 0.5, low=0.0, high=1.0, help="probability that an activation is set to 0", search=(0.05, 0.8)),
    )
    p: float

    def edit_blocks(self, blocks: list[Block]) -> list[Block]:
        """Put it behind every block but the last."""
        for block in blocks[:-1]:
            block.after.append(nn.Dropout(self.p))
        return blocks
