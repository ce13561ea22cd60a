"""Deep convolutional networks, plain and residual: the same layers, without and with shortcuts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from workbench import Block

from .picture import picture_sides

STAGES = 3


def deep_cnn(
    shape: Sequence[int], classes: int, activation: Callable[[], nn.Module], depth: int, width: int
) -> list[Block]:
    """``depth`` 3 x 3 convolutions in three stages (1, 2 and 4 times ``width`` channels), and one linear layer.

    The first convolution (with an even ``depth`` the first two) opens; the others come in pairs, shared out to the
    stages as evenly as they go. Where a stage begins, a stride of 2 halves height and width. The last maps are averaged
    to one number each. With depth = 6 n + 1 these are the plain networks of He et al. 2015 for CIFAR-10, without norm.
    Raises ``ValueError`` for inputs that are no pictures.
    """
    channels, _, _ = picture_sides("a deep convolutional network", shape, least=1)
    opening = 1 if depth % 2 else 2
    pairs = (depth - opening) // 2
    stages = [0] * opening + [pair * STAGES // pairs for pair in range(pairs) for _ in range(2)]
    sizes = [channels, *(width * 2**stage for stage in stages)]
    blocks = []
    for n, stage in enumerate(stages):
        stride = 2 if n and stage > stages[n - 1] else 1
        layer = nn.Conv2d(sizes[n], sizes[n + 1], 3, stride=stride, padding=1)
        blocks.append(Block(layer, activation()))
    blocks.append(Block(nn.Linear(sizes[-1], classes), before=[nn.AdaptiveAvgPool2d(1), nn.Flatten()]))
    return blocks


def residual_cnn(
    shape: Sequence[int], classes: int, activation: Callable[[], nn.Module], depth: int, width: int
) -> list[Block]:
    """The layers of ``deep_cnn``, so the same weights from the same seed, with a shortcut around every pair.

    What a shortcut brings is added before the second activation of the pair. It has no weights: into another stage
    it takes every second row and column, and the new channels get zeros (option A of He et al. 2015).
    """
    blocks = deep_cnn(shape, classes, activation, depth, width)
    for n in range(1 if depth % 2 else 2, depth, 2):
        first, second = blocks[n], blocks[n + 1]
        second.skip = 2
        if first.layer.stride != (1, 1):
            second.shortcut = Shrink(second.layer.out_channels - first.layer.in_channels)
    return blocks


class Shrink(nn.Module):
    """Every second row and column, and ``new`` channels of zeros behind those that are there."""

    def __init__(self, new: int) -> None:
        super().__init__()
        self.new = new

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, ::2, ::2]
        return torch.cat((x, x.new_zeros(len(x), self.new, *x.shape[2:])), dim=1)
