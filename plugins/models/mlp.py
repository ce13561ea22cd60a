"""The multilayer perceptron."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import nn

from workbench import Block


def mlp(shape: Sequence[int], classes: int, activation: Callable[[], nn.Module], depth: int, width: int) -> list[Block]:
    """``depth`` hidden layers of ``width`` units and an output layer; inputs that are no vectors are flattened."""
    sizes = [math.prod(shape)] + [width] * depth
    blocks = [Block(nn.Linear(a, b), activation()) for a, b in pairwise(sizes)]
    blocks.append(Block(nn.Linear(sizes[-1], classes)))
    if len(shape) > 1:
        blocks[0].before.append(nn.Flatten())
    return blocks
