"""Which blocks have a shortcut around them."""

from __future__ import annotations

from torch import nn

from workbench import Block, Refused

RESHAPING = (nn.Flatten, nn.AvgPool2d, nn.MaxPool2d, nn.AdaptiveAvgPool2d)  # what models put beside a layer


def reshapes(block: Block) -> bool:
    """Whether it flattens or pools, so that what comes out of it cannot be what went in and something more."""
    return any(isinstance(part, RESHAPING) for part in block.modules())


def may_keep_shape(block: Block) -> bool:
    """Whether its layer says that it has as many outputs as inputs, as Linear and Conv do (``in_features``, ...).

    A stride may still change the shape; the network looks at that itself.
    """
    sizes = [
        (getattr(block.layer, f"in_{what}", None), getattr(block.layer, f"out_{what}", None))
        for what in ("features", "channels")
    ]
    return not reshapes(block) and any(inputs == outputs and inputs is not None for inputs, outputs in sizes)


def mark_residual(blocks: list[Block]) -> None:
    """Mark every block but the last, and those that reshape, as residual; the network adds where the shapes agree.

    ``Refused`` for a model that has shortcuts of its own, or none of whose hidden blocks can keep its shape.
    """
    if any(block.skip for block in blocks):
        raise Refused("the model has shortcuts of its own already; leave this out, or take a model without")
    if not any(may_keep_shape(block) for block in blocks[:-1]):
        raise Refused(
            "no hidden layer has as many outputs as inputs, so there is nothing to add an input to; "
            "take a model with two or more hidden layers of one width"
        )
    for block in blocks[:-1]:
        if not reshapes(block):
            block.residual = True


def with_shortcut(blocks: list[Block]) -> list[Block]:
    """The blocks to whose own share something is added; if there is no shortcut, they are made residual first."""
    if not any(block.residual or block.skip for block in blocks):
        mark_residual(blocks)
    return [block for block in blocks if block.skip or (block.residual and may_keep_shape(block))]
