"""A small convolutional network, LeNet-5 in today's spelling."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn

from workbench import Block

from .picture import picture_sides

POOLS = {"average": nn.AvgPool2d, "max": nn.MaxPool2d}
MAPS = (6, 16)  # channels
UNITS = (120, 84)
KERNEL = 5


def cnn(shape: Sequence[int], classes: int, activation: Callable[[], nn.Module], pool: str) -> list[Block]:
    """Twice a 5 x 5 convolution and a 2 x 2 pool, then three linear layers: 61,706 weights on MNIST.

    The first convolution keeps the size of the picture, the second does so where less than 10 x 10 would shrink to
    nothing much. Raises ``ValueError`` for inputs that are no pictures of at least 4 x 4 pixels.
    """
    channels, height, width = picture_sides("cnn", shape, least=4)
    sides = [height // 2, width // 2]
    padding = KERNEL // 2 if min(sides) < 10 else 0
    sides = [(side + 2 * padding - KERNEL + 1) // 2 for side in sides]
    flat = MAPS[1] * sides[0] * sides[1]
    return [
        Block(nn.Conv2d(channels, MAPS[0], KERNEL, padding=KERNEL // 2), activation(), after=[POOLS[pool](2)]),
        Block(nn.Conv2d(*MAPS, KERNEL, padding=padding), activation(), after=[POOLS[pool](2)]),
        Block(nn.Linear(flat, UNITS[0]), activation(), before=[nn.Flatten()]),
        Block(nn.Linear(*UNITS), activation()),
        Block(nn.Linear(UNITS[1], classes)),
    ]
