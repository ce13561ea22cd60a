"""Residual connections around the blocks."""

from __future__ import annotations

from workbench import Block, Remedy

from .shortcuts import mark_residual


class Residual(Remedy):
    """Add the input of a block to its output, wherever both have the same shape.

    A block that begins by flattening a picture, or that ends in a pool, is none of these.
    """

    name = "residual"
    title = "Residual connections"
    equation = r"h_{l} = h_{l-1} + f(W_l h_{l-1} + b_l)"
    reference = "He, Zhang, Ren, Sun 2015, arXiv:1512.03385"

    def edit_blocks(self, blocks: list[Block]) -> list[Block]:
        """Mark every block but the last; ``Refused`` for a model with shortcuts of its own, or without room."""
        mark_residual(blocks)
        return blocks
