"""An autoencoder: a network that gives its input back through a narrow place."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import nn

from workbench import Block


def autoencoder(
    shape: Sequence[int], classes: int, activation: Callable[[], nn.Module], depth: int, width: int, code: int
) -> list[Block]:
    """``depth`` hidden layers of ``width`` units, a code of ``code`` numbers, and the same layers the other way round.

    Inputs that are no vectors are flattened; the output is (batch, numbers in an input). The code and the output are
    linear, so without hidden layers the best it can do are the first ``code`` principal components. ``classes`` play
    no part.
    """
    sizes = [math.prod(shape)] + [width] * depth + [code]
    encoder = [Block(nn.Linear(a, b), activation()) for a, b in pairwise(sizes)]
    decoder = [Block(nn.Linear(b, a), activation()) for a, b in pairwise(sizes)][::-1]
    encoder[-1].activation = decoder[-1].activation = None
    if len(shape) > 1:
        encoder[0].before.append(nn.Flatten())
    return encoder + decoder
