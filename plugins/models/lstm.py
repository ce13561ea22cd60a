"""Long short-term memory: a cell that the gradient passes by sums and gates, not by a matrix."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from workbench import Block

from .sequence import ToSteps, steps_of


def lstm(
    shape: Sequence[int], classes: int, activation: Callable[[], nn.Module], width: int, reads: str, forget_bias: float
) -> list[Block]:
    """An LSTM layer of ``width`` cells that reads the input step by step (``steps_of``), then a linear layer.

    The composed activation takes the place of both tanhs, at the cell's entrance and at its exit; the gates are
    sigmoids whatever is composed, since a gate has to lie between 0 and 1.
    """
    steps, numbers = steps_of("lstm", shape, reads)
    return [
        # The cell ends in its activation; without one here remedies would take it for the output, and pass it by.
        Block(Lstm(numbers, width, activation(), forget_bias), nn.Identity(), before=[ToSteps(steps, numbers)]),
        Block(nn.Linear(width, classes)),
    ]


class Lstm(nn.Module):
    """c_t = s(f) c_{t-1} + s(i) a(g) and h_t = s(o) a(c_t), where i, f, g, o = W x_t + U h_{t-1} + b, as in torch.

    The four gates share one matrix W and one U, as in torch and Keras. Biases begin at zero like all others, so
    ``forget_bias`` is a constant that is added to f: the same function, and no initializer can take it away.
    """

    def __init__(self, numbers: int, width: int, activation: nn.Module, forget_bias: float) -> None:
        super().__init__()
        self.input = nn.Linear(numbers, 4 * width)
        self.recurrent = nn.Linear(width, 4 * width, bias=False)
        self.activation = activation
        self.forget_bias = forget_bias

    def forward(self, x: Tensor) -> Tensor:
        """``x`` is (batch, steps, numbers); returns the last h, (batch, width)."""
        h = c = x.new_zeros(len(x), self.recurrent.in_features)
        for given in self.input(x).unbind(1):
            i, f, g, o = (given + self.recurrent(h)).chunk(4, dim=1)
            c = torch.sigmoid(f + self.forget_bias) * c + torch.sigmoid(i) * self.activation(g)
            h = torch.sigmoid(o) * self.activation(c)
        return h
